/// One client connection of a load tool: a request, then its response in pieces, then the next.
///
/// Owned by the loop; whoever opened it is the sink and hears of everything, until `close`. After
/// `on_broken` the connection is gone.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <string_view>

#include "bench/load/event_loop.hpp"
#include "bench/load/http_text.hpp"

namespace parley::bench {

class response_sink {
 public:
  virtual ~response_sink() = default;
  virtual void on_head(int status, const http_head& head) = 0;
  virtual void on_body(std::string_view piece) = 0;
  /// The response is whole. `can_reuse`: another request may be sent on this connection.
  virtual void on_end(bool can_reuse) = 0;
  virtual void on_broken(std::string_view why) = 0;
};

class client_connection final : public event_source {
 public:
  /// Connects at once, without blocking.
  static client_connection* open(event_loop& loop, const sockaddr_in& address, response_sink& sink);
  ~client_connection() override;

  /// Only when no response is under way.
  void send(std::string request);
  void close();

  void on_ready(uint32_t events) override;

 private:
  enum class phase { idle, head, body };
  enum class framing { length, chunked, until_close };

  client_connection(event_loop& loop, response_sink& sink) : loop_(loop), sink_(sink) {}
  void flush();
  void receive();
  void take(std::string_view text);
  bool take_head();
  void take_body(std::string_view text);
  void end_response();
  void break_off(std::string_view why);

  event_loop& loop_;
  response_sink& sink_;
  int descriptor_ = -1;
  bool is_connected_ = false;
  bool can_reuse_ = true;
  phase phase_ = phase::idle;
  framing framing_ = framing::length;
  uint64_t left_ = 0;
  chunk_decoder chunks_;
  std::string head_text_;
  std::string decoded_;
  std::string out_;
};

}  // namespace parley::bench
