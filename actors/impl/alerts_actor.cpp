#include "actors/impl/alerts_actor.hpp"

#include "actors/floating.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"

namespace parley {

namespace {

using namespace std::chrono_literals;

constexpr size_t alerts_per_message_max = 20;

metric_counter& fired_counter(alert_kind kind) {
  return metrics().counter("parley_alerts_fired_total", "Alerts that fired, by kind.",
                           {{"kind", to_string(kind)}});
}

metric_counter& undelivered_counter(alert_receiver receiver) {
  return metrics().counter("parley_alert_failures_total",
                           "Tries to deliver alerts that came to nothing, by receiver.",
                           {{"receiver", to_string(receiver)}});
}

struct alerts_state {
  static inline const char* name = "alerts";
  explicit alerts_state(alerts_actor::pointer actor) : self_(actor) {}
  ~alerts_state();

  void begin(alerts_parts given);

  caf::result<alert_overview> on(const read_alerts&) const;
  caf::result<alert_trials> on(const test_receivers&);
  void on(const budget_crossed& told) { note(finding_of(told)); }
  void on(const meet_provider& told) { provider_ = told.provider; }
  void on(const look_around&);
  void on(const post_again& due);

 private:
  /// One receiver, and what waits for it.
  struct outlet {
    alert_receiver_parts parts;
    alert_sender_actor sender;
    std::deque<alert> waiting;  ///< at most queue_max
    alert_outlet past;
    uint32_t tries = 0;  ///< of what is first
    bool is_posting = false;
    bool is_resting = false;
  };
  /// Of all receivers, until the last has answered.
  struct trial {
    uint64_t key = 0;
    size_t left = 0;
    alert_trials made;
  };

  void load();
  void hire_watch();
  void hire_sender(outlet& of);
  void replace_worker(const caf::down_msg& down);

  void look_at_samples();
  void look_at_channels();
  void note(const alert_finding& found);
  void note_all(alert_kind kind, const std::vector<alert_finding>& all);
  void publish();
  void queue(outlet& to, const alert& news) const;

  void post(size_t place);
  void end_post(size_t place, size_t count);
  void fail_post(size_t place, size_t count, const error& cause);
  void end_trial(size_t place, const std::shared_ptr<trial>& of, const error& cause);

  alert_moment now() const { return {self_->clock().now(), parts_.clock->now()}; }

  alerts_actor::pointer self_;
  alerts_parts parts_;
  held_answers answers_;
  alert_watch_actor watch_;
  provider_actor provider_;
  std::vector<outlet> outlets_;
  std::optional<request_window> recent_;
  std::optional<alert_book> book_;
  bool is_sampling_ = false;
  bool is_testing_ = false;
  bool has_passed_over_ = false;  ///< it was said
};

alerts_state::~alerts_state() {
  auto end = [](const auto& worker) {
    if (worker) caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  };
  end(watch_);
  for (const auto& each : outlets_) end(each.sender);
}

void alerts_state::begin(alerts_parts given) {
  parts_ = std::move(given);
  recent_.emplace(parts_.error_span);
  book_.emplace(parts_.hold, parts_.subjects_max);
  for (size_t kind = 1; kind < names_of(alert_kind{}).size(); ++kind)
    fired_counter(static_cast<alert_kind>(kind));
  for (size_t one = 1; one <= names_of(alert_receiver{}).size(); ++one)
    undelivered_counter(static_cast<alert_receiver>(one));
  if (parts_.receivers.empty()) return;
  self_->set_down_handler([this](caf::down_msg& down) { replace_worker(down); });
  for (auto& receiver : parts_.receivers) {
    auto& made = outlets_.emplace_back();
    made.parts = std::move(receiver);
    made.past.receiver = made.parts.receiver;
    hire_sender(made);
  }
  hire_watch();
  load();
}

// Before anything else is heard: what fires already must not fire again.
void alerts_state::load() {
  self_->request(watch_, caf::infinite, load_alerts{})
      .await(
          [this](const kept_alerts& kept) {
            book_->load(kept);
            self_->send(self_, look_around{});
          },
          [this](const error& cause) {
            log_warning("alert.not_loaded", {{"error", cause}});
            self_->send(self_, look_around{});
          });
}

void alerts_state::hire_watch() {
  watch_ = parts_.start_watch();
  is_sampling_ = false;
  self_->monitor(watch_);
}

void alerts_state::hire_sender(outlet& of) {
  of.sender = of.parts.start_sender();
  self_->monitor(of.sender);
}

void alerts_state::replace_worker(const caf::down_msg& down) {
  if (watch_.address() == down.source) return hire_watch();
  for (auto& each : outlets_)
    if (each.sender.address() == down.source) return hire_sender(each);
}

// -- Looking --------------------------------------------------------------------------------------

void alerts_state::on(const look_around& due) {
  self_->delayed_send(self_, parts_.look, due);
  look_at_samples();
  look_at_channels();
  book_->pass(now());
  publish();
}

void alerts_state::look_at_samples() {
  if (std::exchange(is_sampling_, true)) return;
  self_->request(watch_, caf::infinite, take_samples{})
      .then(
          [this](const alert_samples& taken) {
            is_sampling_ = false;
            recent_->add(now().steady, taken.requests, taken.failures);
            note(finding_of(*recent_, parts_.limits));
            auto found = findings_of(taken, parts_.limits);
            note_all(alert_kind::disk_low, found);
            note_all(alert_kind::backup_late, found);
            publish();
          },
          [this](const error& cause) {
            is_sampling_ = false;
            log_warning("alert.no_samples", {{"error", cause}});
          });
}

// Those of the system: whoever has models of their own sees them fail.
void alerts_state::look_at_channels() {
  if (!provider_) return;
  auto unknown = [](const error& cause) { log_debug("alert.no_channels", {{"error", cause}}); };
  self_->request(parts_.admin, caf::infinite, list_system_models{})
      .then(
          [this, unknown](const model_list& models) {
            self_->request(provider_, caf::infinite, read_channels{})
                .then(
                    [this, models](const channel_reports& reports) {
                      note_all(alert_kind::upstream_down, findings_of(models, reports));
                      publish();
                    },
                    unknown);
          },
          unknown);
}

void alerts_state::note(const alert_finding& found) {
  if (outlets_.empty() || book_->note(found, now())) return;
  if (!std::exchange(has_passed_over_, true))
    log_warning("alert.passed_over", {{"kind", name_of(found.kind)}, {"subject", found.subject}});
}

void alerts_state::note_all(alert_kind kind, const std::vector<alert_finding>& all) {
  for (const auto& found : all)
    if (found.kind == kind) note(found);
  book_->note_all(kind, all, now());
}

// -- Telling --------------------------------------------------------------------------------------

void alerts_state::publish() {
  for (const auto& news : book_->take_news()) {
    if (news.state == alert_state::firing) {
      fired_counter(news.kind).add();
      log_warning(
          "alert.fired",
          {{"kind", name_of(news.kind)}, {"subject", news.subject}, {"summary", news.summary}});
    } else {
      log_info("alert.resolved", {{"kind", name_of(news.kind)}, {"subject", news.subject}});
    }
    for (auto& each : outlets_) queue(each, news);
  }
  if (book_->take_change()) self_->send(watch_, keep_alerts{book_->kept()});
  for (size_t place = 0; place < outlets_.size(); ++place) post(place);
}

void alerts_state::queue(outlet& to, const alert& news) const {
  if (to.waiting.size() < parts_.queue_max) return to.waiting.push_back(news);
  undelivered_counter(to.past.receiver).add();
  log_error("alert.given_up", {{"receiver", name_of(to.past.receiver)}, {"reason", "queue_full"}});
}

// All that waits goes into one message: bots of chats take few in a minute.
void alerts_state::post(size_t place) {
  auto& to = outlets_[place];
  if (to.is_posting || to.is_resting || to.waiting.empty()) return;
  to.is_posting = true;
  auto count = std::min(to.waiting.size(), alerts_per_message_max);
  deliver_alerts message{{to.waiting.begin(), to.waiting.begin() + static_cast<ptrdiff_t>(count)}};
  self_->request(to.sender, caf::infinite, std::move(message))
      .then([this, place, count](const done&) { end_post(place, count); },
            [this, place, count](const error& cause) { fail_post(place, count, cause); });
}

void alerts_state::end_post(size_t place, size_t count) {
  auto& to = outlets_[place];
  auto end = to.waiting.begin() + static_cast<ptrdiff_t>(count);
  to.is_posting = false;
  to.tries = 0;
  to.past.delivered_at = parts_.clock->now();
  to.past.error.reset();
  book_->mark_told({to.waiting.begin(), end});
  to.waiting.erase(to.waiting.begin(), end);
  log_info("alert.delivered", {{"receiver", name_of(to.past.receiver)}, {"alerts", count}});
  publish();
}

void alerts_state::fail_post(size_t place, size_t count, const error& cause) {
  auto& to = outlets_[place];
  to.is_posting = false;
  to.past.failed_at = parts_.clock->now();
  to.past.error = sentence_of(cause);
  undelivered_counter(to.past.receiver).add();
  log_warning("alert.undelivered", {{"receiver", name_of(to.past.receiver)}, {"error", cause}});
  auto pause = std::min(parts_.pause_first * (1 << std::min(2 * to.tries, 20U)), parts_.pause_max);
  if (++to.tries < parts_.tries_max) {
    to.is_resting = true;
    self_->delayed_send(self_, pause, post_again{static_cast<uint32_t>(place)});
    return;
  }
  to.tries = 0;
  to.waiting.erase(to.waiting.begin(), to.waiting.begin() + static_cast<ptrdiff_t>(count));
  log_error("alert.given_up", {{"receiver", name_of(to.past.receiver)}, {"reason", "tries"}});
  post(place);
}

void alerts_state::on(const post_again& due) {
  if (due.outlet >= outlets_.size()) return;
  outlets_[due.outlet].is_resting = false;
  post(due.outlet);
}

// -- For an ADMIN ---------------------------------------------------------------------------------

caf::result<alert_overview> alerts_state::on(const read_alerts&) const {
  alert_overview all{book_->firing(), {}};
  for (const auto& each : outlets_) {
    all.receivers.push_back(each.past);
    all.receivers.back().waiting = static_cast<int64_t>(each.waiting.size());
  }
  return all;
}

caf::result<alert_trials> alerts_state::on(const test_receivers&) {
  if (outlets_.empty()) return alert_trials{};
  if (std::exchange(is_testing_, true)) {
    error_detail detail;
    detail.reason = "alerts_busy";
    detail.retry_after_s = 1;
    return make_error(errc::unavailable, "The receivers are being tested already.", detail);
  }
  alert news;
  news.subject = "test";
  news.since = parts_.clock->now();
  news.summary = "An ADMIN tests whether alerts arrive. Nothing is wrong.";
  news.mend = "Nothing is to be done.";
  auto held = answers_.hold<alert_trials>(self_);
  auto made = std::make_shared<trial>();
  made->key = held.first;
  made->left = outlets_.size();
  for (const auto& each : outlets_) made->made.items.push_back({each.past.receiver});
  for (size_t place = 0; place < outlets_.size(); ++place)
    self_->request(outlets_[place].sender, caf::infinite, deliver_alerts{{news}})
        .then([=, this](const done&) { end_trial(place, made, {}); },
              [=, this](const error& cause) { end_trial(place, made, cause); });
  return held.second;
}

void alerts_state::end_trial(size_t place, const std::shared_ptr<trial>& of, const error& cause) {
  auto& one = of->made.items[place];
  one.delivered = !cause;
  if (cause) one.error = sentence_of(cause);
  if (--of->left > 0) return;
  is_testing_ = false;
  answers_.deliver<alert_trials>(of->key, std::move(of->made));
}

alerts_actor::behavior_type run_alerts(alerts_actor::stateful_pointer<alerts_state> self,
                                       const alerts_parts& parts) {
  harden(self);
  self->state.begin(parts);
  return handle_table<alerts_actor>(self);
}

}  // namespace

alerts_actor spawn_alerts(caf::actor_system& system, alerts_parts parts) {
  return spawn_floating(system, run_alerts, std::move(parts));
}

}  // namespace parley
