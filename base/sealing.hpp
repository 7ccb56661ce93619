/// Sealing of upstream API keys at rest: AES-256-GCM under a key derived from the sealing key ring.
/// Immutable after construction, any thread.
///
/// A sealed text opens only where it belongs: it is bound to the parts given when it was sealed
/// (table, row, user, base-URL origin), so a row copied to another user or URL stays shut. Form:
/// "v1.<kid>.<nonce>.<ciphertext and tag>", the last two in base64url. One key may seal 2^32 texts
/// (NIST SP 800-38D, random nonces); then the ring needs a new active key.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"

namespace parley {

class sealer {
 public:
  static constexpr size_t text_bytes_max = 8192;

  /// `ring` must be valid.
  explicit sealer(const key_ring& ring);

  /// errc::too_large above text_bytes_max.
  expected<std::string> seal(const secret_text& text,
                             const std::vector<std::string>& bound_to) const;
  /// errc::corrupt_data with reason key_unreadable: damaged, bound elsewhere, or the key is gone.
  expected<secret_text> open(std::string_view sealed,
                             const std::vector<std::string>& bound_to) const;
  /// Whether the active key sealed it; the others are sealed anew when the ring turns.
  bool is_current(std::string_view sealed) const;
  /// The name of the key that sealed it; empty for what is no sealed text.
  static std::string key_of(std::string_view sealed);

 private:
  std::map<std::string, secret_text, std::less<>> keys_;  ///< derived ones
  std::string active_;
};

}  // namespace parley
