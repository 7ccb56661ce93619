// A turn of SESSION, from the draft to the event `done` (docs/house.md, "A turn").
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

// What a 1024 x 1024 image costs at OpenAI ("Images and vision", high detail); a better rule for
// each provider comes with its dialect.
constexpr int64_t tokens_per_image = 765;
constexpr size_t title_bytes_max = 120;

token_message token_message_of(message_role role, std::string_view content) {
  switch (role) {
    case message_role::system:
      return {"system", content, {}};
    case message_role::assistant:
      return {"assistant", content, {}};
    case message_role::tool:
      return {"tool", content, {}};
    case message_role::user:
      break;
  }
  return {"user", content, {}};
}

int64_t content_tokens(const token_counter& counter, const token_rule& rule,
                       const std::vector<part>& parts) {
  int64_t tokens = 0;
  for (const auto& p : parts) {
    if (p.type == part_type::image) tokens += tokens_per_image;
    if (p.text && p.type == part_type::text)
      tokens += static_cast<int64_t>(counter.count(rule, *p.text).tokens);
  }
  return tokens;
}

message_tokens tokens_of(const token_counter& counter, const token_rule& rule,
                         const std::vector<part>& parts) {
  auto known = counter.has(rule.vocabulary);
  return {content_tokens(counter, rule, parts),
          std::string{to_string(known ? rule.vocabulary : token_vocabulary::bytes)},
          rule.is_estimated || !known};
}

std::string title_from(const std::vector<part>& parts) {
  auto text = content_of(parts);
  auto line = std::string_view{text}.substr(0, text.find_first_of("\r\n"));
  return std::string{cut_utf8(line, title_bytes_max)};
}

}  // namespace

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

void session_state::prepare(reply& running) {
  auto wanted = running.content.model_id ? running.content.model_id : header_.model_id;
  self_->request(parts_.parent, caf::infinite, find_model{wanted.value_or(model_id{})})
      .then(
          [this, id = running.id()](const model_config& model) {
            if (auto* entry = find(id)) plan(*entry, model);
          },
          [this, id = running.id()](const error& cause) {
            auto* entry = find(id);
            if (entry == nullptr) return;
            // The session's own model being gone is a state the user can mend, not a wrong id.
            if (code_of(cause) == errc::not_found && !entry->content.model_id)
              return abandon(id, make_error(errc::invalid_input, "model_gone",
                                            "Please choose a model for this session."));
            abandon(id, make_error(code_of(cause), sentence_of(cause), detail_of(cause)));
          });
}

std::vector<const message_header*> session_state::path_to(message_id leaf) const {
  std::vector<const message_header*> path;
  // A parent always stands before its children.
  for (auto known = messages_.rbegin(); known != messages_.rend() && !leaf.is_none(); ++known) {
    if (known->id != leaf) continue;
    path.push_back(&*known);
    leaf = known->parent_id;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

void session_state::plan(reply& running, const model_config& model) {
  auto rule = token_rule_of(model.model);
  const auto& counter = *parts_.counter;
  running.meter = counter.meter(rule);
  running.row.tokens = tokens_of(counter, rule, {});
  auto params = merge(running.content.params, merge(header_.params, model.params));
  running.content.params = params;

  auto path = path_to(running.content.parent_id.value_or(message_id{}));
  std::vector<context_item> items;
  auto per_message = static_cast<int64_t>(rule.per_message);
  for (auto* known : path) items.push_back({known->role, known->tokens + per_message});
  auto asked = content_tokens(counter, rule, running.content.parts);
  items.push_back({message_role::user, asked + per_message});

  context_budget budget;
  budget.window = model.context_window;
  budget.reply_max = params.max_tokens.value_or(model.max_tokens);
  budget.fixed_tokens = tokens_per_conversation;
  if (header_.system_prompt)
    budget.fixed_tokens += static_cast<int64_t>(
        counter.count(rule, token_message_of(message_role::system, *header_.system_prompt)).tokens);
  budget.guard = rule.guard;
  budget.strategy = header_.context_strategy;
  auto planned = plan_context(items, budget);
  if (!planned) return abandon(running.id(), planned.error());
  running.row.context =
      context_used{planned->tokens, planned->limit, planned->kept, planned->dropped};

  read_messages wanted{parts_.owner, parts_.id, {}};
  for (size_t i = planned->first_kept; i < path.size(); ++i) wanted.ids.push_back(path[i]->id);
  if (wanted.ids.empty()) return dispatch(running, model, {});
  self_->request(parts_.reader, caf::infinite, std::move(wanted))
      .then(
          [this, id = running.id(), model](const message_list& history) {
            if (auto* entry = find(id)) dispatch(*entry, model, history.items);
          },
          [this, id = running.id()](const error& cause) { abandon(id, cause); });
}

void session_state::fill_rows(reply& running, const model_config& model, message& asked,
                              session& header) const {
  auto now = parts_.clock->now();
  const auto& start = running.log.start();
  asked.id = start.user_message_id;
  asked.created_at = asked.updated_at = now;
  asked.session_id = parts_.id;
  asked.parent_id = running.content.parent_id;
  asked.role = message_role::user;
  asked.parts = running.content.parts;
  asked.tokens = tokens_of(*parts_.counter, token_rule_of(model.model), asked.parts);

  auto& row = running.row;
  row.id = start.message_id;
  row.created_at = row.updated_at = now;
  row.session_id = parts_.id;
  row.parent_id = asked.id;
  row.role = message_role::assistant;
  row.status = message_status::streaming;
  row.model_id = model.id;
  row.model_name = model.name;

  header = header_;
  header.updated_at = now;
  header.last_message_at = now;
  header.message_count += 2;
  header.active_leaf_id = row.id;
  if (!header.model_id) header.model_id = model.id;
  if (header.title.empty()) header.title = title_from(asked.parts);
  if (!is_fresh_) ++header.version;
}

// Commit and call go out at the same time; until the commit is answered nothing is shown.
void session_state::dispatch(reply& running, const model_config& model,
                             const std::vector<message>& history) {
  message asked;
  session header;
  fill_rows(running, model, asked, header);
  auto start = running.log.start();
  start.model_id = model.id;
  start.context = *running.row.context;
  running.log = reply_log{start};

  complete call;
  call.call = running.call = make_call_id();
  call.sink = caf::actor_cast<reply_sink_actor>(self_);
  call.caller = parts_.owner;
  call.model = model;
  call.params = running.content.params;
  if (header_.system_prompt) {
    part prompt;
    prompt.text = *header_.system_prompt;
    call.messages.push_back({message_role::system, {std::move(prompt)}});
  }
  for (const auto& past : history)
    if (!past.parts.empty()) call.messages.push_back({past.role, past.parts});
  call.messages.push_back({message_role::user, std::move(running.content.parts)});

  commit stored;
  if (is_fresh_)
    stored.changes.emplace_back(create_session{header});
  else
    stored.changes.emplace_back(update_session{header});
  stored.changes.emplace_back(create_message{asked});
  stored.changes.emplace_back(create_message{running.row});
  if (running.key)
    stored.changes.emplace_back(remember_key{parts_.owner, running.key->route, running.key->key,
                                             running.key->body_sha256, parts_.id, running.id(),
                                             asked.created_at});
  running.at = reply::phase::storing;
  asked.parts.clear();
  header_ = header;
  self_->request(parts_.storage, caf::infinite, std::move(stored))
      .then(
          [this, id = running.id(), asked](const done&) {
            if (auto* entry = find(id)) on_stored(*entry, asked);
          },
          [this, id = running.id()](const error& cause) { abandon(id, cause); });
  if (running.ending)
    running.call = 0;  // stopped before it began
  else
    self_->send(running.provider, std::move(call));
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
