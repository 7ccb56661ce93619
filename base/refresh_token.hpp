/// Refresh tokens: "rt_<user id>_<256 random bits>", the whole of it a secret; only its SHA-256 is
/// stored. It names its user so that the one USER actor to ask is known without a look-up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/secret.hpp"

namespace parley {

struct refresh_token {
  user_id user;
  secret_text text;  ///< all of it, as the client holds it

  static refresh_token make(user_id user);
  /// Accepts exactly what `make` writes.
  static std::optional<refresh_token> parse(std::string_view text);
  /// SHA-256 in hex. It needs no salt: what it hides has 256 bits.
  std::string stored_form() const;
};

}  // namespace parley
