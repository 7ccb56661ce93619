/// The connections of one I/O thread: accepts, reads whole clean requests, writes what it is given,
/// keeps every deadline and limit. It knows bytes and exchanges, nothing of HTTP's meaning.
///
/// Owned by the edge actor, which is its `exchange_sink`; everything runs on the loop's thread. A
/// ref that is no longer in flight is harmless: calls with it do nothing and say so. Fails only in
/// `listen`.
///
///     struct echo : exchange_sink {
///       void on_request(exchange_ref ref, clean_request&& request) override {
///         edge.answer(ref, render(request, edge.is_keep_alive(ref)), true);
///       } …
///       reactor edge{loop, routes, *this, {}};
///     };
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/io_loop.hpp"
#include "http/answer.hpp"
#include "http/guard.hpp"
#include "http/listener.hpp"
#include "http/peer_address.hpp"

namespace parley::http {

/// Names one exchange (a request and its answer); a connection's next exchange has another name.
struct exchange_ref {
  uint32_t slot = 0;
  uint32_t generation = 0;
  friend bool operator==(const exchange_ref&, const exchange_ref&) = default;
};

/// What the owner of a reactor is told. Each call may call the reactor back at once.
class exchange_sink {
 public:
  virtual ~exchange_sink() = default;
  /// Every ref given out here or in on_refused is to be ended by `answer`, `end_stream` or `abort`,
  /// unless `on_gone` comes first.
  virtual void on_request(exchange_ref ref, clean_request&& request) = 0;
  /// A request that was none: answer it with its status.
  virtual void on_refused(exchange_ref ref, refusal&& why) = 0;
  /// The client has left, stopped taking bytes or `close_all` came; `ref` is dead.
  virtual void on_gone(exchange_ref ref) = 0;
  /// A stream that was over its mark has room again.
  virtual void on_writable(exchange_ref ref) = 0;
  /// After `drain`: the last connection is closed.
  virtual void on_drained() {}
};

struct reactor_settings {
  guard_limits guard = {};
  listener_settings listener = {};
  std::chrono::milliseconds head_time_max{10'000};  ///< from the first byte, in all
  std::chrono::milliseconds body_time_max{30'000};  ///< and one more second each `body_bytes_per_s`
  size_t body_bytes_per_s = 50'000;
  std::chrono::milliseconds idle_time_max{15'000};
  std::chrono::milliseconds write_stall_max{30'000};
  std::chrono::milliseconds linger_time_max{2'000};
  size_t out_bytes_max = 256 * 1024;  ///< unsent bytes of a stream
  size_t bodies_bytes_max = 64 * 1024 * 1024;
  uint32_t requests_per_connection_max = 1000;
  uint32_t connections_max = 20'000;
  /// Of one address, without an admitted request.
  uint32_t strangers_per_address_max = 64;
  /// Without an admitted request, in all.
  uint32_t strangers_max = 1024;
  /// Their connections carry many clients: not counted.
  std::vector<address_range> trusted_proxies = {};
};

struct reactor_counters {
  uint64_t requests = 0;
  uint64_t refused = 0;      ///< requests that the guard or a limit refused
  uint64_t turned_away = 0;  ///< connections over a limit, answered 503
  uint64_t timeouts = 0;     ///< heads and bodies that came too slowly
  uint64_t stalls = 0;       ///< clients that took no byte for too long
  uint64_t gone = 0;         ///< exchanges whose client left
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint32_t connections = 0;  ///< open now
  uint32_t strangers = 0;    ///< of them, without an admitted request
  uint32_t exchanges = 0;    ///< in flight now, streams included
  uint32_t streams = 0;      ///< open now
  size_t bodies_bytes = 0;   ///< reserved for bodies now
};

class reactor final : private io_round_end {
 public:
  /// `routes` and `sink` must outlive the reactor.
  reactor(io_loop& loop, const route_table& routes, exchange_sink& sink, reactor_settings settings);
  /// Closes what is open without telling the sink.
  ~reactor() override;

  /// `address` is an IP address; port 0 takes a free one. Other reactors may share the port.
  expected<void> listen(const std::string& address, uint16_t port);
  uint16_t port() const { return listener_.port(); }

  /// The whole answer, head and body. The connection is kept only if `is_keep_alive` allows it too.
  bool answer(exchange_ref ref, std::string bytes, bool keep_alive);
  /// `head_bytes` is a whole response head; afterwards come `write` and `end_stream`.
  bool begin_stream(exchange_ref ref, std::string_view head_bytes, stream_framing framing);
  /// All of `bytes` or, if they do not fit into `room`, none of them: then false, and `on_writable`
  /// follows. Sent at the end of the loop's round, together with what else was written.
  bool write(exchange_ref ref, std::string_view bytes);
  bool end_stream(exchange_ref ref);
  /// Cuts the connection, so that nobody takes what was written for the whole.
  void abort(exchange_ref ref);

  /// Bytes written but not yet taken by the kernel.
  size_t unsent(exchange_ref ref) const;
  /// How many bytes a stream takes now. A slice of up to half of `out_bytes_max` always fits once
  /// `on_writable` has come.
  size_t room(exchange_ref ref) const;
  /// Whether the client has taken nearly all that was written to its stream; if not, `on_writable`
  /// follows once it has.
  bool is_drained(exchange_ref ref);
  bool is_in_flight(exchange_ref ref) const { return find(ref) != nullptr; }
  /// Whether the connection may serve another request: the client's wish, the number of requests,
  /// drain. The answer's Connection header should say the same.
  bool is_keep_alive(exchange_ref ref) const;
  /// The socket's address.
  peer_address peer(exchange_ref ref) const;
  /// The caller is known: its connection no longer counts as a stranger's.
  void admit(exchange_ref ref);

  /// Accepts no more, closes idle connections, finishes what runs; then `on_drained`.
  void drain();
  /// Closes everything at once, telling `on_gone` of each exchange.
  void close_all();

  const reactor_counters& counters() const { return counters_; }
  const listener_counters& accept_counters() const { return listener_.counters(); }

 private:
  struct connection;
  enum class state : uint8_t;
  static constexpr size_t read_bytes_max = 64 * 1024;
  /// A stream that has fewer bytes unsent is offered room again.
  size_t writable_mark() const { return settings_.out_bytes_max / 16; }

  // Connections: their lives.
  void take_connection(int fd, const peer_address& peer);
  bool has_room_for(const peer_address& peer) const;
  void close(connection& c);
  void linger(connection& c);
  void forget_stranger(connection& c);
  void report_drained();

  // Reading.
  void on_ready(connection& c, uint32_t events);
  void read(connection& c);
  void take_input(connection& c, std::string_view input);
  void follow_guard(connection& c, std::string_view rest);
  bool reserve_body(connection& c);
  void release_body(connection& c);
  void read_next(connection& c);
  void discard_input(connection& c);

  // Exchanges.
  connection* find(exchange_ref ref) const;
  exchange_ref begin_exchange(connection& c);
  void end_exchange(connection& c);
  void refuse(connection& c, refusal&& why);
  bool finish(connection& c, bool keep_alive);

  // Writing.
  void on_round_end() override;
  void request_flush(connection& c);
  void flush(connection& c);
  void after_flush(connection& c, bool has_progress);
  void update_interest(connection& c);

  void on_due(connection& c);

  io_loop* loop_;
  const route_table* routes_;
  exchange_sink* sink_;
  reactor_settings settings_;
  listener listener_;
  reactor_counters counters_;
  std::vector<std::unique_ptr<connection>> connections_;  ///< by slot; places are used again
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> to_flush_;
  std::unordered_map<peer_address, uint32_t, peer_address_hash> strangers_;
  std::unique_ptr<char[]> read_buffer_;  ///< shared: what is left of a read moves to its connection
  bool is_draining_ = false;
};

}  // namespace parley::http

template <>
struct std::hash<parley::http::exchange_ref> {
  size_t operator()(const parley::http::exchange_ref& ref) const {
    return std::hash<uint64_t>{}(static_cast<uint64_t>(ref.generation) << 32 | ref.slot);
  }
};
