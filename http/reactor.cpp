// The lives of connections and exchanges; bytes in and out are in reactor_io.cpp.
#include "http/reactor.hpp"

#include <charconv>

#include "http/connection.hpp"

namespace parley::http {

reactor::reactor(io_loop& loop, const route_table& routes, exchange_sink& sink,
                 reactor_settings settings)
    : loop_(&loop),
      routes_(&routes),
      sink_(&sink),
      settings_(std::move(settings)),
      listener_(loop, settings_.listener,
                [this](int fd, const peer_address& peer) { take_connection(fd, peer); }),
      read_buffer_(std::make_unique<char[]>(read_bytes_max)) {}

reactor::~reactor() {
  for (auto& c : connections_) {
    if (!c->is_open()) continue;
    loop_->unwatch(c->watch);
    ::close(c->fd);
  }
}

expected<void> reactor::listen(const std::string& address, uint16_t port) {
  return listener_.open(address, port);
}

// -- Connections ---------------------------------------------------------------------------------

bool reactor::has_room_for(const peer_address& peer) const {
  if (counters_.connections >= settings_.connections_max) return false;
  if (is_in_any(settings_.trusted_proxies, peer)) return true;
  if (counters_.strangers >= settings_.strangers_max) return false;
  auto known = strangers_.find(peer.network());
  return known == strangers_.end() || known->second < settings_.strangers_per_address_max;
}

void reactor::take_connection(int fd, const peer_address& peer) {
  if (!has_room_for(peer)) {
    ++counters_.turned_away;
    return listener_.turn_away(fd);
  }
  if (free_slots_.empty()) {
    auto slot = static_cast<uint32_t>(connections_.size());
    connections_.push_back(std::make_unique<connection>(*this, slot));
    free_slots_.push_back(slot);
  }
  auto& c = *connections_[free_slots_.back()];
  auto watch = loop_->watch(fd, EPOLLIN | EPOLLRDHUP, c);
  if (!watch) {
    ++counters_.turned_away;
    return listener_.turn_away(fd);
  }
  free_slots_.pop_back();
  c.fd = fd;
  c.watch = *watch;
  c.peer = peer;
  c.at = state::idle;
  c.requests = 0;
  c.wants_keep_alive = c.is_kept = c.is_refused = c.is_paused = c.is_half_closed = false;
  c.is_stranger = !is_in_any(settings_.trusted_proxies, peer);
  if (c.is_stranger) {
    ++counters_.strangers;
    ++strangers_[peer.network()];
  }
  ++counters_.connections;
  c.timer.arm(*loop_, settings_.idle_time_max);
}

void reactor::forget_stranger(connection& c) {
  if (!std::exchange(c.is_stranger, false)) return;
  --counters_.strangers;
  auto known = strangers_.find(c.peer.network());
  if (--known->second == 0) strangers_.erase(known);
}

void reactor::close(connection& c) {
  if (!c.is_open()) return;
  auto was_in_exchange = c.is_in_exchange();
  exchange_ref ref{c.slot, c.generation};
  if (was_in_exchange) end_exchange(c);
  loop_->unwatch(std::exchange(c.watch, 0));
  ::close(std::exchange(c.fd, -1));
  c.timer.cancel();
  release_body(c);
  forget_stranger(c);
  c.reader.reset();
  std::string{}.swap(c.in);
  std::string{}.swap(c.out);
  c.out_sent = 0;
  c.at = state::idle;
  c.has_flush_request = c.is_flush_blocked = c.is_over_mark = false;
  --counters_.connections;
  free_slots_.push_back(c.slot);
  if (was_in_exchange) {
    ++counters_.gone;
    sink_->on_gone(ref);
  }
  report_drained();
}

void reactor::report_drained() {
  if (!is_draining_ || counters_.connections > 0) return;
  is_draining_ = false;
  sink_->on_drained();
}

// A close with unread bytes resets the connection, and the client could lose the answer.
void reactor::linger(connection& c) {
  auto has_unread = c.is_refused || c.is_paused || !c.in.empty();
  if (!has_unread || c.is_half_closed || ::shutdown(c.fd, SHUT_WR) != 0) return close(c);
  c.at = state::lingering;
  std::string{}.swap(c.in);
  c.is_paused = false;
  update_interest(c);
  c.timer.arm(*loop_, settings_.linger_time_max);
}

void reactor::drain() {
  listener_.close();
  is_draining_ = true;
  for (size_t i = 0; i < connections_.size(); ++i)
    if (auto& c = *connections_[i]; c.is_open() && c.at == state::idle) close(c);
  report_drained();
}

void reactor::close_all() {
  listener_.close();
  // By index: the sink may be called, but nothing new is accepted.
  for (size_t i = 0; i < connections_.size(); ++i) close(*connections_[i]);
}

// -- Exchanges -----------------------------------------------------------------------------------

reactor::connection* reactor::find(exchange_ref ref) const {
  if (ref.slot >= connections_.size()) return nullptr;
  auto& c = *connections_[ref.slot];
  return c.generation == ref.generation && c.is_in_exchange() ? &c : nullptr;
}

exchange_ref reactor::begin_exchange(connection& c) {
  c.timer.cancel();
  c.at = state::answering;
  ++c.requests;
  ++counters_.exchanges;
  return {c.slot, ++c.generation};
}

void reactor::end_exchange(connection& c) {
  --counters_.exchanges;
  if (c.at == state::streaming) --counters_.streams;
  c.is_over_mark = false;
  c.at = state::flushing;
  release_body(c);
}

void reactor::refuse(connection& c, refusal&& why) {
  c.reader.reset();
  ++counters_.refused;
  c.wants_keep_alive = why.is_framed && why.head.is_keep_alive;
  c.is_refused = !why.is_framed;
  auto ref = begin_exchange(c);
  sink_->on_refused(ref, std::move(why));
}

bool reactor::finish(connection& c, bool keep_alive) {
  c.is_kept = keep_alive && is_keep_alive({c.slot, c.generation});
  end_exchange(c);
  request_flush(c);
  return true;
}

bool reactor::answer(exchange_ref ref, std::string bytes, bool keep_alive) {
  auto* c = find(ref);
  if (c == nullptr || c->at != state::answering) return false;
  if (c->out.empty())
    c->out = std::move(bytes);
  else
    c->out += bytes;
  return finish(*c, keep_alive);
}

bool reactor::begin_stream(exchange_ref ref, std::string_view head_bytes, stream_framing framing) {
  auto* c = find(ref);
  if (c == nullptr || c->at != state::answering) return false;
  c->at = state::streaming;
  c->framing = framing;
  ++counters_.streams;
  release_body(*c);
  c->out.append(head_bytes);
  request_flush(*c);
  return true;
}

bool reactor::write(exchange_ref ref, std::string_view bytes) {
  auto* c = find(ref);
  if (c == nullptr || c->at != state::streaming) return false;
  if (bytes.size() > room(ref)) {
    c->is_over_mark = true;
    return false;
  }
  if (c->framing == stream_framing::chunked) {
    // An empty chunk would be the last.
    if (bytes.empty()) return true;
    char size[18];
    auto end = std::to_chars(size, size + 16, bytes.size(), 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    c->out.append(size, static_cast<size_t>(end - size)).append(bytes).append("\r\n");
  } else {
    c->out.append(bytes);
  }
  request_flush(*c);
  return true;
}

bool reactor::end_stream(exchange_ref ref) {
  auto* c = find(ref);
  if (c == nullptr || c->at != state::streaming) return false;
  auto is_chunked = c->framing == stream_framing::chunked;
  if (is_chunked) c->out.append("0\r\n\r\n");
  return finish(*c, is_chunked);
}

void reactor::abort(exchange_ref ref) {
  auto* c = find(ref);
  if (c == nullptr) return;
  // The owner knows: no on_gone.
  end_exchange(*c);
  close(*c);
}

size_t reactor::unsent(exchange_ref ref) const {
  auto* c = find(ref);
  return c == nullptr ? 0 : c->unsent();
}

size_t reactor::room(exchange_ref ref) const {
  constexpr size_t framing_bytes_max = 32;
  auto* c = find(ref);
  if (c == nullptr) return 0;
  auto taken = c->unsent() + framing_bytes_max;
  return taken < settings_.out_bytes_max ? settings_.out_bytes_max - taken : 0;
}

bool reactor::is_drained(exchange_ref ref) {
  auto* c = find(ref);
  if (c == nullptr || c->at != state::streaming) return false;
  // Also before the round's flush, which may take all of it.
  c->is_over_mark = c->is_over_mark || c->unsent() > writable_mark();
  return !c->is_over_mark;
}

bool reactor::is_keep_alive(exchange_ref ref) const {
  auto* c = find(ref);
  return c != nullptr && c->wants_keep_alive && !is_draining_ && !c->is_half_closed &&
         c->requests < settings_.requests_per_connection_max;
}

peer_address reactor::peer(exchange_ref ref) const {
  auto* c = find(ref);
  return c == nullptr ? peer_address{} : c->peer;
}

void reactor::admit(exchange_ref ref) {
  if (auto* c = find(ref)) forget_stranger(*c);
}

}  // namespace parley::http
