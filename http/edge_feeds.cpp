// EDGE and the live changes on their way to clients.
#include "base/sse.hpp"
#include "http/edge.hpp"
#include "http/stream.hpp"

namespace parley::http {

namespace {

// A listener this far behind is cut off: it comes back and is told what it missed, or to reload.
constexpr size_t feed_bytes_max = size_t{256} << 10;

}  // namespace

bool edge::may_open_stream(exchange& x) {
  if (streams_ < parts_.values->share_of_thread(parts_.values->streams_max)) return true;
  fail(x, make_error(errc::unavailable, "streams_max", "Too many open streams."));
  return false;
}

void edge::ask_for_job_events(exchange& x, job_id id, std::optional<int64_t> after) {
  if (!may_open_stream(x)) return;
  follow_job wanted{x.who, id, caf::actor_cast<event_reader_actor>(self_), x.key(), after};
  ask_jobs<events_joined>(x, std::move(wanted), [this, key = x.key()](const events_joined& joined) {
    if (auto* open = find(key)) open_feed(*open, joined, true);
  });
}

void edge::ask_for_events(exchange& x, std::optional<int64_t> after) {
  if (!may_open_stream(x)) return;
  join_events join{x.who, caf::actor_cast<event_reader_actor>(self_), x.key(), after};
  request_user<events_joined>(
      x.key(), x.who.user, std::move(join),
      [this, key = x.key()](const events_joined& joined) {
        if (auto* open = find(key)) open_feed(*open, joined, false);
      },
      2);
}

void edge::open_feed(exchange& x, const events_joined& joined, bool is_of_job) {
  x.deadline->cancel();
  x.feed = std::make_unique<live_feed>();
  x.feed->holder = caf::actor_cast<event_source_actor>(self_->current_sender());
  x.feed->is_of_job = is_of_job;
  // A USER is watched already.
  if (is_of_job) self_->monitor(x.feed->holder);
  x.feed->last_write = loop_->now();
  x.feed->listed =
      status().streams.add({x.who.user, stream_kind::events, {}, {}, clock().now(), x.address});
  ++streams_;
  if (!begin_events(x)) return;
  on(event_slice{x.key(), joined.events, {}});
}

void edge::on(const event_slice& events) {
  auto* x = find(events.stream);
  if (x == nullptr || !x->feed) {
    // The client went before the answer came, or just now.
    if (auto sender = self_->current_sender())
      self_->send(caf::actor_cast<event_source_actor>(sender),
                  leave_events{caf::actor_cast<event_reader_actor>(self_), events.stream});
    return;
  }
  auto& feed = *x->feed;
  for (const auto& event : events.events)
    append_event(feed.pending, std::to_string(event.id), event.name, event.data);
  if (feed.is_of_job && !events.events.empty() && events.events.back().name == "done")
    feed.is_over = true;
  if (events.error) {
    slice last;
    last.error = events.error;
    append_slice(feed.pending, last, x->request_id);
    feed.is_over = true;
  }
  push_feed(*x);
}

void edge::push_feed(exchange& x) {
  auto& feed = *x.feed;
  auto written = write_front(x.ref, feed.pending);
  if (written > 0) feed.last_write = loop_->now();
  feed.pending.erase(0, written);
  if (feed.pending.empty() ? feed.is_over : feed.pending.size() > feed_bytes_max) end_feed(x);
}

void edge::end_feed(exchange& x) {
  log_exchange(x, 200);
  leave_feed(x);
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->end_stream(ref);
}

void edge::leave_feed(exchange& x) {
  if (!x.feed) return;
  --streams_;
  if (x.feed->is_of_job) self_->demonitor(x.feed->holder.address());
  caf::anon_send(x.feed->holder, leave_events{caf::actor_cast<event_reader_actor>(self_), x.key()});
  x.feed.reset();
}

// The client comes back, and finds the USER, or JOBS, or its successor.
void edge::on_source_down(const caf::actor_addr& holder) {
  std::vector<exchange_key> lost;
  for (auto& [key, open] : exchanges_)
    if (open->feed && open->feed->holder.address() == holder) lost.push_back(key);
  for (auto key : lost)
    if (auto* x = find(key)) end_feed(*x);
}

}  // namespace parley::http
