#include "base/signed_token.hpp"

#include <catch2/catch.hpp>

#include "base/refresh_token.hpp"
#include "base/text.hpp"

using namespace parley;

namespace {

const instant now{1'784'937'600'000};
const std::string key = "0123456789abcdef0123456789ABCDEF";

key_ring ring_of(std::string_view name) {
  key_ring ring;
  ring.active = name;
  ring.keys.emplace(name, secret_text{key});
  return ring;
}

access_claims claims_of_now() {
  auto now_s = now.ms / 1000;
  return {user_id::make(), login_id::make(), 7, "USER", now_s, now_s + 900, "abc123"};
}

std::string forge(std::string_view header, std::string_view payload) {
  auto text = base64url(header) + '.' + base64url(payload);
  return text + '.' + base64url(hmac_sha256(key, text));
}

std::string reason_of(const expected<access_claims>& result) {
  REQUIRE_FALSE(result);
  CHECK(code_of(result.error()) == errc::unauthenticated);
  return detail_of(result.error()).reason;
}

constexpr std::string_view header = R"({"alg":"HS256","typ":"JWT","kid":"k1"})";

}  // namespace

TEST_CASE("a signed token reads back") {
  token_signer signer{ring_of("k1")};
  auto claims = claims_of_now();
  auto token = signer.sign(claims);
  auto read = signer.verify(token, now);
  REQUIRE(read);
  CHECK(*read == claims);
  CHECK(*parse_base64url(token.substr(0, token.find('.'))) == header);
  claims.id.clear();
  CHECK(signer.verify(signer.sign(claims), now)->id.size() == 16);
}

TEST_CASE("a token with any byte changed, added or dropped is refused") {
  token_signer signer{ring_of("k1")};
  auto token = signer.sign(claims_of_now());
  for (size_t i = 0; i < token.size(); ++i) {
    for (int flip : {1, 2, 32}) {
      auto changed = token;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      REQUIRE(reason_of(signer.verify(changed, now)) == "token_invalid");
    }
    REQUIRE(reason_of(signer.verify(token.substr(0, i), now)) == "token_invalid");
    auto dropped = token;
    dropped.erase(i, 1);
    REQUIRE(reason_of(signer.verify(dropped, now)) == "token_invalid");
  }
  for (auto more : {"A", "=", ".", "\n", " "})
    CHECK(reason_of(signer.verify(token + more, now)) == "token_invalid");
  // The last of 43 digits carries two unused bits: a second spelling of the same signature.
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (auto digit : digits) {
    auto changed = token;
    changed.back() = digit;
    CHECK(bool(signer.verify(changed, now)) == (digit == token.back()));
  }
}

TEST_CASE("time bounds a token") {
  token_signer signer{ring_of("k1")};
  auto claims = claims_of_now();
  auto now_s = now.ms / 1000;
  claims.expires_s = now_s;
  CHECK(reason_of(signer.verify(signer.sign(claims), now)) == "token_expired");
  claims.expires_s = now_s + 1;
  CHECK(signer.verify(signer.sign(claims), now));
  claims.issued_s = now_s + 60;
  claims.expires_s = now_s + 960;
  CHECK(signer.verify(signer.sign(claims), now));
  claims.issued_s = now_s + 61;
  CHECK(reason_of(signer.verify(signer.sign(claims), now)) == "token_invalid");
}

TEST_CASE("headers of strangers are refused even with the right key") {
  token_signer signer{ring_of("k1")};
  auto token = signer.sign(claims_of_now());
  auto begin = token.find('.') + 1;
  auto payload = *parse_base64url(token.substr(begin, token.rfind('.') - begin));
  CHECK(signer.verify(forge(header, payload), now));
  for (std::string bad :
       {R"({"alg":"none","typ":"JWT","kid":"k1"})", R"({"alg":"hs256","typ":"JWT","kid":"k1"})",
        R"({"alg":"HS384","typ":"JWT","kid":"k1"})", R"({"alg":"HS256","typ":"JWT"})",
        R"({"alg":"HS256","typ":"JWT","kid":"k2"})", R"({"alg":"HS256","typ":"JWT","kid":"../k1"})",
        R"({"alg":"HS256","typ":"JWT","kid":"k1","crit":["x"]})",
        R"({"alg":"HS256","typ":"JWT","kid":"k1","jku":"http://example.org"})",
        R"({"alg":"HS256","alg":"none","typ":"JWT","kid":"k1"})", ""})
    CHECK(reason_of(signer.verify(forge(bad, payload), now)) == "token_invalid");
  // The old trick: no signature at all.
  CHECK(reason_of(signer.verify(base64url(R"({"alg":"none"})") + "." + base64url(payload) + ".",
                                now)) == "token_invalid");
}

TEST_CASE("payloads of another form are refused even with the right key") {
  token_signer signer{ring_of("k1")};
  auto token = signer.sign(claims_of_now());
  auto begin = token.find('.') + 1;
  auto good = *parse_base64url(token.substr(begin, token.rfind('.') - begin));
  auto with = [&](std::string_view from, std::string_view to) {
    auto changed = good;
    auto at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, from.size(), to);
  };
  for (auto& bad :
       {with(R"("iss":"parley")", R"("iss":"other")"),
        with(R"("aud":"parley")", R"("aud":"other")"), with(R"("ver":7)", R"("ver":-7)"),
        with(R"("ver":7)", R"("ver":07)"), with(R"("ver":7)", R"("ver":7.0)"),
        with(R"("ver":7)", R"("ver":"7")"), with(R"("ver":7)", R"("ver":99999999999999999999)"),
        with(R"("USER")", R"("")"), with(R"("USER")", R"("A\"B")"), with(R"("abc123")", R"("")"),
        with("}", ",\"x\":1}"), with("}", "} "), std::string{"{}"}, std::string{},
        std::string{"[]"}})
    CHECK(reason_of(signer.verify(forge(header, bad), now)) == "token_invalid");
  auto huge = with("abc123", std::string(4096, 'a'));
  CHECK(reason_of(signer.verify(forge(header, huge), now)) == "token_invalid");
}

TEST_CASE("an old key of the ring still verifies, the active one signs") {
  auto ring = ring_of("k1");
  auto old_token = token_signer{ring}.sign(claims_of_now());
  ring.keys.emplace("k0", secret_text{random_bytes(32)});
  ring.active = "k0";
  token_signer signer{ring};
  CHECK(signer.verify(old_token, now));
  auto token = signer.sign(claims_of_now());
  CHECK(signer.verify(token, now));
  CHECK(reason_of(token_signer{ring_of("k1")}.verify(token, now)) == "token_invalid");
  CHECK(reason_of(token_signer{ring_of("k9")}.verify(old_token, now)) == "token_invalid");
}

TEST_CASE("a refresh token names its user and reads back") {
  auto user = user_id::make();
  auto token = refresh_token::make(user);
  auto text = token.text.reveal();
  CHECK(text.size() == 83);
  auto read = refresh_token::parse(text);
  REQUIRE(read);
  CHECK(read->user == user);
  CHECK(read->text == token.text);
  CHECK(read->stored_form() == token.stored_form());
  CHECK(token.stored_form().size() == 64);
  CHECK(refresh_token::make(user).stored_form() != token.stored_form());
  for (auto& bad : {std::string{}, text + "A", text.substr(1), "RT" + text.substr(2),
                    text.substr(0, 82) + "*", text.substr(0, 39) + "-" + text.substr(40)})
    CHECK_FALSE(refresh_token::parse(bad));
}
