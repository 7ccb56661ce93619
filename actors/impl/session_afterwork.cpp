// What follows a turn and delays none: learning from its usage, counting what was only guessed, and
// the summary of what was dropped (session_summary.cpp).
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"

namespace parley {

namespace {

constexpr size_t recounted_at_once = 8;
// Of the window: less that was dropped is not worth a call.
constexpr int64_t summary_threshold_percent = 5;

}  // namespace

void session_state::on(const session_work&) {
  if (is_absent()) return;
  recount();
  // The summary is for when nobody waits for an answer.
  auto is_busy = std::any_of(replies_.begin(), replies_.end(),
                             [](const auto& entry) { return entry->is_running(); });
  if (!is_busy) begin_title();
  if (is_busy || !last_ || header_.context_strategy != context_strategy::summarise || job_) return;
  int64_t lost = 0;
  for (const auto& run : last_->plan.runs)
    if (run.fate == context_fate::dropped && run.reason != context_reason::empty)
      lost += run.tokens;
  if (lost * 100 < last_->model.context_window * summary_threshold_percent || lost == 0) return;
  begin_summary(last_provider_, unsummarised());
}

// -- Learning -----------------------------------------------------------------------------------

// From what this call alone has used.
void session_state::learn(const reply& over, const std::optional<usage>& used) {
  if (!over.made || !over.made->rule.is_estimated || !used) return;
  if (used->source != usage_source::provider || used->prompt_tokens <= 0) return;
  // A fallback has a tokenizer of its own.
  const auto& source = over.row.answered_by;
  if (source && source->model_id != over.made->model.id) return;
  self_->send(parts_.counting, learn_tokens{calibration_key_of(over.made->model),
                                            over.made->plan.sent, used->prompt_tokens});
}

// -- Counting anew ------------------------------------------------------------------------------

// A few messages at a time; the next ones when these are stored.
void session_state::recount() {
  if (is_counting_ || !vocabulary_) return;
  // An estimate stands on both vocabularies; each is wanted that there is a table for.
  auto is_complete = [this](const content_measure& measure) {
    for (auto each : {token_vocabulary::cl100k_base, token_vocabulary::o200k_base})
      if (parts_.counter->has(each) && !is_counted(measure, each)) return false;
    return true;
  };
  read_contents wanted{parts_.owner, parts_.id, {}};
  for (const auto& known : messages_) {
    if (is_complete(known.measure) || known.status == message_status::streaming) continue;
    wanted.ids.push_back(known.id);
    if (wanted.ids.size() == recounted_at_once) break;
  }
  if (wanted.ids.empty()) return;
  is_counting_ = true;
  auto give_up = [this](const error& cause) {
    is_counting_ = false;
    log_warning("session.recount_failed", {{"session", parts_.id}, {"error", cause}});
  };
  self_->request(parts_.reader, caf::infinite, std::move(wanted))
      .then(
          [this, give_up, vocabulary = *vocabulary_](const content_list& rows) {
            measure_parts job{vocabulary, {}, {}};
            for (const auto& row : rows.items) job.messages.push_back(row.parts);
            self_->request(parts_.counting, caf::infinite, std::move(job))
                .then([this, rows](
                          const measured_parts& counted) { take_measures(rows, counted.measures); },
                      give_up);
          },
          give_up);
}

void session_state::take_measures(const content_list& rows,
                                  const std::vector<content_measure>& measures) {
  recount_messages stored{parts_.id, {}};
  for (size_t i = 0; i < rows.items.size() && i < measures.size(); ++i) {
    for (auto& known : messages_) {
      if (known.id != rows.items[i].id) continue;
      auto measure = measures[i];
      // What was counted before in a vocabulary without a table now stays known.
      if (measure.cl100k < 0) measure.cl100k = known.measure.cl100k;
      if (measure.o200k < 0) measure.o200k = known.measure.o200k;
      known.measure = measure;
      stored.entries.push_back({known.id, measure});
    }
  }
  auto is_done = stored.entries.empty();
  auto finish = [this, is_done] {
    is_counting_ = false;
    if (!is_done) self_->send(self_, session_work{});
  };
  if (is_done) return finish();
  self_->request(parts_.storage, caf::infinite, commit{{std::move(stored)}})
      .then([finish](const done&) { finish(); },
            [this](const error& cause) {
              is_counting_ = false;
              log_warning("session.recount_failed", {{"session", parts_.id}, {"error", cause}});
            });
}

}  // namespace parley
