#include "tests/support/scripted_upstream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <mutex>
#include <thread>

namespace parley::test {

namespace {

using clock = std::chrono::steady_clock;
using kind = script_step::kind;

struct connection {
  std::string in;
  std::string out;
  script steps;
  size_t step_at = 0;
  clock::time_point resume_at{};
  bool is_playing = false;
  bool is_closed = false;
  bool is_reset = false;
};

/// The size of the first whole request, 0 if it is not there yet.
size_t request_size(const std::string& in) {
  auto head = in.find("\r\n\r\n");
  if (head == in.npos) return 0;
  size_t body = 0;
  if (auto at = in.find("Content-Length: "); at < head)
    body = std::strtoul(in.c_str() + at + 16, nullptr, 10);
  return in.size() >= head + 4 + body ? head + 4 + body : 0;
}

}  // namespace

struct scripted_upstream::state {
  answerer answer;
  int listener = -1;
  int wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  uint16_t port = 0;
  mutable std::mutex mutex;  // guards the four members below
  size_t releases = 0;
  scripted_counts counts;
  std::vector<std::string> requests;
  bool is_stopping = false;
  std::map<int, connection> connections;
  std::thread thread;

  void open() {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, generic, sizeof address) != 0 || ::listen(listener, 1024) != 0 ||
        ::getsockname(listener, generic, &length) != 0)
      std::abort();
    port = ntohs(address.sin_port);
  }

  void wake_up() const {
    uint64_t one = 1;
    if (::write(wake, &one, sizeof one) < 0) std::abort();
  }

  void run() {
    while (true) {
      {
        std::lock_guard guard{mutex};
        if (is_stopping) return;
        counts.open = connections.size();
      }
      std::vector<pollfd> fds{{wake, POLLIN, 0}, {listener, POLLIN, 0}};
      for (auto& [fd, c] : connections) {
        short events = POLLIN;
        if (!c.out.empty()) events |= POLLOUT;
        fds.push_back({fd, events, 0});
      }
      ::poll(fds.data(), fds.size(), wait_ms());
      uint64_t wakes = 0;
      if (fds[0].revents && ::read(wake, &wakes, sizeof wakes) < 0) std::abort();
      if (fds[1].revents) accept_all();
      for (size_t i = 2; i < fds.size(); ++i) {
        auto& c = connections[fds[i].fd];
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR)) read_from(fds[i].fd, c);
      }
      for (auto& [fd, c] : connections) play(fd, c);
      std::erase_if(connections, [](auto& item) {
        auto& [fd, c] = item;
        if (!c.is_closed) return false;
        linger how{1, 0};
        if (c.is_reset) ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &how, sizeof how);
        ::close(fd);
        return true;
      });
    }
  }

  int wait_ms() const {
    auto result = 1000;
    for (auto& [fd, c] : connections) {
      if (!c.is_playing || c.step_at >= c.steps.size() || c.steps[c.step_at].what != kind::pause)
        continue;
      auto left = std::chrono::ceil<std::chrono::milliseconds>(c.resume_at - clock::now()).count();
      result = std::min(result, static_cast<int>(std::max<int64_t>(left, 0)));
    }
    return result;
  }

  void accept_all() {
    while (true) {
      auto fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      connections[fd];
      std::lock_guard guard{mutex};
      ++counts.accepted;
      counts.open = connections.size();
    }
  }

  static void read_from(int fd, connection& c) {
    char buffer[65536];
    while (true) {
      auto size = ::recv(fd, buffer, sizeof buffer, 0);
      if (size > 0) {
        c.in.append(buffer, static_cast<size_t>(size));
        continue;
      }
      if (size == 0 || (errno != EAGAIN && errno != EINTR)) c.is_closed = true;
      return;
    }
  }

  void play(int fd, connection& c) {
    while (!c.is_closed) {
      if (!c.is_playing) {
        auto size = request_size(c.in);
        if (size == 0) return;
        auto request = c.in.substr(0, size);
        c.in.erase(0, size);
        {
          std::lock_guard guard{mutex};
          ++counts.requests;
          requests.push_back(request);
        }
        c.steps = answer(request);
        c.step_at = 0;
        c.is_playing = true;
        c.resume_at = {};
      }
      if (!flush(fd, c)) return;
      if (c.step_at == c.steps.size()) {
        c.is_playing = false;
        continue;
      }
      if (!take_step(c)) return;
    }
  }

  /// Whether the next step may follow at once.
  bool take_step(connection& c) {
    auto& step = c.steps[c.step_at];
    switch (step.what) {
      case kind::send:
        c.out += step.bytes;
        ++c.step_at;
        return true;
      case kind::endless:
        c.out += step.bytes;
        return true;
      case kind::pause:
        if (c.resume_at == clock::time_point{}) c.resume_at = clock::now() + step.span;
        if (clock::now() < c.resume_at) return false;
        c.resume_at = {};
        ++c.step_at;
        return true;
      case kind::hang:
        return false;
      case kind::wait: {
        std::lock_guard guard{mutex};
        if (releases == 0) return false;
        --releases;
        ++c.step_at;
        return true;
      }
      case kind::reset:
        c.is_reset = true;
        [[fallthrough]];
      case kind::close:
        c.is_closed = true;
        return false;
    }
    return false;
  }

  static bool flush(int fd, connection& c) {
    while (!c.out.empty()) {
      auto size = ::send(fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
      if (size <= 0) {
        if (errno != EAGAIN) c.is_closed = true;
        return false;
      }
      c.out.erase(0, static_cast<size_t>(size));
    }
    return true;
  }
};

scripted_upstream::scripted_upstream(answerer answer) : state_(std::make_unique<state>()) {
  state_->answer = std::move(answer);
  state_->open();
  state_->thread = std::thread{[this] { state_->run(); }};
}

scripted_upstream::~scripted_upstream() {
  {
    std::lock_guard guard{state_->mutex};
    state_->is_stopping = true;
  }
  state_->wake_up();
  state_->thread.join();
  for (auto& [fd, c] : state_->connections) ::close(fd);
  ::close(state_->listener);
  ::close(state_->wake);
}

void scripted_upstream::release() {
  {
    std::lock_guard guard{state_->mutex};
    ++state_->releases;
  }
  state_->wake_up();
}

uint16_t scripted_upstream::port() const {
  return state_->port;
}

std::string scripted_upstream::url() const {
  return "http://127.0.0.1:" + std::to_string(state_->port);
}

scripted_counts scripted_upstream::counts() const {
  std::lock_guard guard{state_->mutex};
  return state_->counts;
}

std::vector<std::string> scripted_upstream::requests() const {
  std::lock_guard guard{state_->mutex};
  return state_->requests;
}

bool scripted_upstream::wait_for_no_connection() const {
  auto until = clock::now() + std::chrono::seconds{10};
  while (clock::now() < until) {
    if (counts().open == 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return false;
}

std::string whole_response(int status, const std::string& content_type, const std::string& body,
                           const std::string& more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\nContent-Type: " + content_type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_headers + "\r\n" +
         body;
}

std::string stream_head(int status) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Scripted\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
         "Transfer-Encoding: chunked\r\n\r\n";
}

std::string stream_chunk(const std::string& bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + bytes + "\r\n";
}

std::string stream_end() {
  return "0\r\n\r\n";
}

}  // namespace parley::test
