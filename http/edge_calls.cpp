// EDGE and the calls of /v1 on their way to clients.
#include "base/release.hpp"
#include "http/edge.hpp"

namespace parley::http {

template <class Begin>
void edge::open_call_of(exchange& x, std::string model, Begin begin) {
  if (status().is_draining)
    return fail(x, make_error(errc::unavailable, "draining", "The server is stopping."));
  if (streams_ >= parts_.values->share_of_thread(parts_.values->streams_max))
    return fail(x, make_error(errc::unavailable, "streams_max", "Too many open streams."));
  open_call asked{x.who, std::move(model), caf::actor_cast<call_reader_actor>(self_), x.key()};
  request_user<call_ticket>(
      x.key(), x.who.user, std::move(asked),
      [this, key = x.key(), begin](const call_ticket& ticket) {
        auto* open = find(key);
        if (open == nullptr) return drop_unread(ticket);
        take_call(*open, ticket);
        begin(*open);
      },
      2);
}

// The providers have deadlines of their own.
void edge::take_call(exchange& x, const call_ticket& ticket) {
  x.deadline->cancel();
  x.call->holder = ticket.holder;
  x.call->last_write = loop_->now();
  x.steps.opened = loop_->now();
  x.call->listed =
      status().streams.add({x.who.user, stream_kind::call, {}, {}, clock().now(), x.address});
  ++streams_;
  self_->monitor(ticket.holder);
}

void edge::drop_unread(const call_ticket& ticket) {
  self_->send(ticket.holder, leave_call{});
}

void edge::ask_for_call(exchange& x, v1_wish wish, std::unique_ptr<v1_writer> writer) {
  x.call = std::make_unique<v1_call>();
  auto& call = *x.call;
  call.is_stream = wish.is_stream;
  call.writer = std::move(writer);
  call.asked = std::move(wish.call);
  call.asked.provider = parts_.provider;
  call.asked.credit = call.is_stream ? credit_max() : 0;
  open_call_of(x, std::move(wish.model), [this](exchange& open) {
    self_->send(open.call->holder, std::exchange(open.call->asked, {}));
  });
}

void edge::ask_for_embedding(exchange& x, v1_embedding_wish wish) {
  x.call = std::make_unique<v1_call>();
  wish.call.provider = parts_.provider;
  // Shared, because CAF copies what a callback holds.
  auto asked = std::make_shared<v1_embedding_wish>(std::move(wish));
  open_call_of(x, asked->model, [this, asked](exchange& open) {
    auto key = open.key();
    self_->request(open.call->holder, caf::infinite, std::move(asked->call))
        .then(
            [this, key, asked](const embedded& found) {
              auto* known = find(key);
              if (known == nullptr) return;
              release_call(*known);
              answer_now(*known, json_answer(200, openai_embeddings_json(found, asked->model,
                                                                         asked->is_base64)));
            },
            [this, key](const error& cause) {
              auto* known = find(key);
              if (known == nullptr) return;
              release_call(*known);
              fail(*known, cause);
            });
  });
}

void edge::on(const call_slice& news) {
  auto* x = find(news.stream);
  // The client went meanwhile; an embedding's fault is the answer to its question.
  if (x == nullptr || !x->call || !x->call->writer || x->call->is_over) return;
  auto& call = *x->call;
  note_first_words(*x, !news.deltas.empty());
  auto is_last = news.end || news.fault;
  if (is_last) release_call(*x);
  if (news.fault) return fail(*x, news.fault);
  if (!call.is_stream)
    return answer_now(*x, json_answer(200, call.writer->whole(news.deltas, *news.end)));
  if (!call.has_begun) {
    call.has_begun = begin_events(*x);
    if (!call.has_begun) return;
    call.writer->begin(call.pending);
  }
  for (const auto& delta : news.deltas) {
    call.writer->add(call.pending, delta);
    call.spent += static_cast<int64_t>(delta.text.size());
  }
  if (news.end) call.writer->end(call.pending, *news.end);
  call.is_over = news.end.has_value();
  push_call(*x);
}

void edge::push_call(exchange& x) {
  auto& call = *x.call;
  auto written = write_front(x.ref, call.pending);
  if (written > 0) call.last_write = loop_->now();
  call.pending.erase(0, written);
  if (!call.pending.empty()) return;
  release(call.pending);
  if (call.is_over) return end_call(x);
  if (call.spent >= credit_max() / 2 && reactor_->is_drained(x.ref))
    self_->send(call.holder, grant_call{std::exchange(call.spent, 0)});
}

void edge::end_call(exchange& x) {
  log_exchange(x, 200);
  auto ref = x.ref;
  close_exchange(x.key());
  reactor_->end_stream(ref);
}

void edge::break_call(exchange& x, const error& cause) {
  auto& call = *x.call;
  call.writer->fail(call.pending, cause, x.request_id);
  call.is_over = true;
  push_call(x);
}

void edge::release_call(exchange& x) {
  if (!x.call->holder) return;
  --streams_;
  self_->demonitor(x.call->holder.address());
  x.call->holder = call_actor{};
  x.call->listed.reset();
}

void edge::leave_call_of(exchange& x) {
  if (!x.call || !x.call->holder) return;
  caf::anon_send(x.call->holder, leave_call{});
  release_call(x);
}

void edge::on_call_down(const caf::actor_addr& holder) {
  for (auto& [key, open] : exchanges_) {
    if (!open->call || !open->call->holder || open->call->holder.address() != holder) continue;
    release_call(*open);
    return fail(*open, make_error(errc::unavailable, "call_lost", "Please try again."));
  }
}

}  // namespace parley::http
