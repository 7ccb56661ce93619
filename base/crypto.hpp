/// Random bytes, hashes and keys. Pure functions over OpenSSL, any thread; bytes travel in strings.
///
/// Without randomness or with a broken OpenSSL the process stops: going on would be worse.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/secret.hpp"

namespace parley {

/// From the operating system's generator, fit for keys.
std::string random_bytes(size_t count);
/// `count` letters and digits, each evenly distributed: 5.95 bits each.
std::string random_base62(size_t count);

/// 32 bytes.
std::string sha256(std::string_view bytes);
std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// 48 bytes.
std::string hmac_sha384(std::string_view key, std::string_view bytes);
/// RFC 5869, extract and expand; at most 8160 bytes.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view purpose,
                        size_t size);

/// A repeated or counted-up text, as people type it into a field that wants 32 random bytes.
bool is_obvious_key(std::string_view key);

/// At least one X.509 certificate in PEM, and nothing that looks like one and is none.
bool is_certificate_list(std::string_view pem);

/// Keys by name; the active one makes new things, all of them read old ones.
struct key_ring {
  static constexpr size_t key_bytes = 32;
  static constexpr size_t name_bytes_max = 32;
  static constexpr size_t keys_max = 16;

  std::map<std::string, secret_text, std::less<>> keys;
  std::string active;

  /// One fresh random key.
  static key_ring make();
  /// 1-32 of [A-Za-z0-9-]: fits into every text form without escaping.
  static bool is_name(std::string_view name);
  /// Names and sizes are right, no key is an obvious one, the active one is there.
  bool is_valid() const;
  const secret_text* find(std::string_view name) const;
};

}  // namespace parley
