#include "base/password.hpp"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t bcrypt_bytes = 60;   // $2b$12$ + 22 of salt + 31 of digest
constexpr size_t setting_bytes = 29;  // $2b$12$ + 22 of salt
constexpr std::string_view peppered = "v2";
constexpr std::string_view plain = "v1";

bool is_bcrypt_digit(char c) {
  return c == '.' || c == '/' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
         (c >= 'a' && c <= 'z');
}

/// The cost of a whole bcrypt hash. "$2x$" marks hashes of a faulty implementation: refused.
std::optional<int> cost_of(std::string_view hash) {
  if (hash.size() != bcrypt_bytes || hash.substr(0, 2) != "$2" || hash[3] != '$' || hash[6] != '$')
    return std::nullopt;
  if (hash[2] != 'a' && hash[2] != 'b' && hash[2] != 'y') return std::nullopt;
  auto digits = hash.substr(7);
  if (!std::all_of(digits.begin(), digits.end(), is_bcrypt_digit)) return std::nullopt;
  if (hash[4] < '0' || hash[4] > '9' || hash[5] < '0' || hash[5] > '9') return std::nullopt;
  auto cost = (hash[4] - '0') * 10 + (hash[5] - '0');
  if (cost < bcrypt_cost_min || cost > bcrypt_cost_max) return std::nullopt;
  return cost;
}

// crypt_r reports a failure by a text that starts with '*'; it must never be stored or compared.
std::optional<std::string> run_bcrypt(const secret_text& input, const std::string& setting) {
  auto data = std::make_unique<crypt_data>();  // 32 KiB, zeroed: too much for small stacks
  auto* result = ::crypt_r(input.reveal().c_str(), setting.c_str(), data.get());
  std::optional<std::string> hash;
  if (result != nullptr && cost_of(result)) hash = result;
  OPENSSL_cleanse(data.get(), sizeof *data);
  return hash;
}

std::optional<std::string> make_setting(int cost) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  // Without bytes of ours it takes them from getrandom(2).
  auto* made = ::crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost), nullptr, 0, setting,
                                  sizeof setting);
  if (made == nullptr || made[0] == '*') return std::nullopt;
  return std::string{made};
}

secret_text pepper_password(const secret_text& pepper, std::string_view password) {
  return secret_text{base64(hmac_sha384(pepper.reveal(), password))};
}

}  // namespace

password_hasher::password_hasher(secret_text pepper, int cost)
    : pepper_(std::move(pepper)), cost_(std::clamp(cost, bcrypt_cost_min, bcrypt_cost_max)) {
  // A true setting with an arbitrary digest costs what a true hash costs, and fits no password.
  if (auto setting = make_setting(cost_))
    nobodys_ = std::string{peppered} + *setting + std::string(bcrypt_bytes - setting_bytes, '.');
}

expected<std::string> password_hasher::hash(std::string_view password) const {
  if (password.size() > password_bytes_max)
    return make_error(errc::invalid_input, "The password is too long.");
  auto setting = make_setting(cost_);
  auto hash = setting ? run_bcrypt(pepper_password(pepper_, password), *setting) : std::nullopt;
  if (!hash) return make_error(errc::internal, "The password could not be hashed.");
  return std::string{peppered} + *hash;
}

expected<bool> password_hasher::verify(std::string_view password, std::string_view stored) const {
  auto version = stored.substr(0, 2);
  std::string wanted{stored.substr(version.size())};
  if ((version != peppered && version != plain) || !cost_of(wanted))
    return make_error(errc::corrupt_data, "A stored password is damaged.");
  // Answered at once: that depends on the input alone, never on the user.
  if (password.size() > password_bytes_max || password.find('\0') != std::string_view::npos)
    return false;
  auto input =
      version == peppered ? pepper_password(pepper_, password) : secret_text{std::string{password}};
  auto hash = run_bcrypt(input, wanted.substr(0, setting_bytes));
  if (!hash) return make_error(errc::internal, "The password could not be checked.");
  // Digests alone: libxcrypt clears unused bits of a salt that other systems leave set.
  auto digest_of = [](std::string_view text) { return text.substr(setting_bytes); };
  return is_equal_in_constant_time(digest_of(*hash), digest_of(wanted));
}

expected<bool> password_hasher::verify_for_nobody(std::string_view password) const {
  return verify(password, nobodys_);
}

bool password_hasher::needs_rehash(std::string_view stored) const {
  if (stored.substr(0, 2) != peppered) return true;
  auto cost = cost_of(stored.substr(2));
  return !cost || *cost < cost_;
}

expected<std::string> adopt_bcrypt_hash(std::string_view hash) {
  if (!cost_of(hash))
    return make_error(errc::invalid_input, "This is no bcrypt hash of a cost from 4 to 15.");
  return std::string{plain} + std::string{hash};
}

}  // namespace parley
