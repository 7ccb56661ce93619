// EDGE and the replies on their way to clients.
#include "base/log.hpp"
#include "base/release.hpp"
#include "base/sse.hpp"
#include "http/edge.hpp"
#include "http/stream.hpp"

namespace parley::http {

namespace {

constexpr size_t spare_bytes_max = size_t{64} << 10;

/// The end of a reply could not be stored: what the database has of it is older than what readers
/// were shown.
std::optional<error> unstored(const slice& last) {
  if (!last.error) return std::nullopt;
  for (auto code : {errc::storage_full, errc::storage_failed, errc::corrupt_data})
    if (last.error->code == to_string(code))
      return make_error(code, last.error->reason, last.error->message);
  return std::nullopt;
}

}  // namespace

follower edge::make_follower(const exchange& x, int64_t after, bool stops_on_leave) const {
  follower follow;
  follow.reader = caf::actor_cast<slice_reader_actor>(self_);
  follow.stream = x.key();
  follow.after = after;
  follow.credit = x.form == reply_form::events ? credit_max() : std::numeric_limits<int32_t>::max();
  follow.login = x.who.login;
  follow.stops_on_leave = stops_on_leave;
  return follow;
}

void edge::open_reply(exchange& x, const reply_ticket& ticket) {
  if (x.form == reply_form::accepted) {
    std::string body;
    json_writer json{body};
    json.begin_object().member("sessionId", to_string(ticket.session));
    json.member("userMessageId", to_string(ticket.user_message));
    json.member("messageId", to_string(ticket.message)).end_object();
    return answer_now(x, json_answer(202, std::move(body)));
  }
  x.deadline->cancel();
  x.stream = std::make_unique<open_stream>();
  x.stream->holder = ticket.holder;
  x.stream->message = ticket.message;
  x.stream->session = ticket.session;
  x.stream->last_write = loop_->now();
  x.steps.opened = loop_->now();
  x.stream->listed = status().streams.add(
      {x.who.user, stream_kind::reply, ticket.session, ticket.message, clock().now(), x.address});
  ++streams_;
  self_->monitor(ticket.holder);
  if (x.form == reply_form::events) x.stream->has_begun = begin_events(x);
  auto key = x.key();
  for (auto& early : std::exchange(x.early, {}))
    if (early.sender == ticket.holder.address() && find(key) != nullptr) on(early.events);
}

bool edge::begin_events(exchange& x) {
  answer head;
  head.content_type = "text/event-stream";
  head.headers.emplace_back("Cache-Control", "no-cache");
  head.headers.emplace_back("X-Accel-Buffering", "no");
  return begin_body(x, std::move(head));
}

// The answer to a HEAD has neither length nor chunks.
bool edge::begin_body(exchange& x, answer head) {
  add_standing_headers(x, head);
  auto is_chunked = !x.frame.is_http_1_0 && !x.frame.is_head;
  auto framing = is_chunked ? stream_framing::chunked : stream_framing::until_close;
  if (framing == stream_framing::until_close) x.frame.is_keep_alive = false;
  auto has_begun = reactor_->begin_stream(
      x.ref, engine_->write_stream_head(std::move(head), x.frame, framing), framing);
  // An open stream lives long: it keeps no more of its request than the log wants.
  auto verb = x.request.head.verb;
  auto route = x.request.route;
  release(x.request);
  x.request.head.verb = verb;
  x.request.route = route;
  return has_begun;
}

void edge::on(const slice& events) {
  auto* x = find(events.stream);
  if (x == nullptr) {
    // The client went before the ticket came.
    if (auto sender = self_->current_sender())
      self_->send(caf::actor_cast<session_actor>(sender),
                  leave_reply{caf::actor_cast<slice_reader_actor>(self_), events.stream});
    return;
  }
  note_first_words(*x, !events.events.empty());
  if (events.error) x->reason = events.error->reason;
  if (events.error && x->reason.empty()) x->reason = events.error->code;
  // Whoever waits for the whole message needs none of its slices, only its end.
  if (x->form == reply_form::message && !is_last(events)) return;
  if (!x->stream) {
    x->early.push_back({caf::actor_cast<caf::actor_addr>(self_->current_sender()), events});
    return;
  }
  if (x->form == reply_form::message) {
    auto cause = unstored(events);
    return cause ? break_reply(*x, *cause) : answer_message(*x);
  }
  auto& stream = *x->stream;
  if (stream.pending.empty()) stream.pending.swap(spare_);
  append_slice(stream.pending, events, x->request_id);
  stream.spent += text_bytes_of(events);
  stream.is_over = stream.is_over || is_last(events);
  push(*x);
}

size_t edge::write_front(exchange_ref ref, std::string_view pending) {
  auto piece_max = parts_.values->out_bytes_max / 2;
  size_t written = 0;
  while (written < pending.size()) {
    auto piece = pending.substr(written, piece_max);
    if (!reactor_->write(ref, piece)) break;
    written += piece.size();
  }
  return written;
}

void edge::push(exchange& x) {
  auto& stream = *x.stream;
  auto written = write_front(x.ref, stream.pending);
  if (written > 0) stream.last_write = loop_->now();
  if (written == stream.pending.size()) {
    // Thousands of streams with nothing to write share one buffer.
    stream.pending.clear();
    if (stream.pending.capacity() > spare_.capacity() &&
        stream.pending.capacity() <= spare_bytes_max)
      spare_.swap(stream.pending);
    release(stream.pending);
    if (stream.is_over) return end_stream(x);
    grant(x);
  } else {
    stream.pending.erase(0, written);
  }
}

void edge::on(const buffer_drained& drained) {
  auto* x = find(drained.exchange);
  if (x == nullptr) return;
  // Either may end the exchange: nothing touches it afterwards.
  if (x->feed) return push_feed(*x);
  if (x->download) return push_download(*x);
  if (x->file) return push_file(*x);
  if (x->call && x->call->has_begun) return push_call(*x);
  if (x->stream && x->stream->has_begun) push(*x);
}

// In halves of the credit, so that a small reply costs no message at all; and not while the client
// takes nothing, else the connection's buffer would have to fill before anybody waits for it.
void edge::grant(exchange& x) {
  auto& stream = *x.stream;
  if (stream.spent < credit_max() / 2 || !reactor_->is_drained(x.ref)) return;
  self_->send(stream.holder, grant_credit{caf::actor_cast<slice_reader_actor>(self_), x.key(),
                                          std::exchange(stream.spent, 0)});
}

void edge::end_stream(exchange& x) {
  log_exchange(x, 200);
  self_->demonitor(x.stream->holder.address());
  --streams_;
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->end_stream(ref);
}

void edge::answer_message(exchange& x) {
  self_->demonitor(x.stream->holder.address());
  --streams_;
  auto open = std::move(x.stream);
  ask_user<message>(x, get_message{x.who, open->session, open->message},
                    [](const message& whole) { return record_answer(200, whole); });
}

void edge::leave(exchange& x) {
  leave_feed(x);
  leave_download(x);
  leave_file(x);
  leave_call_of(x);
  if (!x.stream) return;
  --streams_;
  self_->demonitor(x.stream->holder.address());
  caf::anon_send(x.stream->holder,
                 leave_reply{caf::actor_cast<slice_reader_actor>(self_), x.key()});
  x.stream.reset();
}

void edge::on_holder_down(const caf::actor_addr& holder) {
  std::vector<exchange_key> lost;
  for (auto& [key, open] : exchanges_)
    if (open->stream && open->stream->holder.address() == holder) lost.push_back(key);
  for (auto key : lost) {
    auto cause = make_error(errc::unavailable, "session_lost", "The stream broke, please resume.");
    if (auto* x = find(key)) break_reply(*x, cause);
  }
}

void edge::break_reply(exchange& x, const error& cause) {
  if (x.stream && !x.stream->has_begun) {
    self_->demonitor(x.stream->holder.address());
    --streams_;
    x.stream.reset();
  }
  fail(x, cause);
}

// Each second: a comment for the streams that were silent.
void edge::beat() {
  auto now = loop_->now();
  std::string ping;
  append_comment(ping, "ping");
  auto ping_if_silent = [&](const exchange& x, auto& stream) {
    if (!stream.pending.empty() || now - stream.last_write < parts_.values->heartbeat_s) return;
    reactor_->write(x.ref, ping);
    stream.last_write = now;
  };
  for (auto& [key, open] : exchanges_) {
    if (open->stream && open->stream->has_begun) ping_if_silent(*open, *open->stream);
    if (open->feed) ping_if_silent(*open, *open->feed);
    if (open->call && open->call->has_begun) ping_if_silent(*open, *open->call);
  }
  heart_->arm(*loop_, std::chrono::seconds{1});
}

}  // namespace parley::http
