/// Stored passwords: bcrypt (libxcrypt) over a peppered password. Thread-safe; one call takes about
/// 0.3 s at cost 12, so it runs on the hashing threads and nowhere else.
///
/// bcrypt cuts its input at 72 bytes and at a NUL. So what it gets is
/// base64(HMAC-SHA-384(pepper, password)): 64 bytes, no NUL, of a password of any script and
/// length; and a stolen table cannot be tried against without the pepper. Stored: "v2" + bcrypt's
/// "$2b$…". "v1" + "$2a$…", "$2b$…" or "$2y$…" is a plain bcrypt hash brought in from another
/// system.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace parley {

constexpr int bcrypt_cost_min = 4;
constexpr int bcrypt_cost_max = 15;
/// Longer ones are refused unread, in the rules and at login alike.
constexpr size_t password_bytes_max = 512;

class password_hasher {
 public:
  /// `cost` within bcrypt_cost_min and bcrypt_cost_max.
  password_hasher(secret_text pepper, int cost);

  /// The stored form of a password that passed the rules.
  expected<std::string> hash(std::string_view password) const;
  /// errc::corrupt_data if `stored` is no form we know.
  expected<bool> verify(std::string_view password, std::string_view stored) const;
  /// Takes as long as `verify` for a user of ours and answers false: for names that nobody has.
  expected<bool> verify_for_nobody(std::string_view password) const;
  /// What `verify_for_nobody` checks against: of today's cost, fits no password.
  const std::string& nobodys_form() const { return nobodys_; }
  /// After a good login: the version or the cost is lower than today's.
  bool needs_rehash(std::string_view stored) const;
  int cost() const { return cost_; }

 private:
  secret_text pepper_;
  int cost_;
  std::string nobodys_;
};

/// The stored form of a plain bcrypt hash of another system; invalid_input if it is none or costs
/// more than ours may.
expected<std::string> adopt_bcrypt_hash(std::string_view hash);

}  // namespace parley
