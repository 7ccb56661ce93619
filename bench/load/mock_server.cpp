#include "bench/load/mock_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "bench/load/http_text.hpp"
#include "bench/load/mock_connection.hpp"

namespace parley::bench {

mock_server::mock_server(event_loop& loop, mock_options options)
    : loop_(loop), options_(std::move(options)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener_ < 0) give_up("socket", errno);
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (::bind(listener_, generic, length) != 0) give_up("bind", errno);
  if (::listen(listener_, 4096) != 0) give_up("listen", errno);
  if (::getsockname(listener_, generic, &length) != 0) give_up("getsockname", errno);
  port_ = ntohs(address.sin_port);
  loop_.watch(listener_, *this, EPOLLIN);
}

mock_server::~mock_server() {
  if (listener_ >= 0) ::close(listener_);
}

void mock_server::on_ready(uint32_t) {
  constexpr int accepts_max = 64;  // a round; the listener is level triggered
  for (int i = 0; i < accepts_max; ++i) {
    if (counters_.open_sockets >= options_.sockets_max) return pause_accepting();
    const auto descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno != EAGAIN) pause_accepting();
      return;
    }
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ++counters_.sockets;
    ++counters_.open_sockets;
    auto& connection = loop_.adopt(std::make_unique<mock_connection>(*this, descriptor));
    loop_.watch(descriptor, connection, EPOLLIN | EPOLLRDHUP);
  }
}

void mock_server::pause_accepting() {
  loop_.rewatch(listener_, *this, 0);
  loop_.arm_in(*this, 10);
}

void mock_server::on_due() {
  loop_.rewatch(listener_, *this, EPOLLIN);
}

uint64_t mock_server::count_call(const std::string& model) {
  constexpr size_t names_max = 1000;
  const bool is_full = calls_by_model_.size() >= names_max && !calls_by_model_.contains(model);
  return calls_by_model_[is_full ? "others" : model]++;
}

std::string mock_server::counters_json() const {
  std::string json = "{";
  const auto add = [&json](std::string_view name, uint64_t number) {
    json += "\"" + std::string{name} + "\":" + std::to_string(number) + ",";
  };
  add("requests", counters_.requests);
  add("malformed", counters_.malformed);
  add("sockets", counters_.sockets);
  add("openSockets", counters_.open_sockets);
  add("openStreams", counters_.open_streams);
  add("openStreamsPeak", counters_.open_streams_peak);
  add("streams", counters_.streams);
  add("streamsFinished", counters_.streams_finished);
  add("streamsBroken", counters_.streams_broken);
  add("streamsAbandoned", counters_.streams_abandoned);
  add("tokens", counters_.tokens);
  add("bodyBytes", counters_.body_bytes);
  add("stalls", counters_.stalls);
  json += "\"callsByModel\":{";
  bool is_first = true;
  for (const auto& [name, calls] : calls_by_model_) {
    if (!is_first) json += ',';
    is_first = false;
    append_json_string(json, name);
    json += ":" + std::to_string(calls);
  }
  return json + "}}";
}

}  // namespace parley::bench
