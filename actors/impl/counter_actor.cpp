#include "actors/impl/counter_actor.hpp"

#include <algorithm>
#include <map>

#include "actors/floating.hpp"
#include "base/log.hpp"
#include "chat/tool_tokens.hpp"

namespace parley {

namespace {

// -- The worker ---------------------------------------------------------------------------------

struct count_worker_state {
  static inline const char* name = "count_worker";
  explicit count_worker_state(count_worker_actor::pointer) {}

  caf::result<measured_parts> on(const measure_parts& message) const {
    measured_parts measured;
    for (const auto& parts : message.messages)
      measured.measures.push_back(counter->measure(message.vocabulary, parts));
    if (message.tools.empty()) return measured;
    json_reader reader{{.bytes_max = message.tools.size(), .strict = false}};
    TRY(auto tools, reader.parse(message.tools));
    measured.tool_tokens = tool_tokens(*counter, message.vocabulary, tools);
    return measured;
  }

  const token_counter* counter = nullptr;
};

count_worker_actor::behavior_type run_count_worker(
    count_worker_actor::stateful_pointer<count_worker_state> self, const token_counter* counter) {
  harden(self);
  self->state.counter = counter;
  return {handle<measure_parts>(self)};
}

// -- COUNTER ------------------------------------------------------------------------------------

std::optional<token_calibration> restored(const stored_calibration& row) {
  token_calibration known;
  if (row.weights.size() != known.weights.size()) return std::nullopt;
  if (row.covariance.size() != known.covariance.size()) return std::nullopt;
  std::copy(row.weights.begin(), row.weights.end(), known.weights.begin());
  std::copy(row.covariance.begin(), row.covariance.end(), known.covariance.begin());
  known.error_square = row.error_square;
  known.shortfall = row.shortfall;
  known.samples = static_cast<uint32_t>(std::clamp<int64_t>(row.samples, 0, UINT32_MAX));
  return known;
}

struct counter_state;
using counter_self = counter_actor::stateful_pointer<counter_state>;

struct counter_state {
  static inline const char* name = "counter";
  explicit counter_state(counter_actor::pointer actor) : self_(actor) {}
  ~counter_state() {
    if (worker_) caf::anon_send_exit(worker_, caf::exit_reason::user_shutdown);
    if (auto last = take_lessons(); !last.changes.empty())
      caf::anon_send(parts_.storage, std::move(last));
  }

  void begin(counter_parts given) {
    parts_ = std::move(given);
    hire();
    // `await` keeps questions in the mailbox until what is known is here.
    self_
        ->request(parts_.reader, caf::infinite,
                  load_calibrations{static_cast<int64_t>(parts_.calibrations_max)})
        .await(
            [this](const calibration_list& list) {
              // The oldest first, so that the latest is the last to go.
              for (auto row = list.items.rbegin(); row != list.items.rend(); ++row)
                if (auto known = restored(*row))
                  entries_[{row->provider, row->model}] = {*known, ++uses_, false};
            },
            [](const error& cause) {
              // Each model is learnt anew; a start must not depend on it.
              log_warning("counter.not_loaded", {{"error", cause}});
            });
  }

  caf::result<measured_parts> on(const measure_parts& message) {
    if (waiting_ >= parts_.queue_max) {
      error_detail detail;
      detail.reason = "count_queue_full";
      detail.retry_after_s = 1;
      return make_error(errc::unavailable, "Too many long texts at once.", detail);
    }
    ++waiting_;
    auto held = answers_.hold<measured_parts>(self_);
    self_->request(worker_, caf::infinite, message)
        .then(
            [this, key = held.first](measured_parts& measured) {
              --waiting_;
              answers_.deliver<measured_parts>(key, std::move(measured));
            },
            [this, key = held.first](error& cause) {
              --waiting_;
              answers_.fail<measured_parts>(key, std::move(cause));
            });
    return held.second;
  }

  caf::result<token_calibration> on(const find_calibration& question) {
    auto found = entries_.find({question.key.provider, question.key.model});
    if (found == entries_.end()) return token_calibration{};
    found->second.used = ++uses_;
    return found->second.known;
  }

  void on(const learn_tokens& lesson) {
    auto key = std::pair{lesson.key.provider, lesson.key.model};
    auto& entry = entries_[key];
    entry.used = ++uses_;
    auto samples = entry.known.samples;
    entry.known = learned(entry.known, lesson.sent, lesson.prompt_tokens - tokens_per_conversation);
    if (entry.known.samples == samples) {
      if (samples == 0) entries_.erase(key);
      return;
    }
    entry.is_new = true;
    if (entries_.size() > parts_.calibrations_max) forget_one();
    if (!std::exchange(is_store_due_, true))
      self_->delayed_send(self_, parts_.store_pause, store_calibrations{});
  }

  // What a crash takes away is a few answers' lesson.
  void on(const store_calibrations&) {
    is_store_due_ = false;
    auto batch = take_lessons();
    if (batch.changes.empty()) return;
    self_->request(parts_.storage, caf::infinite, std::move(batch))
        .then([](const done&) {},
              [](const error& cause) {
                // The next lesson of each brings it again.
                log_warning("counter.not_stored", {{"error", cause}});
              });
  }

  /// What is not stored yet.
  commit take_lessons() {
    commit batch;
    for (auto& [key, entry] : entries_) {
      if (!std::exchange(entry.is_new, false)) continue;
      stored_calibration row;
      row.provider = key.first;
      row.model = key.second;
      row.samples = entry.known.samples;
      row.weights.assign(entry.known.weights.begin(), entry.known.weights.end());
      row.covariance.assign(entry.known.covariance.begin(), entry.known.covariance.end());
      row.error_square = entry.known.error_square;
      row.shortfall = entry.known.shortfall;
      row.updated_at = parts_.clock->now();
      batch.changes.emplace_back(change_metering{put_calibration{std::move(row)}});
    }
    return batch;
  }

  void on_down(const caf::down_msg& down) {
    if (worker_.address() == down.source) hire();
  }

 private:
  struct entry {
    token_calibration known;
    uint64_t used = 0;
    bool is_new = false;  ///< not stored yet
  };

  void hire() {
    worker_ = parts_.start_worker();
    self_->monitor(worker_);
  }

  void forget_one() {
    auto oldest = std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    entries_.erase(oldest);
  }

  counter_actor::pointer self_;
  counter_parts parts_;
  count_worker_actor worker_;
  std::map<std::pair<std::string, std::string>, entry> entries_;
  held_answers answers_;
  size_t waiting_ = 0;
  uint64_t uses_ = 0;
  bool is_store_due_ = false;
};

counter_actor::behavior_type run_counter(counter_self self,
                                         const std::shared_ptr<counter_parts>& parts) {
  harden(self);
  self->set_down_handler([self](caf::down_msg& down) { self->state.on_down(down); });
  self->state.begin(std::move(*parts));
  return {handle<measure_parts>(self), handle<find_calibration>(self), handle<learn_tokens>(self),
          handle<store_calibrations>(self)};
}

}  // namespace

count_worker_actor spawn_count_worker(caf::actor_system& system, const token_counter& counter,
                                      counting_thread thread) {
  if (thread == counting_thread::own)
    return system.spawn<caf::detached>(run_count_worker, &counter);
  return spawn_floating(system, run_count_worker, &counter);
}

counter_actor spawn_counter(caf::actor_system& system, counter_parts parts) {
  // Shared because CAF copies what it hands to an actor's function.
  return spawn_floating(system, run_counter, std::make_shared<counter_parts>(std::move(parts)));
}

}  // namespace parley
