// The worker that takes samples and keeps what fires in a file.
#include "actors/floating.hpp"
#include "actors/impl/alerts_actor.hpp"
#include "base/files.hpp"
#include "base/log.hpp"
#include "base/record_json.hpp"

namespace parley {

namespace {

constexpr size_t kept_bytes_max = size_t{64} << 20;

struct alert_watch_state {
  static inline const char* name = "alert_watch";
  explicit alert_watch_state(alert_watch_actor::pointer) {}

  caf::result<alert_samples> on(const take_samples&) const { return parts.sample(); }

  caf::result<kept_alerts> on(const load_alerts&) const {
    kept_alerts kept;
    auto text = read_whole_file(parts.file, kept_bytes_max);
    if (!text && code_of(text.error()) == errc::not_found) return kept;
    if (!text) return std::move(text.error());
    json_limits limits;
    limits.bytes_max = kept_bytes_max;
    json_reader reader{limits};
    TRY(auto body, reader.parse(*text));
    restore(body, kept);
    return kept;
  }

  void on(const keep_alerts& wanted) const {
    auto is_kept = replace_file(parts.file, json_of(wanted.all));
    if (!is_kept) log_warning("alert.not_kept", {{"error", is_kept.error()}});
  }

  alert_watch_parts parts;
};

alert_watch_actor::behavior_type run_alert_watch(
    alert_watch_actor::stateful_pointer<alert_watch_state> self, const alert_watch_parts& parts) {
  harden(self);
  self->state.parts = parts;
  return handle_table<alert_watch_actor>(self);
}

}  // namespace

alert_watch_actor spawn_alert_watch(caf::actor_system& system, alert_watch_parts parts,
                                    watch_thread thread) {
  if (thread == watch_thread::own)
    return system.spawn<caf::detached>(run_alert_watch, std::move(parts));
  return spawn_floating(system, run_alert_watch, std::move(parts));
}

}  // namespace parley
