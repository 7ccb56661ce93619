// What is sent to the model and what is stored before it: SESSION's part of a turn between the
// draft and the commit (docs/house.md, "A turn").
#include "actors/impl/make_once.hpp"
#include "actors/impl/session_state.hpp"
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

// As stored: without the model's factor, so that a better calibration needs no recount.
int64_t content_tokens(const token_counter& counter, const token_rule& rule,
                       const std::vector<part>& parts) {
  int64_t tokens = 0;
  for (const auto& p : parts) {
    if (p.type == part_type::image) tokens += tokens_per_image;
    if (p.text && p.type == part_type::text)
      tokens += static_cast<int64_t>(counter.count_content(rule.vocabulary, *p.text).tokens);
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

// What a message of the conversation costs the model: its content, the provider's constant and,
// where it is counted exactly, the role, which is one token in both vocabularies.
int64_t message_tokens_of(const token_rule& rule, int64_t content) {
  return static_cast<int64_t>(apply(rule, static_cast<uint64_t>(content), 1)) +
         (rule.is_estimated ? 0 : 1);
}

// The first line that says anything.
std::string title_from(const std::vector<part>& parts) {
  auto text = content_of(parts);
  auto line = std::string_view{text};
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t\r\n")));
  line = line.substr(0, line.find_first_of("\r\n"));
  return std::string{cut_utf8(line, title_bytes_max)};
}

}  // namespace

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
            abandon(id, cause);
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
  const auto& counter = *parts_.counter;
  auto rule = counter.rule_of(model.model);
  running.rule = rule;
  auto uncalibrated = rule;
  uncalibrated.factor = 1;
  running.meter = counter.meter(uncalibrated);
  running.row.tokens = tokens_of(counter, rule, {});
  auto params = merge(running.content.params, merge(header_.params, model.params));
  running.content.params = params;

  auto path = path_to(running.content.parent_id.value_or(message_id{}));
  std::vector<context_item> items;
  for (auto* known : path) items.push_back({known->role, message_tokens_of(rule, known->tokens)});
  auto asked = content_tokens(counter, rule, running.content.parts);
  items.push_back({message_role::user, message_tokens_of(rule, asked)});

  context_budget budget;
  budget.window = model.context_window;
  auto reply_max = params.max_tokens ? params.max_tokens : model.max_tokens;
  budget.reply_max = reply_max ? *reply_max : reply_budget(budget.window);
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
  if (wanted.ids.empty()) return store_turn(running.id(), model, {});
  self_->request(parts_.reader, caf::infinite, std::move(wanted))
      .then([this, id = running.id(),
             model](const message_list& history) { store_turn(id, model, history.items); },
            [this, id = running.id()](const error& cause) { abandon(id, cause); });
}

// As soon as no other commit of the record is under way, which is nearly always now.
void session_state::store_turn(message_id id, model_config model, std::vector<message> history) {
  write_record([this, id, model = std::move(model), history = std::move(history)] {
    auto* running = find(id);
    if (running == nullptr) return next_record_write();
    dispatch(*running, model, history);
  });
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
  asked.tokens = tokens_of(*parts_.counter, parts_.counter->rule_of(model.model), asked.parts);

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
  call.call = make_call_id();
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
  if (running.key) {
    auto made = remembered({parts_.owner, *running.key}, asked.created_at);
    made.session = parts_.id;
    made.message = running.id();
    stored.changes.emplace_back(std::move(made));
  }
  running.at = reply::phase::storing;
  asked.parts.clear();
  commit_record(std::move(stored), std::move(header),
                [this, id = running.id(), asked](const error& cause) {
                  if (cause) return abandon(id, cause);
                  if (auto* entry = find(id)) on_stored(*entry, asked);
                });
  // Stopped before it began: there is nothing to call for, but the message stays.
  if (!running.ending) begin_call(running, std::move(call));
}

// The content of a reply that nobody has counted when it ended.
message_tokens session_state::recount(const message& row) const {
  auto counted = row.tokens;
  auto vocabulary = token_vocabulary::bytes;
  for (auto known : {token_vocabulary::cl100k_base, token_vocabulary::o200k_base})
    if (to_string(known) == counted.vocabulary) vocabulary = known;
  counted.count = 0;
  for (const auto& p : row.parts)
    if (p.text)
      counted.count +=
          static_cast<int64_t>(parts_.counter->count_content(vocabulary, *p.text).tokens);
  return counted;
}

}  // namespace parley
