/// Random bytes, hashes and keys. Pure functions over OpenSSL, any thread; bytes travel in strings.
///
/// Without randomness or with a broken OpenSSL the process stops: going on would be worse.
#pragma once

#include <map>
#include <memory>
#include <optional>
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
/// The same of what comes in pieces.
class sha256_stream {
 public:
  sha256_stream();
  ~sha256_stream();
  sha256_stream(const sha256_stream&) = delete;
  sha256_stream& operator=(const sha256_stream&) = delete;

  void add(std::string_view bytes);
  /// Once, at the end.
  std::string finish();

 private:
  struct state;
  std::unique_ptr<state> state_;
};
std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// 48 bytes.
std::string hmac_sha384(std::string_view key, std::string_view bytes);
/// RFC 5869, extract and expand; at most 8160 bytes.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view purpose,
                        size_t size);

/// RFC 7914; 128 * n * r bytes of memory, `n` a power of two. For keys out of what people type.
struct scrypt_cost {
  uint64_t n = 1 << 17;
  uint64_t r = 8;
  uint64_t p = 1;
};
/// 32 bytes; none beyond 1 GiB or without the memory.
std::optional<std::string> scrypt(std::string_view passphrase, std::string_view salt,
                                  scrypt_cost cost);

/// AES-256-GCM with a nonce of 12 bytes; the result ends with the tag of 16. `bound_to` is not
/// sealed but must be the same to open it.
struct gcm_key {
  static constexpr size_t nonce_bytes = 12;
  static constexpr size_t tag_bytes = 16;

  std::string_view key;  ///< 32 bytes
  std::string_view nonce;
  std::string_view bound_to;
};
std::optional<std::string> gcm_seal(const gcm_key& with, const secret_text& text);
/// None when anything is not as it was sealed.
std::optional<secret_text> gcm_open(const gcm_key& with, std::string_view sealed);

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
