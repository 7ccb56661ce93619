// USER: the account itself and its settings.
#include "actors/impl/user_state.hpp"
#include "base/record_json.hpp"

namespace parley {

caf::result<done> user_state::on(const admit& message) {
  TRY_DONE(check_caller(message.who));
  return done{};
}

caf::result<user> user_state::on(const get_account& message) {
  TRY_DONE(check_caller(message.who, while_password_must_change::allowed));
  return shown(account_);
}

caf::result<user> user_state::on(const change_account& message) {
  TRY_DONE(check_caller(message.who));
  TRY_DONE(check_version(message.if_version, account_.version));
  auto changed = account_;
  message.patch.apply_to(changed);
  ++changed.version;
  changed.updated_at = now();
  return store_then<user>(*this, {update_user{changed}}, [this, changed] {
    account_ = changed;
    return shown(account_);
  });
}

caf::result<done> user_state::on(const leave& message) {
  TRY_DONE(check_caller(message.who));
  return erase();
}

caf::result<done> user_state::on(const remove_account&) {
  TRY_DONE(check_present());
  return erase();
}

caf::result<done> user_state::erase() {
  return store_then<done>(*this, {erase_user{id_}}, [this] {
    fault_ = make_error(errc::not_found);
    tell_sessions(end_streams{});
    logins_.clear();
    end_after(absent_linger);
    return done{};
  });
}

caf::result<user> user_state::on(const alter_account& message) {
  TRY_DONE(check_present());
  auto changed = account_;
  changed.role = message.role.value_or(account_.role);
  changed.status = message.status.value_or(account_.status);
  if (changed.role == account_.role && changed.status == account_.status) return shown(account_);
  ++changed.token_version;
  ++changed.version;
  changed.updated_at = now();
  std::vector<change> changes{update_user{changed}};
  // Whoever is enabled again logs in again.
  auto ends_logins = changed.status != user_status::active;
  if (ends_logins) changes.push_back(erase_logins{id_, {}, {}});
  return store_then<user>(*this, std::move(changes), [this, changed, ends_logins] {
    account_ = changed;
    if (ends_logins) logins_.clear();
    tell_sessions(end_streams{});
    return shown(account_);
  });
}

caf::result<user_settings> user_state::on(const get_settings& message) {
  TRY_DONE(check_caller(message.who));
  return settings_;
}

caf::result<user_settings> user_state::on(const change_settings& message) {
  TRY_DONE(check_caller(message.who));
  auto held = answers.hold<user_settings>(self);
  auto key = held.first;
  auto is_named = message.patch.has(&user_settings::default_model_id);
  auto wanted = is_named ? message.patch.value.default_model_id : std::nullopt;
  if (!wanted || wanted == settings_.default_model_id || find_model_in(models_, *wanted)) {
    store_settings(key, message.patch);
    return held.second;
  }
  self->request(parts_->system_models, caf::infinite, find_system_model{*wanted})
      .then([this, key, patch = message.patch](const model_config&) { store_settings(key, patch); },
            [this, key](error& cause) {
              if (code_of(cause) == errc::not_found) {
                fault_list faults;
                faults.add("/defaultModelId", "exists", "There is no such model.");
                cause = std::move(faults).to_error();
              }
              answers.fail<user_settings>(key, std::move(cause));
            });
  return held.second;
}

void user_state::store_settings(uint64_t key, const patch_of<user_settings>& patch) {
  auto changed = settings_;
  patch.apply_to(changed);
  store_then<user_settings>(*this, key, {put_user_settings{id_, changed}}, [this, changed] {
    settings_ = changed;
    tell_event("settings.updated", "{}");
    return settings_;
  });
}

}  // namespace parley
