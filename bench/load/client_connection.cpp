#include "bench/load/client_connection.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace parley::bench {

client_connection* client_connection::open(event_loop& loop, const sockaddr_in& address,
                                           response_sink& sink) {
  auto connection = std::unique_ptr<client_connection>{new client_connection{loop, sink}};
  const auto descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return nullptr;
  connection->descriptor_ = descriptor;
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto status =
      ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  if (status != 0 && errno != EINPROGRESS) return nullptr;
  loop.watch(descriptor, *connection, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
  return &loop.adopt(std::move(connection));
}

client_connection::~client_connection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void client_connection::send(std::string request) {
  out_ = std::move(request);
  phase_ = phase::head;
  if (is_connected_) flush();
}

void client_connection::close() {
  if (is_retired()) return;
  ::close(descriptor_);
  descriptor_ = -1;
  loop_.retire(*this);
}

void client_connection::break_off(std::string_view why) {
  if (is_retired()) return;
  close();
  sink_.on_broken(why);
}

void client_connection::on_ready(uint32_t events) {
  if (!is_connected_ && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
    int fault = 0;
    socklen_t length = sizeof fault;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &fault, &length);
    if (fault != 0) return break_off(std::string{"connect: "} + std::strerror(fault));
    is_connected_ = true;
    flush();
  } else if ((events & EPOLLOUT) != 0) {
    flush();
  }
  if (!is_retired() && (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) receive();
}

void client_connection::flush() {
  while (!out_.empty()) {
    const auto sent = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) {
      return loop_.rewatch(descriptor_, *this, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    }
    if (sent < 0) return break_off(std::string{"send: "} + std::strerror(errno));
    out_.erase(0, static_cast<size_t>(sent));
  }
  out_ = {};
  loop_.rewatch(descriptor_, *this, EPOLLIN | EPOLLRDHUP);
}

void client_connection::receive() {
  // One buffer for all: whatever is kept is copied out of it.
  static std::array<char, 64 * 1024> buffer;
  const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count < 0) return break_off(std::string{"receive: "} + std::strerror(errno));
  if (count > 0) return take({buffer.data(), static_cast<size_t>(count)});
  can_reuse_ = false;
  if (phase_ == phase::body && framing_ == framing::until_close) return end_response();
  break_off(phase_ == phase::idle ? "closed while idle" : "closed within a response");
}

void client_connection::take(std::string_view text) {
  if (phase_ == phase::idle) return break_off("bytes nobody asked for");
  if (phase_ == phase::body) return take_body(text);
  head_text_.append(text);
  if (!take_head()) return;
  const auto rest = std::move(head_text_);
  head_text_ = {};
  if (framing_ == framing::length && left_ == 0) return end_response();
  if (!rest.empty()) take_body(rest);
}

/// Leaves in head_text_ what follows the head.
bool client_connection::take_head() {
  http_head head;
  const auto state = parse_head(head_text_, head);
  if (state == head_state::incomplete) return false;
  const auto status = head.first_line.starts_with("HTTP/1.") && head.first_line.size() >= 12
                          ? parse_number(head.first_line.substr(9, 3))
                          : std::nullopt;
  if (state == head_state::bad || !status) {
    break_off("not HTTP");
    return false;
  }
  const auto length = head.field("content-length");
  left_ = parse_number(length).value_or(0);
  framing_ = equals_ignoring_case(head.field("transfer-encoding"), "chunked") ? framing::chunked
             : length.empty() && *status != 204                               ? framing::until_close
                                                                              : framing::length;
  can_reuse_ =
      framing_ != framing::until_close && !equals_ignoring_case(head.field("connection"), "close");
  chunks_.reset();
  phase_ = phase::body;
  sink_.on_head(static_cast<int>(*status), head);
  head_text_.erase(0, head.bytes);
  return !is_retired();
}

void client_connection::take_body(std::string_view text) {
  if (framing_ != framing::chunked) {
    const auto piece = framing_ == framing::length ? text.substr(0, left_) : text;
    left_ -= framing_ == framing::length ? piece.size() : 0;
    sink_.on_body(piece);
    if (!is_retired() && framing_ == framing::length && left_ == 0) end_response();
    return;
  }
  decoded_.clear();
  const auto used = chunks_.decode(text, decoded_);
  if (!decoded_.empty()) sink_.on_body(decoded_);
  if (is_retired()) return;
  if (chunks_.is_broken()) return break_off("a broken chunk");
  if (!chunks_.is_whole()) return;
  if (used < text.size()) return break_off("bytes behind the last chunk");
  end_response();
}

void client_connection::end_response() {
  phase_ = phase::idle;
  if (!can_reuse_) close();
  sink_.on_end(can_reuse_);
}

}  // namespace parley::bench
