#include "base/refresh_token.hpp"

#include "base/crypto.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr std::string_view prefix = "rt_";
constexpr size_t id_size = 36;
constexpr size_t secret_size = 43;  // 32 bytes in base64url

}  // namespace

refresh_token refresh_token::make(user_id user) {
  auto text = std::string{prefix} + to_string(user) + '_' + base64url(random_bytes(32));
  return {user, secret_text{std::move(text)}};
}

std::optional<refresh_token> refresh_token::parse(std::string_view text) {
  // By position: '_' is also a digit of base64url.
  if (text.size() != prefix.size() + id_size + 1 + secret_size) return std::nullopt;
  if (text.substr(0, prefix.size()) != prefix || text[prefix.size() + id_size] != '_')
    return std::nullopt;
  auto id_text = text.substr(prefix.size(), id_size);
  auto user = user_id::parse(id_text);
  if (!user || to_string(*user) != id_text) return std::nullopt;
  if (!parse_base64url(text.substr(text.size() - secret_size))) return std::nullopt;
  return refresh_token{*user, secret_text{std::string{text}}};
}

std::string refresh_token::stored_form() const {
  return hex(sha256(text.reveal()));
}

}  // namespace parley
