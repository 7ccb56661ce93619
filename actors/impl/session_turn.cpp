// A turn of SESSION, from the draft to the event `done` (docs/house.md, "A turn").
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"
#include "base/money.hpp"
#include "base/release.hpp"
#include "chat/event_text.hpp"

namespace parley {

namespace {

// Of both calls of a reply that went on.
usage sum_of(const usage& before, const usage& now) {
  auto sum = now;
  sum.prompt_tokens += before.prompt_tokens;
  sum.completion_tokens += before.completion_tokens;
  auto add = [](std::optional<int64_t>& to, const std::optional<int64_t>& more) {
    if (more) to = to.value_or(0) + *more;
  };
  add(sum.reasoning_tokens, before.reasoning_tokens);
  add(sum.cached_tokens, before.cached_tokens);
  sum.source = std::max(before.source, now.source);
  if (before.cost && now.cost && before.cost->currency == now.cost->currency) {
    auto cost =
        parse_money(before.cost->amount).value_or(0) + parse_money(now.cost->amount).value_or(0);
    sum.cost = money{money_text(cost), now.cost->currency};
  }
  return sum;
}

// The model's own words of refusal: then the reply is what it should be.
bool tells_refusal(const reply_log& log) {
  auto parts = log.parts();
  return std::any_of(parts.begin(), parts.end(),
                     [](const part& each) { return each.type == part_type::refusal; });
}

message_status status_of_broken(const reply_log& log) {
  return log.text_bytes() > 0 ? message_status::interrupted : message_status::error;
}

/// One line for each reply: the model behind it, its times, what it used.
void log_end(const session_parts& parts, const message& row, message_status status,
             const std::optional<message_error>& fault) {
  auto by = row.answered_by.value_or(reply_source{{}, row.model_name.value_or(""), "", 1});
  auto timing = row.timing.value_or(reply_timing{});
  auto used = row.usage.value_or(usage{});
  std::vector<log_field> fields{{"user", parts.owner},
                                {"session", parts.id},
                                {"message", row.id},
                                {"model", by.model_name},
                                {"channel", by.channel},
                                {"status", name_of(status)},
                                {"first_byte", std::chrono::milliseconds{timing.first_token_ms}},
                                {"took", std::chrono::milliseconds{timing.total_ms}},
                                {"prompt_tokens", used.prompt_tokens},
                                {"completion_tokens", used.completion_tokens}};
  if (fault) fields.emplace_back("reason", fault->reason.empty() ? fault->code : fault->reason);
  log_with("reply.ended", fields);
}

}  // namespace

caf::result<reply_ticket> session_state::on(start_turn&& turn) {
  ++seen_;
  last_used_ = self_->clock().now();
  drop_old_replies();
  if (auto* twin = turn.key ? known_with(*turn.key) : nullptr) return join_twin(*twin, turn);
  auto checked = check_turn(turn);
  auto start = checked ? place_of(turn.content) : expected<reply_start>{checked.error()};
  if (!start) {
    self_->send(parts_.parent, turn_ended{parts_.id});
    return std::move(start.error());
  }
  auto promise = self_->make_response_promise<reply_ticket>();
  auto running = std::make_unique<reply>(*start, *parts_.counter);
  running->askers.emplace_back(promise);
  running->made = std::make_shared<composition>();
  running->made->content = std::move(turn.content);
  running->key = std::move(turn.key);
  running->by = std::move(turn.by);
  running->provider = turn.provider;
  running->started = last_used_;
  if (turn.follow) running->readers.push_back({*turn.follow, turn.follow->after});
  auto& content = running->made->content;
  if (content.kind == turn_kind::go_on)
    let_go(start->message_id, make_error(errc::unavailable, "reply_goes_on", "The reply goes on."));
  else if (content.kind == turn_kind::again)
    content.parent_id = start->user_message_id;
  else
    content.parent_id = parent_of(content);
  running->made->is_stored = content.kind == turn_kind::again;
  replies_.push_back(std::move(running));
  schedule_check();
  if (content.kind == turn_kind::go_on)
    reopen(start->message_id);
  else
    prepare(*replies_.back());
  return promise;
}

// Also one that is over: USER may have looked for the key before it was stored.
reply* session_state::known_with(const request_key& key) {
  for (auto& entry : replies_)
    if (entry->key && entry->key->route == key.route && entry->key->key == key.key)
      return entry.get();
  return nullptr;
}

// The same request sent again while its first copy runs.
caf::result<reply_ticket> session_state::join_twin(reply& twin, const start_turn& turn) {
  self_->send(parts_.parent, turn_ended{parts_.id});
  if (twin.key->body_sha256 != turn.key->body_sha256)
    return make_error(errc::invalid_input, "idempotency_mismatch",
                      "This Idempotency-Key was used for another request.");
  if (is_absent()) return refuse_absent();
  if (twin.askers.size() >= parts_.limits.askers_max) return too_many_askers();
  if (turn.follow) TRY_DONE(check_reader());
  auto promise = self_->make_response_promise<reply_ticket>();
  twin.askers.emplace_back(promise);
  if (turn.follow) twin.readers.push_back({*turn.follow, turn.follow->after});
  if (twin.is_shown()) show(twin);
  return promise;
}

// The user message is stored: answer whoever asked, then show what there is.
void session_state::show(reply& stored) {
  for (auto& asker : std::exchange(stored.askers, {})) asker.deliver(ticket_of(stored));
  serve(stored);
}

expected<void> session_state::check_turn(const start_turn& turn) {
  if (is_absent()) return refuse_absent();
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
  if (turn.follow) return check_reader();
  return {};
}

void session_state::on_stored(reply& running, const message& asked) {
  is_fresh_ = false;
  const auto& row = running.row;
  auto kind = running.made->content.kind;
  if (kind == turn_kind::say)
    messages_.push_back({asked.id, asked.parent_id.value_or(message_id{}), message_role::user,
                         message_status::complete, asked.pinned, asked.measure});
  if (kind == turn_kind::go_on)
    note_row(row);
  else
    messages_.push_back({row.id, row.parent_id.value_or(message_id{}), row.role, row.status,
                         row.pinned, row.measure});
  tell_weight();
  if (kind == turn_kind::say) note("message.created", event_text(parts_.id, asked.id));
  if (kind != turn_kind::go_on) note("message.created", event_text(parts_.id, row.id));
  note("reply.started", event_text(parts_.id, row.id, row.status));
  running.at = reply::phase::streaming;
  show(running);
  if (running.ending) return finish(running, *running.ending.take());
  if (running.refused && running.call == 0) try_again(running);
  // What was guessed for this turn is counted before the next one.
  if (running.row.context->estimated) self_->send(self_, session_work{});
}

// The turn never happened: whoever asked gets the error, nothing is kept.
void session_state::abandon(message_id id, const error& cause) {
  auto* running = find(id);
  if (running == nullptr) return;
  cancel(*running);
  settle(*running);
  for (auto& asker : running->askers) asker.fail(cause);
  for (auto& stopper : running->stoppers) stopper.deliver(done{});
  std::erase_if(replies_, [&](const std::unique_ptr<reply>& entry) { return entry->id() == id; });
  self_->send(parts_.parent, turn_ended{parts_.id});
  if (!is_fresh_ || !replies_.empty()) return;
  is_gone_ = true;  // the session was never stored: the next request finds none
  tell_idle();
}

// -- The call -----------------------------------------------------------------------------------

// PROVIDER is watched while the call runs: without it nothing would end the reply.
void session_state::begin_call(reply& running, complete call) {
  if (!watches(running.provider)) self_->monitor(running.provider);
  running.call = call.call;
  running.was_called = true;
  self_->send(running.provider, std::move(call));
}

void session_state::release_call(reply& running) {
  if (std::exchange(running.call, 0) == 0) return;
  running.is_paused = false;
  if (!watches(running.provider)) self_->demonitor(running.provider.address());
}

bool session_state::watches(const provider_actor& provider) const {
  if (job_ && job_->call != 0 && job_->provider == provider) return true;
  if (title_job_ && title_job_->call != 0 && title_job_->provider == provider) return true;
  return std::any_of(replies_.begin(), replies_.end(), [&](const auto& entry) {
    return entry->call != 0 && entry->provider == provider;
  });
}

void session_state::cancel(reply& running) {
  if (running.call != 0) self_->send(running.provider, cancel_call{running.call});
  release_call(running);
}

void session_state::fail_call(reply& running, const error& cause) {
  release_call(running);
  reply_ending ending;
  auto is_draining = detail_of(cause).reason == "draining";
  ending.status = is_draining ? message_status::interrupted : status_of_broken(running.log);
  ending.error = message_error_of(cause);
  end_reply(running, std::move(ending));
}

void session_state::on(const reply_delta& delta) {
  auto* running = find_call(delta.call);
  if (running == nullptr) return hear(delta);
  if (running->ending || running->at == reply::phase::finishing) return;
  if (!running->first_token) running->first_token = self_->clock().now();
  if (delta.source) running->row.answered_by = delta.source;
  for (const auto& added : delta.deltas) {
    running->log.append(added.type, added.text);
    (added.type == part_type::reasoning ? running->reasoning : running->meter).append(added.text);
  }
  report(*running);
  if (running->at != reply::phase::streaming) return pace(*running);
  serve(*running);
  if (!running->is_checkpoint_held &&
      running->log.bytes_behind(running->checkpointed) >= parts_.limits.checkpoint_bytes)
    checkpoint(*running);
}

void session_state::on(const reply_tick& tick) {
  auto* running = find_call(tick.call);
  if (running == nullptr || running->at != reply::phase::streaming) return;
  running->is_checkpoint_held = false;
  checkpoint(*running);
}

void session_state::checkpoint(reply& running) {
  checkpoint_reply added{running.id(), running.checkpointed, {}};
  for (auto& event : running.log.added_since(running.checkpointed))
    added.chunks.push_back({event.position, event.part, event.type, std::move(event.text)});
  if (added.chunks.empty()) return;
  running.checkpointed = running.log.position();
  added.is_awaited = running.log.bytes_behind(running.stored) >= parts_.limits.unstored_bytes / 2;
  self_->send(parts_.storage, std::move(added));
}

void session_state::on(const checkpoint_stored& told) {
  auto* running = find(told.id);
  if (running == nullptr) return;
  running->stored = std::max(running->stored, told.position);
  pace(*running);
}

// A reply that can't be stored goes on all the same, so much from one tick to the next.
void session_state::on(const checkpoint_lost& lost) {
  auto* running = find(lost.id);
  if (running == nullptr) return;
  running->checkpointed = std::min(running->checkpointed, lost.after);
  running->is_checkpoint_held = true;
  running->stored = running->log.position();
  pace(*running);
}

// Whether it has run far ahead of what is stored or of those who read it. One that nobody reads
// waits for nobody, and the slow one of two readers not for the other.
bool session_state::is_ahead(const reply& running) const {
  auto share = running.is_paused ? 2 : 1;  // it goes on once half of that is gone
  if (running.log.bytes_behind(running.stored) > parts_.limits.unstored_bytes / share) return true;
  if (running.readers.empty()) return false;
  auto first = std::max_element(
      running.readers.begin(), running.readers.end(),
      [](const reply_reader& a, const reply_reader& b) { return a.position < b.position; });
  return running.log.bytes_behind(first->position) > parts_.limits.unread_bytes / share;
}

// What is far ahead is not taken from the provider: it would only lie here.
void session_state::pace(reply& running) {
  if (running.call == 0) return;
  if (running.is_paused == is_ahead(running)) return;
  running.is_paused = !running.is_paused;
  self_->send(running.provider, pause_call{running.call, running.is_paused});
}

void session_state::on(const reply_finished& finished) {
  auto* running = find_call(finished.call);
  if (running == nullptr) note_side_end(finished.call, finished.used);
  if (running == nullptr && title_job_ && title_job_->call == finished.call)
    return end_title_call();
  if (running == nullptr) return end_summary_part(finished.call);
  release_call(*running);
  reply_ending ending;
  ending.used = finished.used;
  if (finished.reason == finish_reason::length) ending.status = message_status::length;
  if (finished.reason == finish_reason::refused && !tells_refusal(running->log)) {
    ending.status = status_of_broken(running->log);
    ending.error = message_error_of(make_error(errc::provider_refused, "upstream_content_filter",
                                               "The model provider's filter ended the reply."));
  }
  end_reply(*running, std::move(ending));
}

void session_state::on(const reply_failed& failed) {
  auto* running = find_call(failed.call);
  if (running == nullptr) {
    if (job_ && job_->call == failed.call) end_summary(failed.cause);
    if (title_job_ && title_job_->call == failed.call) end_title(failed.cause);
    return;
  }
  if (!is_retried(*running, failed.cause)) fail_call(*running, failed.cause);
}

caf::result<done> session_state::on(const stop_reply& wanted) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent()) return refuse_absent();
  if (!wanted.message.is_none() && find(wanted.message) == nullptr &&
      header_of(wanted.message) == nullptr)
    return make_error(errc::not_found);
  for (auto& entry : replies_) {
    if (!entry->is_running()) continue;
    if (!wanted.message.is_none() && wanted.message != entry->id()) continue;
    if (entry->stoppers.size() >= parts_.limits.askers_max) return too_many_askers();
    auto promise = self_->make_response_promise<done>();
    entry->stoppers.emplace_back(promise);
    stop(*entry);
    return promise;
  }
  return done{};
}

void session_state::stop(reply& running) {
  cancel(running);
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

// The row as it will be stored, from what has arrived.
void session_state::fill_ending(reply& running, const reply_ending& ending) {
  auto elapsed = [&](caf::actor_clock::time_point until) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(until - running.started).count();
  };
  auto& row = running.row;
  row.parts = running.log.parts();
  row.status = ending.status;
  row.error = ending.error;
  row.updated_at = parts_.clock->now();
  ++row.version;
  const auto& rule = running.made->rule;
  row.measure = running.meter.measure();
  auto sum = sum_of(row.measure);
  auto counted = running.meter.count();
  row.tokens.count = static_cast<int64_t>(counted.tokens);
  row.tokens.vocabulary = to_string(counted.vocabulary);
  row.tokens.estimated = is_estimated(rule, sum);
  auto end = self_->clock().now();
  auto had = row.timing.value_or(reply_timing{elapsed(running.first_token.value_or(end)), 0});
  row.timing = reply_timing{had.first_token_ms, had.total_ms + elapsed(end)};
  auto used = ending.used ? *ending.used : counted_usage(running);
  // A call that failed before it said anything has cost nothing.
  auto has_failed = ending.error && running.log.text_bytes() <= running.begun_at;
  if (running.was_called && !has_failed)
    running.spent = entry_of(priced_model(running), running.by, used);
  row.usage = running.before ? sum_of(*running.before, used) : used;
}

// One commit holds everything; the event `done` is sent after it.
void session_state::finish(reply& running, reply_ending ending) {
  running.at = reply::phase::finishing;
  fill_ending(running, ending);
  running.log.set_usage(*running.row.usage);
  write_record([this, id = running.id(), ending = std::move(ending)] {
    auto* entry = find(id);
    if (entry == nullptr) return next_record_write();
    auto changed = header_;
    changed.updated_at = entry->row.updated_at;
    changed.last_message_at = entry->row.updated_at;
    changed.context_begin = entry->made->begin();
    ++changed.version;
    // The text moves: the log has it, too, should it have to be stored again.
    auto parts = std::move(entry->row.parts);
    commit batch{{finish_message{entry->row}, update_session{changed}}};
    caf::get<finish_message>(batch.changes.front()).entry.parts = std::move(parts);
    if (entry->spent) batch.changes.emplace_back(change_metering{add_usage{*entry->spent}});
    commit_record(std::move(batch), changed, [this, id, ending](const error& fault) {
      if (auto* over = find(id)) on_finished(*over, ending, fault);
    });
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
  }
  log_end(parts_, running.row, status, shown);
  note_row(running.row);
  running.log.finish(status, std::move(shown));
  note("reply.finished", event_text(parts_.id, running.id(), status));
  if (fault)
    texts_.forget(running.id());
  else if (running.log.text_bytes() <= static_cast<int64_t>(parts_.limits.texts_bytes_max))
    texts_.keep(running.id(), message_role::assistant, running.log.parts());
  if (fault && running.spent) unsaved_usage_[running.id()] = *running.spent;
  settle(running);
  // Before `done` is seen: whoever answers it at once finds the turn counted as over.
  self_->send(parts_.parent, turn_ended{parts_.id});
  for (auto& stopper : std::exchange(running.stoppers, {})) {
    if (fault)
      stopper.fail(fault);
    else
      stopper.deliver(done{});
  }
  serve(running);
  learn(running, ending.used);
  last_ = std::exchange(running.made, {});
  last_provider_ = running.provider;
  last_by_ = running.by;
  self_->send(self_, session_work{});
  if (fault) {
    running.row.parts = running.log.parts();
    unsaved_.push_back(std::exchange(running.row, {}));
  }
  release(running.row);
  schedule_check();
}

}  // namespace parley
