/// API keys: "sk-ply-", the user's id in 32 hex digits, 43 random letters and digits, six more that
/// check the rest. Only the SHA-256 of the whole is stored. A key names its user, so that the one
/// USER actor to ask is known without a look-up; the check finds mistyped ones without asking.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/secret.hpp"

namespace parley {

struct api_key_text {
  user_id user;
  secret_text text;  ///< all of it, as the client holds it

  static api_key_text make(user_id user);
  /// Accepts exactly what `make` writes.
  static std::optional<api_key_text> parse(std::string_view text);
  /// Whether a credential is meant to be an API key.
  static bool is_meant(std::string_view credential);
  /// SHA-256 in hex. It needs no salt: what it hides has 256 bits.
  std::string stored_form() const;
  /// The beginning, by which its owner knows it again: four of the 43.
  std::string prefix() const;
};

/// What streams opened with a key are known by, where those of a login are by the login's id.
login_id stream_login_of(std::string_view key_hash);

}  // namespace parley
