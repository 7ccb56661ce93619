#include "actors/impl/upkeep_actor.hpp"

#include "actors/floating.hpp"
#include "actors/impl/audit.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/time_zone.hpp"

namespace parley {

namespace {

struct upkeep_state {
  static inline const char* name = "upkeep";
  explicit upkeep_state(upkeep_actor::pointer actor) : self_(actor) {}

  void begin(upkeep_parts given) {
    parts_ = std::move(given);
    removed_ = &metrics().counter("parley_upkeep_chats_total", "Old chats removed by night.");
    self_->delayed_send(self_, parts_.delay, upkeep_check{});
  }

  void on(const upkeep_check& due) {
    self_->delayed_send(self_, parts_.check_every, due);
    if (!is_busy_) look(*parts_.live->get());
  }

  void on(const upkeep_step&) {
    find_old_sessions wanted;
    wanted.before = run_.began_at - std::chrono::hours{24} * run_.days;
    wanted.after = run_.place;
    wanted.rows_max = parts_.chats_per_step_max;
    self_->request(parts_.reader, caf::infinite, wanted)
        .then([this](const old_sessions& found) { take(found); },
              [this](const error& cause) { end(cause); });
  }

 private:
  struct run {
    int32_t days = 0;
    instant began_at{};
    old_chat_place place{};
    int64_t removed = 0;
    int64_t kept = 0;  ///< touched meanwhile, or out of reach
  };

  instant now() const { return parts_.clock->now(); }

  // A setting that is changed by day counts in the next night: there is time to see a mistake.
  void look(const system_settings& settings) {
    auto zone = time_zone::find(settings.time_zone).value_or(time_zone{});
    auto today = zone.day_around(now()).begin;
    is_busy_ = now() >= today + parts_.hour && last_day_ != today && settings.chat_days > 0;
    if (now() >= today + parts_.hour) last_day_ = today;
    if (!is_busy_) return;
    run_ = {.days = settings.chat_days, .began_at = now()};
    self_->send(self_, upkeep_step{});
  }

  void take(const old_sessions& found) {
    if (found.items.empty()) return end({});
    run_.place = found.last;
    auto all = std::ssize(found.items);
    auto keep_all = [this, all](const error& cause) {
      log_warning("upkeep.user_left_out", {{"user", run_.place.owner_id}, {"cause", cause}});
      note(0, all);
    };
    self_->request(parts_.directory, caf::infinite, locate{found.last.owner_id})
        .then(
            [this, keep_all, wanted = expire_sessions{found.items}](const located& at) {
              self_->request(at.holder, caf::infinite, wanted)
                  .then(
                      [this](const bulk_result& done) {
                        note(std::ssize(done.changed), std::ssize(done.failed));
                      },
                      keep_all);
            },
            keep_all);
  }

  void note(int64_t removed, int64_t kept) {
    run_.removed += removed;
    run_.kept += kept;
    removed_->add(static_cast<uint64_t>(removed));
    self_->delayed_send(self_, parts_.pause, upkeep_step{});
  }

  void end(const error& fault) {
    is_busy_ = false;
    if (fault) log_warning("upkeep.failed", {{"cause", fault}, {"removed", run_.removed}});
    log_info("upkeep.done", {{"chats_removed", run_.removed},
                             {"chats_kept", run_.kept},
                             {"took", now() - run_.began_at}});
    if (run_.removed == 0) return;
    auto told = audited(caller{}, now(), "chats.expired", {},
                        "{\"chats\":" + std::to_string(run_.removed) +
                            ",\"days\":" + std::to_string(run_.days) + "}");
    self_->request(parts_.storage, caf::infinite, commit{{std::move(told)}})
        .then([](const done&) {},
              [](const error& cause) {
                log_warning("audit.not_stored", {{"error", cause}});
              });
  }

  upkeep_actor::pointer self_;
  upkeep_parts parts_;
  bool is_busy_ = false;
  std::optional<instant> last_day_;  ///< whose run has begun
  run run_;
  metric_counter* removed_ = nullptr;
};

upkeep_actor::behavior_type run_upkeep(upkeep_actor::stateful_pointer<upkeep_state> self,
                                       const upkeep_parts& parts) {
  harden(self);
  self->state.begin(parts);
  return handle_table<upkeep_actor>(self);
}

}  // namespace

upkeep_actor spawn_upkeep(caf::actor_system& system, upkeep_parts parts) {
  return spawn_floating(system, run_upkeep, std::move(parts));
}

}  // namespace parley
