// USER: how many tokens a text has for one of its models.
#include "actors/impl/user_state.hpp"
#include "chat/token_rule.hpp"

namespace parley {

/// A question for a count on its way through models and COUNTER.
struct user_state::count_job {
  uint64_t key = 0;
  count_tokens asked;
  std::string model;      ///< the upstream's id
  calibration_key knows;  ///< empty: nothing is known of this upstream
  token_rule rule;
};

caf::result<counted_tokens> user_state::on(const count_tokens& asked) {
  TRY_DONE(check_caller(asked.who));
  auto held = answers.hold<counted_tokens>(self);
  auto job = std::make_shared<count_job>();
  job->key = held.first;
  job->asked = asked;
  if (!asked.model.empty()) {
    job->model = asked.model;
    calibrate(job);
    return held.second;
  }
  auto me = caf::actor_cast<user_actor>(self);
  self->request(me, caf::infinite, find_model{asked.config})
      .then(
          [this, job](const model_config& found) {
            job->model = found.model;
            job->knows = calibration_key_of(found);
            calibrate(job);
          },
          [this, job](error& cause) { answers.fail<counted_tokens>(job->key, std::move(cause)); });
  return held.second;
}

void user_state::calibrate(const std::shared_ptr<count_job>& job) {
  job->rule = token_rule_of(job->model);
  if (!job->rule.is_estimated || job->knows.model.empty()) return count(job);
  self->request(parts_->counting, caf::infinite, find_calibration{job->knows})
      .then(
          [this, job](const token_calibration& known) {
            job->rule.calibration = known;
            count(job);
          },
          [this, job](const error&) { count(job); });
}

// Names stand behind the messages: they are counted like texts.
void user_state::count(const std::shared_ptr<count_job>& job) {
  measure_parts asked{job->rule.vocabulary, std::move(job->asked.messages), job->asked.tools};
  auto messages = asked.messages.size();
  for (auto& name : job->asked.names) asked.messages.emplace_back().emplace_back().text = name;
  self->request(parts_->counting, caf::infinite, std::move(asked))
      .then(
          [this, job, messages](const measured_parts& counted) {
            measure_sum texts, names;
            for (size_t i = 0; i < counted.measures.size(); ++i)
              (i < messages ? texts : names) += sum_of(counted.measures[i]);
            counted_tokens answer;
            answer.model = job->model;
            answer.vocabulary = to_string(job->rule.vocabulary);
            answer.estimated = is_estimated(job->rule, texts + names);
            if (job->asked.is_conversation)
              answer.tokens = tokens_per_conversation + message_tokens_of(job->rule, texts) +
                              content_tokens(job->rule, names) + names.messages;
            else
              answer.tokens = content_tokens(job->rule, texts);
            answer.tokens += counted.tool_tokens;
            answers.deliver<counted_tokens>(job->key, std::move(answer));
          },
          [this, job](error& cause) { answers.fail<counted_tokens>(job->key, std::move(cause)); });
}

}  // namespace parley
