/// Access tokens: JWT (RFC 7519) signed with HMAC-SHA-256, made and read by ourselves alone.
/// Immutable after construction, any thread; one check takes a few microseconds.
///
/// We accept exactly what we write. The header must be, byte for byte, ours for a key of the ring,
/// so `alg`, `kid`, `crit` or `jku` of a stranger are never interpreted (RFC 8725); the signature
/// is checked before one byte of the payload is read; the payload must be in our own form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"

namespace parley {

struct access_claims {
  user_id user;           ///< sub
  login_id login;         ///< lid
  int64_t version = 0;    ///< ver: the user's token version, compared by USER on each request
  std::string role;       ///< letters; informative, only USER admits
  int64_t issued_s = 0;   ///< iat, seconds since 1970
  int64_t expires_s = 0;  ///< exp
  std::string id;         ///< jti, 1-64 letters and digits

  friend bool operator==(const access_claims&, const access_claims&) = default;
};
PARLEY_INSPECT(access_claims, user, login, version, role, issued_s, expires_s, id)

class token_signer {
 public:
  static constexpr size_t token_bytes_max = 4096;
  /// How far another node's clock may be ahead of ours.
  static constexpr int64_t leeway_s = 60;

  /// `ring` must be valid.
  explicit token_signer(const key_ring& ring);

  /// An empty jti is filled with a random one.
  std::string sign(access_claims claims) const;
  /// errc::unauthenticated with reason token_invalid or token_expired.
  expected<access_claims> verify(std::string_view token, instant now) const;

 private:
  struct signing_key {
    std::string header;  ///< base64url, without the dot
    secret_text key;
  };
  std::vector<signing_key> keys_;  ///< the active one first
};

}  // namespace parley
