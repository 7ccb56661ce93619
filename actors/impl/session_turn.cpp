// A turn of SESSION, from the draft to the event `done` (docs/house.md, "A turn").
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"

namespace parley {

caf::result<reply_ticket> session_state::on(const start_turn& turn) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (auto* twin = turn.key ? running_with(*turn.key) : nullptr) return join_twin(*twin, turn);
  if (auto checked = check_turn(turn); !checked) {
    self_->send(parts_.parent, turn_ended{parts_.id});
    return std::move(checked.error());
  }
  reply_start start;
  start.session_id = parts_.id;
  start.user_message_id = message_id::make();
  start.message_id = message_id::make();
  auto promise = self_->make_response_promise<reply_ticket>();
  auto running = std::make_unique<reply>(start, parts_.counter->meter(token_rule{}));
  running->askers.emplace_back(promise);
  running->content = turn.content;
  running->key = turn.key;
  running->provider = turn.provider;
  running->started = last_used_;
  if (turn.follow) running->readers.push_back({*turn.follow, turn.follow->after});
  if (!running->content.parent_id) running->content.parent_id = header_.active_leaf_id;
  replies_.push_back(std::move(running));
  schedule_check();
  prepare(*replies_.back());
  return promise;
}

reply* session_state::running_with(const request_key& key) {
  for (auto& entry : replies_)
    if (entry->is_running() && entry->key && entry->key->route == key.route &&
        entry->key->key == key.key)
      return entry.get();
  return nullptr;
}

// The same request sent again while its first copy runs.
caf::result<reply_ticket> session_state::join_twin(reply& twin, const start_turn& turn) {
  self_->send(parts_.parent, turn_ended{parts_.id});
  if (twin.key->body_sha256 != turn.key->body_sha256)
    return make_error(errc::invalid_input, "idempotency_mismatch",
                      "This Idempotency-Key was used for another request.");
  auto promise = self_->make_response_promise<reply_ticket>();
  twin.askers.emplace_back(promise);
  if (turn.follow) twin.readers.push_back({*turn.follow, turn.follow->after});
  if (twin.at == reply::phase::streaming || twin.at == reply::phase::finishing) show(twin);
  return promise;
}

// The user message is stored: answer whoever asked, then show what there is.
void session_state::show(reply& stored) {
  for (auto& asker : std::exchange(stored.askers, {})) asker.deliver(ticket_of(stored));
  serve(stored);
}

expected<void> session_state::check_turn(const start_turn& turn) const {
  if (is_dropped_) return make_error(errc::not_found);
  size_t running = 0;
  message_id first;
  for (auto& entry : replies_) {
    if (!entry->is_running()) continue;
    if (running++ == 0) first = entry->id();
  }
  if (running >= parts_.limits.replies_max) {
    error_detail detail;
    detail.reason = "reply_running";
    detail.id = to_string(first);
    return make_error(errc::conflict, "A reply is still running in this session.", detail);
  }
  if (messages_.size() + 2 > parts_.limits.messages_max)
    return make_error(errc::quota_exceeded, "messages_max", "This session is full.");
  if (turn.content.parent_id && header_of(*turn.content.parent_id) == nullptr)
    return make_error(errc::not_found);
  return {};
}

void session_state::on_stored(reply& running, const message& asked) {
  is_fresh_ = false;
  messages_.push_back({asked.id, asked.parent_id.value_or(message_id{}), message_role::user,
                       message_status::complete, static_cast<int32_t>(asked.tokens.count)});
  messages_.push_back(
      {running.id(), asked.id, message_role::assistant, message_status::streaming, 0});
  running.at = reply::phase::streaming;
  show(running);
  if (running.ending) finish(running, *std::exchange(running.ending, std::nullopt));
}

// The turn never happened: whoever asked gets the error, nothing is kept.
void session_state::abandon(message_id id, const error& cause) {
  auto* running = find(id);
  if (running == nullptr) return;
  if (running->call != 0) self_->send(running->provider, cancel_call{running->call});
  auto was_storing = running->at == reply::phase::storing;
  for (auto& asker : running->askers) asker.fail(cause);
  for (auto& stopper : running->stoppers) stopper.deliver(done{});
  std::erase_if(replies_, [&](const std::unique_ptr<reply>& entry) { return entry->id() == id; });
  self_->send(parts_.parent, turn_ended{parts_.id});
  if (is_fresh_) {
    is_dropped_ = true;  // the session was never stored: the next request finds none
    self_->send(parts_.parent, session_idle{parts_.id, seen_});
  } else if (was_storing) {
    self_->request(parts_.reader, caf::infinite, read_session{parts_.owner, parts_.id})
        .await([this](const session& stored) { header_ = stored; },
               [this](const error& fault) { self_->quit(fault); });
  }
}

void session_state::on(const reply_delta& delta) {
  auto* running = find_call(delta.call);
  if (running == nullptr || running->ending || running->at == reply::phase::finishing) return;
  if (!running->first_token) running->first_token = self_->clock().now();
  for (const auto& added : delta.deltas) {
    running->log.append(added.type, added.text);
    running->meter.append(added.text);
  }
  if (running->at != reply::phase::streaming) return;
  serve(*running);
  if (running->log.bytes_behind(running->checkpointed) >= parts_.limits.checkpoint_bytes)
    checkpoint(*running);
}

void session_state::on(const reply_tick& tick) {
  auto* running = find_call(tick.call);
  if (running != nullptr && running->at == reply::phase::streaming) checkpoint(*running);
}

void session_state::checkpoint(reply& running) {
  if (running.is_checkpointing) return;
  commit added;
  for (auto& event : running.log.added_since(running.checkpointed))
    added.changes.emplace_back(
        append_chunk{running.id(), event.position, event.part, event.type, std::move(event.text)});
  if (added.changes.empty()) return;
  running.is_checkpointing = true;
  self_->request(parts_.storage, caf::infinite, std::move(added))
      .then(
          [this, id = running.id(), reached = running.log.position()](const done&) {
            auto* entry = find(id);
            if (entry == nullptr) return;
            entry->is_checkpointing = false;
            entry->checkpointed = reached;
          },
          [this, id = running.id()](const error& cause) {
            // The next tick tries again, with more.
            log_warning("reply.checkpoint_failed", {{"message", id}, {"error", cause}});
            if (auto* entry = find(id)) entry->is_checkpointing = false;
          });
}

void session_state::on(const reply_finished& finished) {
  auto* running = find_call(finished.call);
  if (running == nullptr) return;
  running->call = 0;
  reply_ending ending;
  ending.used = finished.used;
  if (finished.reason == finish_reason::length) ending.status = message_status::length;
  end_reply(*running, std::move(ending));
}

void session_state::on(const reply_failed& failed) {
  auto* running = find_call(failed.call);
  if (running == nullptr) return;
  running->call = 0;
  reply_ending ending;
  auto is_draining = detail_of(failed.cause).reason == "draining";
  ending.status = is_draining || running->log.text_bytes() > 0 ? message_status::interrupted
                                                               : message_status::error;
  ending.error = message_error_of(failed.cause);
  end_reply(*running, std::move(ending));
}

caf::result<done> session_state::on(const stop_reply& wanted) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_dropped_) return make_error(errc::not_found);
  if (!wanted.message.is_none() && find(wanted.message) == nullptr &&
      header_of(wanted.message) == nullptr)
    return make_error(errc::not_found);
  for (auto& entry : replies_) {
    if (!entry->is_running()) continue;
    if (!wanted.message.is_none() && wanted.message != entry->id()) continue;
    auto promise = self_->make_response_promise<done>();
    entry->stoppers.emplace_back(promise);
    stop(*entry);
    return promise;
  }
  return done{};
}

void session_state::stop(reply& running) {
  if (running.call != 0 && running.at != reply::phase::finishing) {
    self_->send(running.provider, cancel_call{running.call});
    running.call = 0;
  }
  reply_ending ending;
  ending.status = message_status::stopped;
  end_reply(running, std::move(ending));
}

void session_state::end_reply(reply& running, reply_ending ending) {
  if (running.at == reply::phase::streaming)
    finish(running, std::move(ending));
  else if (running.at != reply::phase::finishing && !running.ending)
    running.ending = std::move(ending);
}

// One commit holds everything; the event `done` is sent after it.
void session_state::finish(reply& running, reply_ending ending) {
  running.at = reply::phase::finishing;
  auto now = parts_.clock->now();
  auto elapsed = [&](caf::actor_clock::time_point until) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(until - running.started).count();
  };
  auto& row = running.row;
  row.parts = running.log.parts();
  row.status = ending.status;
  row.error = ending.error;
  row.updated_at = now;
  ++row.version;
  auto counted = running.meter.count();
  row.tokens.count = static_cast<int64_t>(counted.tokens);
  row.tokens.vocabulary = to_string(counted.vocabulary);
  row.tokens.estimated = counted.is_estimated;
  auto end = self_->clock().now();
  row.timing = reply_timing{elapsed(running.first_token.value_or(end)), elapsed(end)};
  row.usage = ending.used;
  if (!row.usage) {
    usage counted_usage;
    counted_usage.prompt_tokens = row.context ? row.context->tokens : 0;
    counted_usage.completion_tokens = row.tokens.count;
    counted_usage.source = counted.is_estimated ? usage_source::estimated : usage_source::counted;
    row.usage = counted_usage;
  }
  running.log.set_usage(*row.usage);
  header_.updated_at = now;
  header_.last_message_at = now;
  ++header_.version;
  self_
      ->request(parts_.storage, caf::infinite,
                commit{{finish_message{row}, update_session{header_}}})
      .then(
          [this, id = running.id(), ending](const done&) {
            if (auto* entry = find(id)) on_finished(*entry, ending, error{});
          },
          [this, id = running.id(), ending](const error& cause) {
            if (auto* entry = find(id)) on_finished(*entry, ending, cause);
          });
}

void session_state::on_finished(reply& running, const reply_ending& ending, const error& fault) {
  running.at = reply::phase::kept;
  running.kept_since = self_->clock().now();
  auto status = ending.status;
  auto shown = ending.error;
  if (fault) {
    status = message_status::interrupted;
    shown = message_error_of(fault);
    unsaved_.push_back(running.row);
  }
  for (auto& known : messages_) {
    if (known.id != running.id()) continue;
    known.status = status;
    known.tokens = static_cast<int32_t>(running.row.tokens.count);
  }
  running.log.finish(status, std::move(shown));
  for (auto& stopper : std::exchange(running.stoppers, {})) {
    if (fault)
      stopper.fail(fault);
    else
      stopper.deliver(done{});
  }
  serve(running);
  running.row = {};
  self_->send(parts_.parent, turn_ended{parts_.id});
  schedule_check();
}

}  // namespace parley
