/// What USER, DIRECTORY and ADMIN say alike about accounts and versions. Pure, any thread.
#pragma once

#include <string_view>

#include "actors/admin.hpp"

namespace parley {

/// The one account of mode `single`.
inline constexpr std::string_view single_username = "owner";

/// One text for a wrong password and for a name that nobody has.
error wrong_credentials();
/// The same for a reset code that is wrong, spent or expired.
error wrong_code();
/// 401 with a reason of api.md: token_revoked, token_expired, token_invalid, token_spent …
error refused_token(std::string_view reason);

/// errc::conflict, version_mismatch, unless `if_version` is 0 or the version there is.
expected<void> check_version(int64_t if_version, int64_t version);

/// All faults of a new password; `path` is the field's JSON Pointer.
expected<void> check_new_password(const secret_text& password, std::string_view username,
                                  std::string_view path);

/// The account that `wanted` asks for, without a password hash; faults of name and password.
expected<user> make_account(const patch_of<user>& wanted, const secret_text& password, instant now);

/// The same for one that has no password yet.
expected<user> make_account(const patch_of<user>& wanted, instant now);

/// A code that is shown once and handed over by somebody: 119 random bits, so its SHA-256 needs no
/// salt.
struct one_time_code {
  secret_text text;
  std::string stored;
};
one_time_code make_one_time_code();
std::string stored_form_of(const secret_text& code);
/// The account has no code any more, and somebody has chosen its password.
void void_reset_code(user& account);
/// A reset code is good for so long.
constexpr std::chrono::hours reset_code_life{72};

/// At most 32 texts of at most 100 bytes, by name.
expected<void> check_labels(const json_text& labels);

/// As it may leave its actor: without the password's hash.
user shown(user account);
/// Without the refresh token's hash.
login shown(login entry);

}  // namespace parley
