#include "actors/impl/user_actor.hpp"

#include "actors/impl/user_state.hpp"
#include "actors/numerous.hpp"
#include "base/log.hpp"

namespace parley {

user_state::~user_state() {
  for (const auto& call : calls_) caf::anon_send_exit(call, caf::exit_reason::user_shutdown);
  for (const auto& [session, entry] : sessions_)
    caf::anon_send_exit(entry.holder, caf::exit_reason::user_shutdown);
}

void user_state::begin(user_place place, std::shared_ptr<const user_parts> given) {
  id_ = place.id;
  parts_ = std::move(given);
  parent_ = std::move(place.parent);
  gauge_ = std::move(place.gauge);
  begin_events();
  touch();
  load();
  self->delayed_send(self, parts_->limits.idle_max / 2, idle_check{});
}

// The mailbox waits until the account is here: no row has to think of a half-loaded state.
void user_state::load() {
  self->request(parts_->reader, caf::infinite, load_user{id_})
      .await(
          [this](user_state_loaded& loaded) {
            account_ = std::move(loaded.account);
            logins_ = std::move(loaded.logins);
            models_ = std::move(loaded.models);
            folders_ = std::move(loaded.folders);
            keys_ = std::move(loaded.keys);
            settings_ = std::move(loaded.settings);
            session_count_ = loaded.session_count;
          },
          [this](const error& cause) {
            auto is_absent = code_of(cause) == errc::not_found;
            if (!is_absent) log_error("user.not_loaded", {{"user", id_}, {"cause", cause}});
            fault_ = is_absent ? cause : make_error(errc::unavailable);
            end_after(is_absent ? absent_linger : std::chrono::milliseconds{0});
          });
}

void user_state::end_after(std::chrono::milliseconds delay) {
  if (std::exchange(is_ending_, true)) return;
  if (delay.count() == 0)
    self->send(self, sleep_now{});
  else
    self->delayed_send(self, delay, sleep_now{});
}

expected<void> user_state::check_present() const {
  if (!fault_) return caf::unit;
  return fault_;
}

expected<void> user_state::check_caller(const caller& who, while_password_must_change rule) {
  if (fault_)
    return code_of(fault_) == errc::not_found ? refused_token("token_revoked") : error{fault_};
  touch();
  TRY_DONE(who.is_key() ? check_key(who) : check_login(who));
  if (account_.status != user_status::active) return refused_token("account_disabled");
  if (who.needs == role::admin && account_.role != role::admin)
    return make_error(errc::forbidden, "role_needed", "This is for administrators.");
  if (who.is_key()) TRY_DONE(check_scope(who));
  if (account_.must_change_password && rule == while_password_must_change::refused)
    return make_error(errc::forbidden, "password_change_needed",
                      "Please choose a new password first.");
  return caf::unit;
}

void user_state::touch() {
  last_used_ = self->clock().now();
  gauge_->last_used = last_used_.time_since_epoch().count();
}

bool user_state::is_idle() const {
  return !is_ending_ && sessions_.empty() && calls_.empty() && listeners_.empty() &&
         answers.size() == 0;
}

void user_state::on(const idle_check&) {
  self->delayed_send(self, parts_->limits.idle_max / 2, idle_check{});
  auto is_due = self->clock().now() - last_used_ >= parts_->limits.idle_max;
  if (is_due && is_idle()) self->send(parent_, user_idle{id_});
}

void user_state::on(const rest& message) {
  for (const auto& [session, entry] : sessions_)
    if (entry.running == 0) self->send(entry.holder, message);
  if (is_idle()) self->send(parent_, user_idle{id_});
}

// Comes twice: from DIRECTORY, and from the actor itself behind all that waited then. What comes
// later finds the actor down, and EDGE asks DIRECTORY again.
void user_state::on(const sleep_now&) {
  if (!is_ending_) return end_after({});
  if (answers.size() == 0) return self->quit();
  self->delayed_send(self, std::chrono::milliseconds{50}, sleep_now{});
}

namespace {

class user_impl final : public numerous_actor<user_actor, user_state> {
 public:
  user_impl(caf::actor_config& config, user_place place, std::shared_ptr<const user_parts> parts)
      : numerous_actor(config), place_(std::move(place)), parts_(std::move(parts)) {}

  user_actor::behavior_type make_behavior() override {
    harden(this);
    set_down_handler([this](caf::down_msg& down) { state.on_down(down); });
    state.begin(std::move(place_), std::move(parts_));
    return rows();
  }

 private:
  user_place place_;
  std::shared_ptr<const user_parts> parts_;
};

}  // namespace

user_actor spawn_user(caf::actor_system& system, user_place place,
                      std::shared_ptr<const user_parts> parts) {
  return system.spawn<user_impl>(std::move(place), std::move(parts));
}

}  // namespace parley
