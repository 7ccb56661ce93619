#include "base/api_key.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr std::string_view key_prefix = "sk-ply-";
constexpr size_t id_size = 32;
constexpr size_t secret_size = 43;  // 256 bits in base62
constexpr size_t check_size = 6;
constexpr size_t shown_size = 4;
constexpr std::string_view digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

std::string check_of(std::string_view text) {
  auto hash = sha256(text);
  std::string check;
  for (size_t i = 0; i < check_size; ++i)
    check += digits[static_cast<unsigned char>(hash[i]) % digits.size()];
  return check;
}

}  // namespace

api_key_text api_key_text::make(user_id user) {
  auto id = to_string(user);
  std::erase(id, '-');
  auto text = std::string{key_prefix} + id + random_base62(secret_size);
  text += check_of(text);
  return {user, secret_text{std::move(text)}};
}

bool api_key_text::is_meant(std::string_view credential) {
  return credential.starts_with(key_prefix);
}

std::optional<api_key_text> api_key_text::parse(std::string_view text) {
  if (!is_meant(text) || text.size() != key_prefix.size() + id_size + secret_size + check_size)
    return std::nullopt;
  auto checked = text.substr(0, text.size() - check_size);
  if (text.substr(checked.size()) != check_of(checked)) return std::nullopt;
  auto id_text = text.substr(key_prefix.size(), id_size);
  auto bytes = parse_hex(id_text);
  if (!bytes || hex(*bytes) != id_text) return std::nullopt;
  auto random = checked.substr(key_prefix.size() + id_size);
  if (random.find_first_not_of(digits) != std::string_view::npos) return std::nullopt;
  user_id user;
  std::copy(bytes->begin(), bytes->end(), user.bytes.begin());
  return api_key_text{user, secret_text{std::string{text}}};
}

std::string api_key_text::stored_form() const {
  return hex(sha256(text.reveal()));
}

std::string api_key_text::prefix() const {
  return text.reveal().substr(0, key_prefix.size() + id_size + shown_size);
}

login_id stream_login_of(std::string_view key_hash) {
  login_id id;
  auto bytes = parse_hex(key_hash).value_or("");
  bytes.resize(id.bytes.size());
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return id;
}

}  // namespace parley
