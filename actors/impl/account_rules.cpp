#include "actors/impl/account_rules.hpp"

#include "base/password_rules.hpp"

namespace parley {

error wrong_credentials() {
  return make_error(errc::unauthenticated, "invalid_credentials",
                    "The user name or the password is wrong.");
}

error refused_token(std::string_view reason) {
  return make_error(errc::unauthenticated, reason, "Please log in again.");
}

expected<void> check_version(int64_t if_version, int64_t version) {
  if (if_version == 0 || if_version == version) return caf::unit;
  return make_error(errc::conflict, "version_mismatch",
                    "It was changed meanwhile; please load it again.");
}

expected<void> check_new_password(const secret_text& password, std::string_view username,
                                  std::string_view path) {
  auto faults = password_faults(password.reveal(), username, path);
  if (faults.empty()) return caf::unit;
  error_detail detail;
  detail.reason = "password_refused";
  detail.fields = std::move(faults);
  return make_error(errc::invalid_input, "This password can't be used.", std::move(detail));
}

expected<user> make_account(const patch_of<user>& wanted, const secret_text& password,
                            instant now) {
  user account;
  wanted.apply_to(account);
  auto named = check_username(account.username);
  auto guarded = check_new_password(password, account.username, "/password");
  if (!named && !guarded) {
    auto detail = detail_of(named.error());
    for (auto& fault : detail_of(guarded.error()).fields) detail.fields.push_back(std::move(fault));
    return make_error(errc::invalid_input, "Neither name nor password can be used.", detail);
  }
  TRY_DONE(std::move(named));
  TRY_DONE(std::move(guarded));
  account.id = user_id::make();
  account.created_at = account.updated_at = now;
  return account;
}

user shown(user account) {
  account.password_hash.clear();
  return account;
}

login shown(login entry) {
  entry.refresh_hash.clear();
  return entry;
}

}  // namespace parley
