/// One connection of a reactor. An idle one holds no buffers; private to http/reactor*.cpp.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include "http/reactor.hpp"

namespace parley::http {

enum class reactor::state : uint8_t {
  idle,       ///< waits for the first byte of a request
  head,       ///< the guard is in the head
  body,       ///< the guard is in the body
  answering,  ///< an exchange is with the sink
  streaming,  ///< the same, its head is written
  flushing,   ///< the answer is complete, not all of it is sent
  lingering,  ///< our side is closed; what still comes is thrown away, lest it reset our answer
};

struct reactor::connection final : io_watcher {
  connection(reactor& its_owner, uint32_t its_slot)
      : owner(its_owner), slot(its_slot), timer([this] { owner.on_due(*this); }) {}

  void on_ready(uint32_t events) override { owner.on_ready(*this, events); }

  bool is_open() const { return fd >= 0; }
  bool is_in_exchange() const { return at == state::answering || at == state::streaming; }
  bool is_reading() const { return at == state::idle || at == state::head || at == state::body; }
  size_t unsent() const { return out.size() - out_sent; }

  reactor& owner;
  const uint32_t slot;
  uint32_t generation = 1;  ///< of the exchange in flight, or of the last one
  int fd = -1;
  watch_id watch = 0;
  peer_address peer;
  io_timer timer;                 ///< the one deadline that the state has
  std::unique_ptr<guard> reader;  ///< while a request comes in
  std::chrono::steady_clock::time_point body_since;
  std::string in;  ///< bytes of the next request that came with this one
  std::string out;
  size_t out_sent = 0;  ///< of `out`
  size_t body_reserved = 0;
  uint32_t requests = 0;
  state at = state::idle;
  stream_framing framing = stream_framing::chunked;
  bool is_stranger = false;  ///< counts against its address
  bool wants_keep_alive = false;
  bool is_kept = false;         ///< after the answer
  bool is_refused = false;      ///< unread bytes of a refused request may be on the way
  bool is_paused = false;       ///< has bytes that we do not want yet
  bool is_half_closed = false;  ///< the client has said its last
  bool is_over_mark = false;    ///< the sink waits for on_writable
  bool has_flush_request = false;
  bool is_flush_blocked = false;  ///< the kernel takes no more for now
};

}  // namespace parley::http
