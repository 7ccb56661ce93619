/// Accounts, their logins and personal settings.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "base/secret.hpp"

namespace parley {

enum class role : uint8_t { user = 1, admin };
constexpr std::array<std::string_view, 2> names_of(role) {
  return {"USER", "ADMIN"};
}

/// `erased`: the account is gone for everyone; what it owned is being removed in small batches.
/// `invited`: made with a reset code, which nobody has used yet to choose a password.
enum class user_status : uint8_t { active = 1, disabled, erased, invited };
constexpr std::array<std::string_view, 4> names_of(user_status) {
  return {"active", "disabled", "erased", "invited"};
}

/// What a list of accounts is ordered by.
enum class user_order : uint8_t { username = 1, created_at, last_login_at };
constexpr std::array<std::string_view, 3> names_of(user_order) {
  return {"username", "createdAt", "lastLoginAt"};
}

/// An account. `token_version` rises with every change of password, role or status; access tokens
/// of an older version are refused.
struct user {
  user_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  std::string username;
  std::optional<std::string> display_name;
  std::optional<std::string> email;
  parley::role role = parley::role::user;
  user_status status = user_status::active;
  bool must_change_password = false;
  std::optional<instant> last_login_at;
  json_text labels;  ///< an ADMIN's, for reports: texts by name
  std::string password_hash;
  int64_t token_version = 1;
  /// Of the one-time code that sets a new password; SHA-256 in hex, empty without one.
  std::string reset_hash;
  std::optional<instant> reset_expires_at;
};
PARLEY_RECORD(user, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"),
              FIELD(username, "username", .uses = in_create | required | out | stored,
                    .length_min = 2, .length_max = 64),
              FIELD(display_name, "displayName", .uses = in_create | in_patch | out | stored,
                    .length_max = 200),
              FIELD(email, "email", .uses = in_create | in_patch | out | stored, .length_min = 3,
                    .length_max = 254),
              FIELD(role, "role"), FIELD(status, "status"),
              FIELD(must_change_password, "mustChangePassword"),
              FIELD(last_login_at, "lastLoginAt", .uses = out | stored | nullable),
              FIELD(labels, "labels"),
              FIELD(password_hash, "passwordHash", .uses = stored | secret),
              FIELD(token_version, "tokenVersion", .uses = stored | secret),
              FIELD(reset_hash, "resetHash", .uses = stored | secret),
              FIELD(reset_expires_at, "resetExpiresAt", .uses = stored | secret))

/// The name's rule beyond its length: no white space, no control characters, no slashes.
expected<void> check_username(std::string_view name);

/// Proof of who calls, made by a log-in and kept alive by its rotating refresh token.
struct login {
  login_id id;
  user_id owner_id;
  instant created_at;
  instant last_used_at;
  instant expires_at;
  std::string address;
  std::string user_agent;
  std::string refresh_hash;
};
PARLEY_RECORD(login, FIELD(id, "id"), FIELD(owner_id, "ownerId", .uses = stored),
              FIELD(created_at, "createdAt"), FIELD(last_used_at, "lastUsedAt"),
              FIELD(expires_at, "expiresAt"), FIELD(address, "address", .length_max = 64),
              FIELD(user_agent, "userAgent", .length_max = 300),
              FIELD(refresh_hash, "refreshHash", .uses = stored | secret))

/// What a personal setting page holds; one per user.
struct user_settings {
  std::optional<std::string> language;
  std::optional<std::string> theme;
  std::optional<std::string> time_zone;
  std::optional<model_id> default_model_id;
  std::optional<std::string> system_prompt;
  json_text ui;
};
PARLEY_RECORD(user_settings,
              FIELD(language, "language", .uses = in_patch | out | nullable, .length_max = 35),
              FIELD(theme, "theme", .uses = in_patch | out | nullable, .length_max = 40),
              FIELD(time_zone, "timeZone", .uses = in_patch | out | nullable, .length_max = 64),
              FIELD(default_model_id, "defaultModelId", .uses = in_patch | out | nullable),
              FIELD(system_prompt, "systemPrompt", .uses = in_patch | out | nullable,
                    .length_max = 32768),
              FIELD(ui, "ui", .uses = in_patch | out, .length_max = 16384))

}  // namespace parley
