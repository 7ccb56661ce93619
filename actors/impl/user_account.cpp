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
  return erase(audited(message.who, now(), "user.left", target_of(account_)));
}

caf::result<done> user_state::on(const remove_account& message) {
  TRY_DONE(check_present());
  return erase(audited(message.by, now(), "user.deleted", target_of(account_)));
}

// What is told comes first: afterwards the name of who leaves is gone.
caf::result<done> user_state::erase(const append_audit& told) {
  return store_then<done>(*this, {told, erase_user{id_}}, [this] {
    fault_ = make_error(errc::not_found);
    tell_sessions(end_streams{});
    logins_.clear();
    end_after(absent_linger);
    return done{};
  });
}

namespace {

/// {"role":"ADMIN"}: what an ADMIN has changed of an account.
std::string changes_of(const user& before, const user& after) {
  std::string text;
  json_writer json{text};
  json.begin_object();
  if (after.role != before.role) json.member("role", name_of(after.role));
  if (after.status != before.status) json.member("status", name_of(after.status));
  if (after.labels != before.labels) json.key("labels").raw(after.labels.text);
  json.end_object();
  return text;
}

}  // namespace

caf::result<user> user_state::on(const alter_account& message) {
  TRY_DONE(check_present());
  TRY_DONE(check_version(message.if_version, account_.version));
  if (message.labels) TRY_DONE(check_labels(*message.labels));
  auto changed = account_;
  changed.role = message.role.value_or(account_.role);
  changed.status = message.status.value_or(account_.status);
  changed.labels = message.labels.value_or(account_.labels);
  // Nobody has chosen a password yet.
  if (changed.status == user_status::active && !changed.reset_hash.empty() &&
      changed.password_hash.empty())
    changed.status = user_status::invited;
  auto is_revoked = changed.role != account_.role || changed.status != account_.status;
  if (!is_revoked && changed.labels == account_.labels) return shown(account_);
  if (is_revoked) ++changed.token_version;
  ++changed.version;
  changed.updated_at = now();
  std::vector<change> changes{update_user{changed}};
  // Whoever is enabled again logs in again.
  auto ends_logins = is_revoked && changed.status != user_status::active;
  if (ends_logins) changes.push_back(erase_logins{id_, {}, {}});
  changes.push_back(audited(message.by, now(), "user.changed", target_of(account_),
                            changes_of(account_, changed)));
  return store_then<user>(*this, std::move(changes), [this, changed, ends_logins, is_revoked] {
    account_ = changed;
    if (ends_logins) logins_.clear();
    if (is_revoked) tell_sessions(end_streams{});
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
  if (wanted == settings_.default_model_id) wanted.reset();
  need_model(wanted, [this, key, patch = message.patch](error fault) {
    if (fault) return answers.fail<user_settings>(key, std::move(fault));
    store_settings(key, patch);
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
