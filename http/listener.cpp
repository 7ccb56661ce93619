#include "http/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace parley::http {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds pause_min{1};
constexpr milliseconds pause_max{100};
// One loop round must not belong to newcomers alone.
constexpr int unsent_bytes_max = 32 << 10;  // in the kernel, of one connection
constexpr int accepts_per_round_max = 128;

error system_error(const char* what) {
  return make_error(errc::unavailable, std::string{what} + ": " + std::strerror(errno));
}

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int open_spare() {
  return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT32_MAX) return INT32_MAX;
  return static_cast<int>(limit.rlim_cur);
}

socklen_t fill(sockaddr_storage& to, const peer_address& address, bool is_ipv4, uint16_t port) {
  if (is_ipv4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes.data() + 12, 4);
    std::memcpy(&to, &in, sizeof in);
    return sizeof in;
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, address.bytes.data(), 16);
  std::memcpy(&to, &in6, sizeof in6);
  return sizeof in6;
}

uint16_t bound_port(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // The port stands at the same place in both families.
  return ntohs(reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

listener::listener(io_loop& loop, listener_settings settings, accept_handler on_accept)
    : loop_(&loop),
      settings_(std::move(settings)),
      on_accept_(std::move(on_accept)),
      resume_([this] { loop_->change(watch_, EPOLLIN); }) {}

listener::~listener() {
  close();
}

expected<void> listener::open(const std::string& address, uint16_t port) {
  auto parsed = peer_address::parse(address);
  if (!parsed) return make_error(errc::invalid_input, "Not an IP address: " + address);
  auto is_ipv4 = parsed->is_ipv4();
  fd_ = ::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return system_error("socket");
  sockaddr_storage to{};
  auto size = fill(to, *parsed, is_ipv4, port);
  // On Linux accepted sockets inherit the TCP options. TCP_USER_TIMEOUT ends connections whose peer
  // has vanished without a word, which no write would notice for a quarter of an hour.
  // TCP_NOTSENT_LOWAT leaves what a peer does not take with whoever wrote it: the kernel would keep
  // megabytes for each, and a reader that reads nothing would seem to keep up for as long.
  auto stall_ms = static_cast<int>(settings_.write_stall_max.count());
  auto is_open = set_option(fd_, SOL_SOCKET, SO_REUSEADDR, 1) &&
                 set_option(fd_, SOL_SOCKET, SO_REUSEPORT, 1) &&
                 set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1) &&
                 set_option(fd_, IPPROTO_TCP, TCP_USER_TIMEOUT, stall_ms) &&
                 set_option(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_bytes_max) &&
                 ::bind(fd_, reinterpret_cast<sockaddr*>(&to), size) == 0 &&
                 ::listen(fd_, settings_.backlog) == 0;
  auto failure = system_error("listen");
  if (is_open) {
    auto watch = loop_->watch(fd_, EPOLLIN, *this);
    if (watch) {
      watch_ = *watch;
      port_ = bound_port(fd_);
      spare_fd_ = open_spare();
      descriptors_max_ = descriptor_limit() - settings_.descriptors_reserved;
      return {};
    }
    failure = std::move(watch.error());
  }
  close();
  return failure;
}

expected<void> check_port_is_free(const std::string& address, uint16_t port) {
  auto parsed = peer_address::parse(address);
  if (!parsed) return make_error(errc::invalid_input, "Not an IP address: " + address);
  auto is_ipv4 = parsed->is_ipv4();
  auto fd = ::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return system_error("socket");
  sockaddr_storage to{};
  auto size = fill(to, *parsed, is_ipv4, port);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  auto is_taken = ::bind(fd, reinterpret_cast<sockaddr*>(&to), size) != 0 && errno == EADDRINUSE;
  ::close(fd);
  if (!is_taken) return {};
  return make_error(errc::conflict, "port_taken",
                    "listen: another program has port " + std::to_string(port) + " of " + address +
                        "; stop it or choose another one.");
}

void listener::close() {
  resume_.cancel();
  loop_->unwatch(std::exchange(watch_, 0));
  for (auto* fd : {&fd_, &spare_fd_})
    if (*fd >= 0) ::close(std::exchange(*fd, -1));
}

void listener::on_ready(uint32_t) {
  for (int i = 0; i < accepts_per_round_max && fd_ >= 0; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    auto* to = reinterpret_cast<sockaddr*>(&address);
    auto fd = settings_.accept(fd_, to, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (handle_accept_error(errno)) continue;
      return;
    }
    pause_ = milliseconds{0};
    ++counters_.accepted;
    // The kernel gives out the lowest free number, so a high one means that few are left.
    if (fd >= descriptors_max_)
      turn_away(fd);
    else
      on_accept_(fd, peer_address::from(address));
  }
}

// True: try again at once.
bool listener::handle_accept_error(int code) {
  if (code == EAGAIN || code == EWOULDBLOCK) return false;
  // The fault of one newcomer, who is gone already.
  if (code == EINTR || code == ECONNABORTED) return true;
  ++counters_.errors;
  if (code == EMFILE || code == ENFILE) accept_with_spare();
  pause();
  return false;
}

void listener::accept_with_spare() {
  if (spare_fd_ < 0) spare_fd_ = open_spare();
  if (spare_fd_ < 0) return;
  ::close(spare_fd_);
  auto fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) turn_away(fd);
  spare_fd_ = open_spare();
}

void listener::turn_away(int fd) {
  ++counters_.busy;
  auto& answer = settings_.busy_answer;
  // An empty socket buffer takes it whole; whoever has gone misses nothing.
  [[maybe_unused]] auto sent =
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(fd, SHUT_WR);
  ::close(fd);
}

// The descriptor stays readable: without a pause the loop would spin.
void listener::pause() {
  pause_ = std::clamp(pause_ * 2, pause_min, pause_max);
  loop_->change(watch_, 0);
  resume_.arm(*loop_, pause_);
}

}  // namespace parley::http
