#include "actors/impl/account_rules.hpp"

#include "base/crypto.hpp"
#include "base/password_rules.hpp"
#include "base/record_json.hpp"
#include "base/text.hpp"

namespace parley {

error wrong_credentials() {
  return make_error(errc::unauthenticated, "invalid_credentials",
                    "The user name or the password is wrong.");
}

error wrong_code() {
  return make_error(errc::unauthenticated, "invalid_code",
                    "The user name or the code is wrong, or the code was used or has expired.");
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

expected<user> make_account(const patch_of<user>& wanted, instant now) {
  user account;
  wanted.apply_to(account);
  TRY_DONE(check_username(account.username));
  account.id = user_id::make();
  account.created_at = account.updated_at = now;
  return account;
}

one_time_code make_one_time_code() {
  constexpr size_t digits = 20;
  secret_text text{random_base62(digits)};
  auto stored = stored_form_of(text);
  return {std::move(text), std::move(stored)};
}

void void_reset_code(user& account) {
  account.reset_hash.clear();
  account.reset_expires_at.reset();
  if (account.status == user_status::invited) account.status = user_status::active;
}

std::string stored_form_of(const secret_text& code) {
  return hex(sha256(code.reveal()));
}

expected<void> check_labels(const json_text& labels) {
  constexpr size_t labels_max = 32;
  constexpr size_t text_bytes_max = 100;
  json_reader reader;
  TRY(auto object, reader.parse(labels.text));
  fault_list faults;
  auto members = object.members();
  if (members.size() > labels_max) faults.add("/labels", "items_max", "Too many labels.", "32");
  for (const auto& [name, value] : members) {
    auto text = value.as_string();
    if (name.empty() || name.size() > text_bytes_max || !text || text->size() > text_bytes_max)
      faults.add("/labels/" + pointer_step(name), "label",
                 "A label is a text of at most 100 bytes, and so is its name.");
  }
  if (faults.is_empty()) return caf::unit;
  return std::move(faults).to_error();
}

user shown(user account) {
  account.password_hash.clear();
  account.reset_hash.clear();
  return account;
}

login shown(login entry) {
  entry.refresh_hash.clear();
  return entry;
}

}  // namespace parley
