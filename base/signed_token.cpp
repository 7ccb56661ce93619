#include "base/signed_token.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace parley {

namespace {

constexpr std::string_view claims_begin = R"({"iss":"parley","aud":"parley","sub":")";
// 2^53: what every JSON reader holds exactly.
constexpr int64_t number_max = 9'007'199'254'740'992;

error refuse() {
  return make_error(errc::unauthenticated, "token_invalid", "The access token is not valid.");
}

std::string header_of(std::string_view key_name) {
  return base64url(R"({"alg":"HS256","typ":"JWT","kid":")" + std::string{key_name} + "\"}");
}

std::string render(const access_claims& claims) {
  std::string text{claims_begin};
  text += to_string(claims.user);
  text += R"(","lid":")" + to_string(claims.login);
  text += R"(","ver":)" + std::to_string(claims.version);
  text += R"(,"role":")" + claims.role;
  text += R"(","iat":)" + std::to_string(claims.issued_s);
  text += R"(,"exp":)" + std::to_string(claims.expires_s);
  text += R"(,"jti":")" + claims.id + "\"}";
  return text;
}

bool is_word(std::string_view text, size_t size_max) {
  return !text.empty() && text.size() <= size_max &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
         });
}

// Reads what `render` writes. It need not be strict: the caller renders the result again and
// compares.
struct claims_reader {
  std::string_view rest;

  void skip(std::string_view expected_text) {
    if (rest.substr(0, expected_text.size()) == expected_text)
      rest.remove_prefix(expected_text.size());
    else
      rest = {};
  }
  std::string_view text() {
    auto value = rest.substr(0, rest.find('"'));
    rest.remove_prefix(value.size());
    return value;
  }
  int64_t number() {
    int64_t value = -1;
    auto result = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    rest.remove_prefix(static_cast<size_t>(result.ptr - rest.data()));
    return value;
  }
};

std::optional<access_claims> read_claims(std::string_view payload) {
  access_claims claims;
  claims_reader reader{payload};
  reader.skip(claims_begin);
  auto user = user_id::parse(reader.text());
  reader.skip(R"(","lid":")");
  auto login = login_id::parse(reader.text());
  if (!user || !login) return std::nullopt;
  claims.user = *user;
  claims.login = *login;
  reader.skip(R"(","ver":)");
  claims.version = reader.number();
  reader.skip(R"(,"role":")");
  claims.role = reader.text();
  reader.skip(R"(","iat":)");
  claims.issued_s = reader.number();
  reader.skip(R"(,"exp":)");
  claims.expires_s = reader.number();
  reader.skip(R"(,"jti":")");
  claims.id = reader.text();
  auto is_number = [](int64_t value) { return value >= 0 && value <= number_max; };
  if (!is_number(claims.version) || !is_number(claims.issued_s) || !is_number(claims.expires_s))
    return std::nullopt;
  if (!is_word(claims.role, 16) || !is_word(claims.id, 64)) return std::nullopt;
  if (render(claims) != payload) return std::nullopt;
  return claims;
}

}  // namespace

token_signer::token_signer(const key_ring& ring) {
  for (auto& [name, key] : ring.keys) {
    auto place = name == ring.active ? keys_.begin() : keys_.end();
    keys_.insert(place, {header_of(name), key});
  }
}

std::string token_signer::sign(access_claims claims) const {
  if (claims.id.empty()) claims.id = random_base62(16);
  auto& signing = keys_.front();
  auto token = signing.header + '.' + base64url(render(claims));
  auto signature = base64url(hmac_sha256(signing.key.reveal(), token));
  return token + '.' + signature;
}

expected<access_claims> token_signer::verify(std::string_view token, instant now) const {
  if (token.size() > token_bytes_max || std::count(token.begin(), token.end(), '.') != 2)
    return refuse();
  auto header_end = token.find('.');
  auto signed_end = token.rfind('.');
  auto header = token.substr(0, header_end);
  auto found = std::find_if(keys_.begin(), keys_.end(),
                            [&](auto& candidate) { return candidate.header == header; });
  if (found == keys_.end()) return refuse();
  // Compared as text: the base64url of 32 bytes has spellings that differ in unused bits only.
  auto signature = base64url(hmac_sha256(found->key.reveal(), token.substr(0, signed_end)));
  if (!is_equal_in_constant_time(signature, token.substr(signed_end + 1))) return refuse();

  auto payload = parse_base64url(token.substr(header_end + 1, signed_end - header_end - 1));
  auto claims = payload ? read_claims(*payload) : std::nullopt;
  if (!claims) return refuse();
  auto now_s = now.ms / 1000;
  if (claims->issued_s > now_s + leeway_s) return refuse();
  if (claims->expires_s <= now_s)
    return make_error(errc::unauthenticated, "token_expired", "The access token has expired.");
  return std::move(*claims);
}

}  // namespace parley
