#include "base/crypto.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "base/text.hpp"

using namespace parley;

namespace {

std::string from_hex(std::string_view text) {
  return parse_hex(text).value();
}

}  // namespace

TEST_CASE("SHA-256 has the vectors of FIPS 180-2") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("HMAC has the vectors of RFC 4231") {
  auto key = std::string(20, '\x0b');
  CHECK(hex(hmac_sha256(key, "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmac_sha384(key, "Hi There")) ==
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
        "faea9ea9076ede7f4af152e8b2fa9cb6");
  CHECK(hex(hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmac_sha256(std::string(131, '\xaa'),
                        "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(hex(hmac_sha256("", "")) ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  CHECK(hmac_sha256({}, {}) == hmac_sha256("", ""));
}

TEST_CASE("the shape of RFC 7515 A.1 is signed as there") {
  auto key = parse_base64url(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  REQUIRE(key);
  auto signature = hmac_sha256(
      *key,
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogI"
      "mh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ");
  CHECK(base64url(signature) == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

TEST_CASE("HKDF has the vectors of RFC 5869") {
  CHECK(hex(hkdf_sha256(std::string(22, '\x0b'), from_hex("000102030405060708090a0b0c"),
                        from_hex("f0f1f2f3f4f5f6f7f8f9"), 42)) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(hex(hkdf_sha256(std::string(22, '\x0b'), "", "", 42)) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("random texts have their size and do not repeat") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    auto text = random_base62(43);
    REQUIRE(text.size() == 43);
    REQUIRE(std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c); }));
    REQUIRE(seen.insert(text).second);
    REQUIRE(seen.insert(random_bytes(16)).second);
  }
  CHECK(random_bytes(0).empty());
  std::set<char> digits;
  for (auto c : random_base62(10'000)) digits.insert(c);
  CHECK(digits.size() == 62);
}

TEST_CASE("a key ring is valid with full keys of its own only") {
  auto ring = key_ring::make();
  CHECK(ring.is_valid());
  CHECK(ring.find(ring.active)->size() == 32);
  CHECK(ring.find("absent") == nullptr);
  for (auto& bad : {std::string(31, 'k'), std::string(32, '\0'), std::string(32, 'a'),
                    std::string{"changemechangemechangemechangeme"},
                    std::string{"abcdefghijklmnopqrstuvwxyz{|}~\x7f\x80"}}) {
    auto other = ring;
    other.keys.insert_or_assign("second", secret_text{bad});
    CHECK_FALSE(other.is_valid());
  }
  auto other = ring;
  other.active = "absent";
  CHECK_FALSE(other.is_valid());
  CHECK_FALSE(key_ring{}.is_valid());
  for (auto name : {"", "a.b", "a\"b", "a b", "0123456789012345678901234567890123"})
    CHECK_FALSE(key_ring::is_name(name));
}
