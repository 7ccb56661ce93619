#include "base/sealing.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"

using namespace parley;

namespace {

const std::vector<std::string> place = {"models", "row-1", "user-1", "https://api.example.org"};

void check_unreadable(const expected<secret_text>& result) {
  REQUIRE_FALSE(result);
  CHECK(code_of(result.error()) == errc::corrupt_data);
  CHECK(detail_of(result.error()).reason == "key_unreadable");
}

}  // namespace

TEST_CASE("a sealed text opens in its place") {
  sealer box{key_ring::make()};
  for (auto size : {0, 1, 51, 8192}) {
    secret_text text{std::string(static_cast<size_t>(size), 'k')};
    auto sealed = box.seal(text, place);
    REQUIRE(sealed);
    CHECK(sealed->substr(0, 3) == "v1.");
    auto opened = box.open(*sealed, place);
    REQUIRE(opened);
    CHECK(*opened == text);
  }
  CHECK(*box.seal(secret_text{"k"}, place) != *box.seal(secret_text{"k"}, place));
  CHECK(code_of(box.seal(secret_text{std::string(8193, 'k')}, place).error()) == errc::too_large);
}

TEST_CASE("the sealed form is AES-256-GCM under the derived key, by the book") {
  key_ring ring;
  ring.active = "k1";
  ring.keys.emplace("k1", secret_text{"0123456789abcdef0123456789ABCDEF"});
  // Made with Python's cryptography package from the description in the header.
  CHECK(sealer{ring}
            .open("v1.k1.AAECAwQFBgcICQoL.lwvdnQ95HAe1YUeC2e_pz1g8K9r22j-RW_8p2w",
                  {"models", "row-1"})
            ->reveal() == "sk-test-1234");
}

TEST_CASE("a sealed text with any byte changed, added or dropped stays shut") {
  sealer box{key_ring::make()};
  auto sealed = *box.seal(secret_text{"sk-canary-1234"}, place);
  for (size_t i = 0; i < sealed.size(); ++i) {
    for (int flip : {1, 2, 32}) {
      auto changed = sealed;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      check_unreadable(box.open(changed, place));
    }
    check_unreadable(box.open(sealed.substr(0, i), place));
  }
  for (auto more : {"A", ".", "AAAA", "="}) check_unreadable(box.open(sealed + more, place));
}

TEST_CASE("a sealed text opens nowhere else and with no other key") {
  auto ring = key_ring::make();
  sealer box{ring};
  auto sealed = *box.seal(secret_text{"sk-canary-1234"}, place);
  for (size_t i = 0; i < place.size(); ++i) {
    auto elsewhere = place;
    elsewhere[i] += "x";
    check_unreadable(box.open(sealed, elsewhere));
    elsewhere[i].clear();
    check_unreadable(box.open(sealed, elsewhere));
  }
  check_unreadable(box.open(sealed, {"model", "srow-1", "user-1", "https://api.example.org"}));
  check_unreadable(box.open(sealed, {"models", "row-1", "user-1"}));
  check_unreadable(sealer{key_ring::make()}.open(sealed, place));

  auto same_name = ring;
  same_name.keys.insert_or_assign(ring.active, secret_text{random_bytes(32)});
  check_unreadable(sealer{same_name}.open(sealed, place));
}

TEST_CASE("a turned ring opens old texts and knows which to seal anew") {
  auto ring = key_ring::make();
  auto old_sealed = *sealer{ring}.seal(secret_text{"sk-1"}, place);
  CHECK(sealer{ring}.is_current(old_sealed));
  ring.active = "next";
  ring.keys.emplace("next", secret_text{random_bytes(32)});
  sealer box{ring};
  CHECK(box.open(old_sealed, place)->reveal() == "sk-1");
  CHECK_FALSE(box.is_current(old_sealed));
  CHECK(box.is_current(*box.seal(secret_text{"sk-1"}, place)));
  CHECK_FALSE(box.is_current("plain text"));
}
