// Bytes in and out of a reactor's connections, and their deadlines.
#include <algorithm>
#include <cerrno>
#include <new>

#include "http/connection.hpp"
#include "http/reactor.hpp"

namespace parley::http {

namespace {

using std::chrono::milliseconds;

bool has_would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

}  // namespace

void reactor::on_ready(connection& c, uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close(c);
  auto generation = c.generation;
  if ((events & EPOLLOUT) != 0) flush(c);
  if (!c.is_open() || c.generation != generation) return;
  if ((events & EPOLLIN) != 0) {
    if (c.is_reading()) {
      read(c);
    } else if (c.at == state::lingering) {
      discard_input(c);
    } else {
      // The next request waits in the kernel until this one is answered.
      c.is_paused = true;
      update_interest(c);
    }
  }
  if ((events & EPOLLRDHUP) == 0 || !c.is_open()) return;
  if (c.is_in_exchange()) return close(c);
  if (c.at == state::flushing) {
    c.is_half_closed = true;
    update_interest(c);
  }
}

// -- Reading -------------------------------------------------------------------------------------

void reactor::read(connection& c) {
  auto count = ::recv(c.fd, read_buffer_.get(), read_bytes_max, MSG_DONTWAIT);
  if (count > 0) {
    counters_.bytes_in += static_cast<uint64_t>(count);
    try {
      return take_input(c, {read_buffer_.get(), static_cast<size_t>(count)});
    } catch (const std::bad_alloc&) {
      // Whoever there is no memory for goes; all the others stay.
      return close(c);
    }
  }
  if (count < 0 && (has_would_block() || errno == EINTR)) return;
  close(c);
}

void reactor::take_input(connection& c, std::string_view input) {
  if (!c.reader) c.reader = std::make_unique<guard>(*routes_, settings_.guard);
  c.reader->feed(input);
  follow_guard(c, input);
}

void reactor::follow_guard(connection& c, std::string_view rest) {
  switch (c.reader->at()) {
    case guard::phase::idle:
      return;
    case guard::phase::head:
      if (c.at == state::idle) c.timer.arm(*loop_, settings_.head_time_max);
      c.at = state::head;
      return;
    case guard::phase::body:
      if (!reserve_body(c)) return;
      if (c.at != state::body) {
        c.body_since = loop_->now();
        c.timer.arm(*loop_, settings_.body_time_max);
      }
      c.at = state::body;
      if (c.reader->take_continue()) {
        c.out.append("HTTP/1.1 100 Continue\r\n\r\n");
        request_flush(c);
      }
      return;
    case guard::phase::refused: {
      c.in.clear();
      auto why = c.reader->take_refusal();
      if (why.is_framed) c.in.assign(rest);
      return refuse(c, std::move(why));
    }
    case guard::phase::complete:
      break;
  }
  if (!reserve_body(c)) return;
  auto request = c.reader->take_request();
  c.reader.reset();
  c.in.assign(rest);
  c.wants_keep_alive = request.head.is_keep_alive;
  ++counters_.requests;
  auto ref = begin_exchange(c);
  sink_->on_request(ref, std::move(request));
}

// All bodies together have a limit; what is announced counts before it is read.
bool reactor::reserve_body(connection& c) {
  auto wanted = c.reader->body_bytes();
  if (wanted <= c.body_reserved) return true;
  auto more = wanted - c.body_reserved;
  if (counters_.bodies_bytes + more > settings_.bodies_bytes_max) {
    refusal why{.status = 503,
                .code = errc::unavailable,
                .sentence = "Too many requests with bodies at once.",
                .allow = {},
                .is_framed = false,
                .head = {}};
    refuse(c, std::move(why));
    return false;
  }
  counters_.bodies_bytes += more;
  c.body_reserved = wanted;
  return true;
}

void reactor::release_body(connection& c) {
  counters_.bodies_bytes -= std::exchange(c.body_reserved, 0);
}

void reactor::discard_input(connection& c) {
  for (int i = 0; i < 16; ++i) {
    auto count = ::recv(c.fd, read_buffer_.get(), read_bytes_max, MSG_DONTWAIT);
    if (count < 0 && has_would_block()) return;
    if (count <= 0) return close(c);
  }
}

// The answer is sent: on to the next request, which may be here already.
void reactor::read_next(connection& c) {
  if (!c.is_kept || is_draining_ || c.is_half_closed) return linger(c);
  c.at = state::idle;
  c.is_refused = c.is_paused = false;
  update_interest(c);
  c.timer.arm(*loop_, settings_.idle_time_max);
  if (c.in.empty()) return;
  auto input = std::exchange(c.in, {});
  take_input(c, input);
}

// -- Writing -------------------------------------------------------------------------------------

void reactor::request_flush(connection& c) {
  // With a full socket the kernel says when it takes more.
  if (c.is_flush_blocked || std::exchange(c.has_flush_request, true)) return;
  to_flush_.push_back(c.slot);
  loop_->at_round_end(*this);
}

void reactor::on_round_end() {
  // Flushing may begin the next exchange, whose answer waits for the next round.
  auto slots = std::exchange(to_flush_, {});
  for (auto slot : slots)
    if (auto& c = *connections_[slot]; std::exchange(c.has_flush_request, false)) flush(c);
  if (to_flush_.empty()) {
    slots.clear();
    to_flush_.swap(slots);  // keeps the capacity
  }
}

void reactor::flush(connection& c) {
  bool has_progress = false;
  bool is_full = false;
  while (c.unsent() > 0 && !is_full) {
    auto count = ::send(c.fd, c.out.data() + c.out_sent, c.unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && !has_would_block()) return close(c);
    is_full = count < static_cast<ssize_t>(c.unsent());
    if (count <= 0) break;
    has_progress = true;
    c.out_sent += static_cast<size_t>(count);
    counters_.bytes_out += static_cast<uint64_t>(count);
  }
  after_flush(c, has_progress);
}

void reactor::after_flush(connection& c, bool has_progress) {
  auto was_blocked = std::exchange(c.is_flush_blocked, c.unsent() > 0);
  if (c.is_flush_blocked) {
    // While a body comes in the timer is the body's; the only output then is "100 Continue".
    if (!c.is_reading() && (has_progress || !was_blocked))
      c.timer.arm(*loop_, settings_.write_stall_max);
    if (c.out_sent > c.out.size() / 2) {
      c.out.erase(0, c.out_sent);
      c.out_sent = 0;
    }
  } else {
    if (was_blocked && !c.is_reading()) c.timer.cancel();
    std::string{}.swap(c.out);
    c.out_sent = 0;
  }
  update_interest(c);
  if (c.at == state::flushing && !c.is_flush_blocked) return read_next(c);
  if (c.at != state::streaming) return;
  if (c.unsent() > writable_mark()) {
    c.is_over_mark = true;
  } else if (std::exchange(c.is_over_mark, false)) {
    sink_->on_writable({c.slot, c.generation});
  }
}

void reactor::update_interest(connection& c) {
  uint32_t events = 0;
  if (!c.is_paused && !c.is_half_closed) events |= EPOLLIN;
  if (!c.is_half_closed && c.at != state::lingering) events |= EPOLLRDHUP;
  if (c.is_flush_blocked) events |= EPOLLOUT;
  loop_->change(c.watch, events);
}

// -- Deadlines -----------------------------------------------------------------------------------

void reactor::on_due(connection& c) {
  if (c.at == state::body) {
    auto earned = milliseconds{1000 * c.reader->body_bytes_received() / settings_.body_bytes_per_s};
    auto left = c.body_since + settings_.body_time_max + earned - loop_->now();
    if (left > milliseconds{0}) return c.timer.arm(*loop_, std::chrono::ceil<milliseconds>(left));
  }
  if (c.at == state::head || c.at == state::body) {
    ++counters_.timeouts;
    refusal why{.status = 408,
                .code = errc::timeout,
                .sentence = "The request came too slowly.",
                .allow = {},
                .is_framed = false,
                .head = {}};
    return refuse(c, std::move(why));
  }
  if (c.at == state::streaming || c.at == state::flushing) ++counters_.stalls;
  close(c);
}

}  // namespace parley::http
