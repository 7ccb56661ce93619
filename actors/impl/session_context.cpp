// Which messages a request has: SESSION's part between a draft and its plan (chat/context).
#include "actors/impl/session_state.hpp"
#include "base/text.hpp"
#include "chat/price.hpp"
#include "chat/summary_prompt.hpp"

namespace parley {

context_used composition::record() const {
  context_used used;
  used.tokens = plan.tokens - plan.parts.guard;
  used.limit = plan.limit;
  used.estimated = plan.is_estimated;
  used.parts = plan.parts;
  for (const auto& run : plan.runs) {
    auto messages = static_cast<int64_t>(run.end - run.begin);
    (run.fate == context_fate::sent      ? used.kept
     : run.fate == context_fate::dropped ? used.dropped
                                         : used.summarised) += messages;
    used.spans.push_back(
        {path[run.begin], path[run.end - 1], messages, run.tokens, run.fate, run.reason});
  }
  if (model.prices) used.cost = price_of(*model.prices, {.input_tokens = used.tokens});
  return used;
}

std::optional<message_id> composition::begin() const {
  if (plan.begin == 0) return std::nullopt;
  return path[plan.begin];
}

void composition::name_newest(message_id id) {
  path.back() = id;
}

// The model, then the new message's measure, then what is known of the model's tokenizer. Short
// texts for a public vocabulary take one step.
void session_state::compose(const std::shared_ptr<composition>& made, const composed& then) {
  auto wanted = made->content.model_id ? made->content.model_id : header_.model_id;
  self_->request(parts_.parent, caf::infinite, find_model{wanted.value_or(model_id{})})
      .then(
          [this, made, then](const model_config& model) {
            made->model = model;
            find_fallback(made, then);
          },
          [made, then](const error& cause) {
            // The session's own model being gone is a state the user can mend, not a wrong id.
            if (code_of(cause) == errc::not_found && !made->content.model_id)
              return then(make_error(errc::invalid_input, "model_gone",
                                     "Please choose a model for this session."));
            then(cause);
          });
}

// A fallback that is gone, disabled or somebody else's is none.
void session_state::find_fallback(const std::shared_ptr<composition>& made, const composed& then) {
  made->fallback.reset();
  auto wanted = made->model.fallback_model_id;
  if (!wanted || *wanted == made->model.id) return weigh(made, then);
  self_->request(parts_.parent, caf::infinite, find_model{*wanted})
      .then(
          [this, made, then](const model_config& model) {
            made->fallback = model;
            weigh(made, then);
          },
          [this, made, then](const error&) { weigh(made, then); });
}

void session_state::weigh(const std::shared_ptr<composition>& made, const composed& then) {
  made->rule = token_rule_of(made->model.model);
  auto vocabulary = made->rule.vocabulary;
  const auto& parts = made->content.parts;
  if (measured_bytes_of(parts) <= parts_.limits.count_inline_bytes) {
    made->asked = parts_.counter->measure(vocabulary, parts);
    return calibrate(made, then);
  }
  self_->request(parts_.counting, caf::infinite, measure_parts{vocabulary, {parts}, {}})
      .then(
          [this, made, then](const measured_parts& counted) {
            if (counted.measures.size() != 1) return then(make_error(errc::internal));
            made->asked = counted.measures.front();
            calibrate(made, then);
          },
          [then](const error& cause) { then(cause); });
}

void session_state::calibrate(const std::shared_ptr<composition>& made, const composed& then) {
  auto finish = [this, made, then] {
    auto planned = plan(*made);
    then(planned ? error{} : planned.error());
  };
  if (!made->rule.is_estimated) return finish();
  self_->request(parts_.counting, caf::infinite, find_calibration{calibration_key_of(made->model)})
      .then(
          [made, finish](const token_calibration& known) {
            made->rule.calibration = known;
            finish();
          },
          // What is known of other models is enough to begin with.
          [finish](const error&) { finish(); });
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

size_t session_state::index_of(message_id id,
                               const std::vector<const message_header*>& path) const {
  auto is_it = [id](const message_header* known) { return known->id == id; };
  return static_cast<size_t>(std::find_if(path.begin(), path.end(), is_it) - path.begin());
}

const session_summary* session_state::summary_in_use() const {
  auto is_used = summary_ && header_.context_strategy == context_strategy::summarise;
  return is_used ? &*summary_ : nullptr;
}

// The system prompt and the summary stay the same for many turns.
measure_sum session_state::weight_of(std::string_view text, token_vocabulary vocabulary) {
  constexpr size_t known_max = 4;
  for (const auto& known : known_texts_)
    if (known.vocabulary == vocabulary && known.text == text) return known.sum;
  if (known_texts_.size() >= known_max) known_texts_.pop_front();
  known_texts_.push_back(
      {std::string{text}, vocabulary, sum_of(parts_.counter->measure(vocabulary, text))});
  return known_texts_.back().sum;
}

expected<void> session_state::plan(composition& made) {
  made.params = merge(made.content.params, merge(header_.params, made.model.params));
  auto path = path_to(made.content.parent_id.value_or(message_id{}));
  context_history history;
  history.reserve(path.size() + 1);
  made.path.clear();
  for (const auto* known : path) {
    history.add({known->role, known->is_pinned, known->measure});
    made.path.push_back(known->id);
  }
  if (!made.is_stored) {
    history.add({message_role::user, false, made.asked});
    made.path.push_back({});  // it gets its id when it is stored
  }

  context_budget budget;
  budget.window = made.window > 0 ? made.window : made.model.context_window;
  if (made.window == 0 && named_window_.first == made.model.id)
    budget.window = std::min(budget.window, named_window_.second);
  auto reply_max = made.params.max_tokens ? made.params.max_tokens : made.model.max_tokens;
  budget.reply_max = reply_max ? *reply_max : reply_budget(budget.window);
  budget.rule = made.rule;
  budget.strategy = header_.context_strategy;
  auto vocabulary = made.rule.vocabulary;
  if (header_.system_prompt) budget.system = weight_of(*header_.system_prompt, vocabulary);
  if (const auto* summary = summary_in_use()) {
    auto covered = index_of(summary->covers, path);
    if (covered < path.size()) {
      budget.summarised = covered + 1;
      budget.summary = weight_of(summary_text(*summary), vocabulary);
      // Both stand in one system message.
      if (budget.system.messages > 0) budget.summary.messages = 0;
    }
  }
  if (header_.context_begin) {
    auto begin = index_of(*header_.context_begin, path);
    if (begin < path.size()) budget.begin_before = begin;
  }
  TRY(made.plan, plan_context(history, budget));
  return {};
}

/// The stored messages of the plan, in the order in which they are sent.
std::vector<message_id> session_state::sent_ids(const composition& made) const {
  std::vector<message_id> ids;
  for (auto index : made.plan.pinned) ids.push_back(made.path[index]);
  auto end = made.path.size() - (made.is_stored ? 0 : 1);
  for (auto index = made.plan.begin; index < end; ++index) ids.push_back(made.path[index]);
  return ids;
}

complete session_state::call_for(const composition& made,
                                 std::vector<message_content> history) const {
  complete call;
  call.call = make_call_id();
  call.sink = caf::actor_cast<reply_sink_actor>(self_);
  call.caller = parts_.owner;
  call.model = made.model;
  call.params = made.params;
  if (made.fallback) {
    auto params = merge(made.content.params, merge(header_.params, made.fallback->params));
    call.fallback = fallback_model{*made.fallback, std::move(params)};
  }
  prompt_message system{message_role::system, {}};
  if (header_.system_prompt) system.parts.emplace_back().text = *header_.system_prompt;
  if (const auto* summary = summary_in_use(); summary != nullptr && made.plan.parts.summary > 0)
    system.parts.emplace_back().text = summary_text(*summary);
  if (!system.parts.empty()) call.messages.push_back(std::move(system));
  call.messages.reserve(history.size() + 2);
  for (auto& past : history)
    if (!past.parts.empty()) call.messages.push_back({past.role, std::move(past.parts)});
  if (!made.is_stored) call.messages.push_back({message_role::user, made.content.parts});
  return call;
}

// -- Preview ------------------------------------------------------------------------------------

caf::result<turn_preview> session_state::on(const preview_turn& wanted) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent()) return refuse_absent();
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  auto made = std::make_shared<composition>();
  made->content = wanted.content;
  TRY_DONE(place_of(made->content));
  made->content.parent_id = parent_of(made->content);
  auto held = answers_.hold<turn_preview>(self_);
  compose(made, [this, made, key = held.first](const error& fault) {
    // One that is only looked at is not kept.
    if (is_fresh_ && replies_.empty()) {
      is_gone_ = true;
      tell_idle();
    }
    if (fault) return answers_.fail<turn_preview>(key, fault);
    turn_preview shown;
    shown.model = made->model.id;
    shown.model_name = made->model.name;
    shown.context = made->record();
    shown.reply_tokens_max = made->params.max_tokens;
    answers_.deliver<turn_preview>(key, std::move(shown));
  });
  return held.second;
}

}  // namespace parley
