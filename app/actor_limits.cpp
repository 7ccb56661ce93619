#include "app/actor_limits.hpp"

namespace parley::app {

user_limits user_limits_of(const settings& values) {
  user_limits limits;
  limits.logins_max = values.logins_per_user_max;
  limits.models_max = values.models_per_user_max;
  limits.keys_max = values.api_keys_per_user_max;
  limits.sessions_max = static_cast<int64_t>(values.sessions_per_user_max);
  limits.streams_max = static_cast<int>(values.streams_per_user_max);
  limits.temporary_max = values.temporary_sessions_max;
  limits.access_token_life = values.access_token_s;
  limits.refresh_token_life = values.refresh_token_days;
  limits.idle_max = values.user_idle_max_s;
  return limits;
}

session_limits session_limits_of(const settings& values) {
  session_limits limits;
  limits.replies_max = values.replies_per_session_max;
  limits.messages_max = values.messages_per_session_max;
  limits.readers_max = values.readers_per_session_max;
  limits.askers_max = values.askers_per_session_max;
  limits.replies_kept_max = values.replies_kept_max;
  limits.checkpoint_bytes = static_cast<int64_t>(values.checkpoint_bytes);
  limits.idle_max = values.session_idle_max_s;
  limits.reply_keep = values.reply_keep_s;
  return limits;
}

login_limits::limits login_limits_of(const settings& values) {
  login_limits::limits limits;
  limits.failures_free = static_cast<int>(values.login_fails_free);
  limits.delay_max = values.login_wait_max_s;
  limits.address_failures_max = static_cast<double>(values.login_fails_per_address_max);
  limits.address_failures_ceiling = 10 * limits.address_failures_max;
  limits.address_window = values.login_fails_window_s;
  return limits;
}

alert_limits alert_limits_of(const settings& values) {
  alert_limits limits;
  limits.error_percent = values.alert_error_percent;
  limits.error_requests_min = values.alert_error_requests_min;
  limits.disk_percent = values.alert_disk_percent;
  limits.disk_bytes = values.alert_disk_bytes;
  auto hours =
      values.alert_backup_hours > 0 ? values.alert_backup_hours : 2 * values.backup_every_hours;
  if (hours > 0) limits.backup_age = std::chrono::hours{hours};
  return limits;
}

}  // namespace parley::app
