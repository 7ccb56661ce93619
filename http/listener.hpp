/// One listening socket of a reactor: accepts until it is closed, whatever accept() answers.
///
/// Owned by a reactor, on its loop's thread. Out of descriptors it accepts with a spare one and
/// says 503; other errors are waited out (1 to 100 ms). Only opening it can fail.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <string>

#include "base/io_loop.hpp"
#include "http/peer_address.hpp"

namespace parley::http {

struct listener_settings {
  int backlog = 1024;
  /// Descriptors left to the rest of the process: database, log, upstreams.
  int descriptors_reserved = 64;
  std::chrono::milliseconds write_stall_max{30'000};
  /// Sent to whom there is no room for.
  std::string busy_answer =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
      "Content-Length: 0\r\n\r\n";
  /// Replaced by tests that need its errors.
  int (*accept)(int, sockaddr*, socklen_t*, int) = &::accept4;
};

struct listener_counters {
  uint64_t accepted = 0;
  uint64_t busy = 0;    ///< answered 503 for lack of descriptors
  uint64_t errors = 0;  ///< of accept, each followed by a pause
};

class listener final : private io_watcher {
 public:
  /// `on_accept` gets a non-blocking socket and owns it from then on.
  using accept_handler = std::function<void(int fd, const peer_address& peer)>;

  listener(io_loop& loop, listener_settings settings, accept_handler on_accept);
  ~listener() override;
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  /// `address` is an IP address; port 0 takes a free one. Several listeners may share a port.
  expected<void> open(const std::string& address, uint16_t port);
  void close();
  uint16_t port() const { return port_; }
  const listener_counters& counters() const { return counters_; }
  /// Says 503 and closes.
  void turn_away(int fd);

 private:
  void on_ready(uint32_t events) override;
  bool handle_accept_error(int code);
  void accept_with_spare();
  void pause();

  io_loop* loop_;
  listener_settings settings_;
  accept_handler on_accept_;
  io_timer resume_;
  listener_counters counters_;
  watch_id watch_ = 0;
  int fd_ = -1;
  int spare_fd_ = -1;
  int descriptors_max_ = 0;
  uint16_t port_ = 0;
  std::chrono::milliseconds pause_{0};
};

/// Whether nobody listens there yet: errc::conflict otherwise. `open` can't tell, because listeners
/// of one user share a port without a word: two servers would each get half of the connections.
expected<void> check_port_is_free(const std::string& address, uint16_t port);

}  // namespace parley::http
