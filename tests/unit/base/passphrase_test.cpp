#include "base/passphrase.hpp"

#include <catch2/catch.hpp>

#include "base/crypto.hpp"
#include "base/text.hpp"

using namespace parley;

namespace {

secret_text secret(std::string text) {
  return secret_text{std::move(text)};
}

std::string reason_of(const expected<secret_text>& opened) {
  return opened ? "opened" : detail_of(opened.error()).reason;
}

/// `text` with one character of the value of `name` changed.
std::string spoiled(std::string text, const std::string& name) {
  auto at = text.find("\"" + name + "\":") + name.size() + 4;
  text[at] = text[at] == 'A' ? 'B' : 'A';
  return text;
}

}  // namespace

TEST_CASE("scrypt has the vectors of RFC 7914, of which 32 bytes") {
  CHECK(hex(scrypt("", "", {16, 1, 1}).value()) ==
        "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442");
  CHECK(hex(scrypt("password", "NaCl", {1024, 8, 16}).value()) ==
        "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162");
  CHECK_FALSE(scrypt("a", "b", {0, 8, 1}));
  CHECK_FALSE(scrypt("a", "b", {1000, 8, 1}));
  CHECK_FALSE(scrypt("a", "b", {uint64_t{1} << 21, 8, 1}));
  CHECK_FALSE(scrypt("a", "b", {uint64_t{1} << 62, 8, 1}));
  CHECK_FALSE(scrypt("a", "b", {16, 0, 1}));
}

TEST_CASE("a digest of pieces is that of the whole") {
  std::string text(100'000, 'x');
  sha256_stream stream;
  for (size_t at = 0; at < text.size(); at += 777)
    stream.add(std::string_view{text}.substr(at, 777));
  CHECK(hex(stream.finish()) == hex(sha256(text)));
  CHECK(hex(sha256_stream{}.finish()) == hex(sha256("")));
}

TEST_CASE("a passphrase opens what it has sealed, and nothing else does") {
  auto sealed = seal_with_passphrase("parley.test", secret("the keys"), secret("twelve or more"));
  REQUIRE(sealed);
  CHECK(sealed->find("the keys") == std::string::npos);
  auto opened = open_with_passphrase("parley.test", *sealed, secret("twelve or more"));
  REQUIRE(opened);
  CHECK(opened->reveal() == "the keys");
  CHECK(*sealed !=
        seal_with_passphrase("parley.test", secret("the keys"), secret("twelve or more")));
  CHECK(reason_of(open_with_passphrase("parley.test", *sealed, secret("twelve or less"))) ==
        "wrong_passphrase");
  CHECK(reason_of(open_with_passphrase("parley.other", *sealed, secret("twelve or more"))) ==
        "not_sealed");
  for (std::string name : {"salt", "nonce", "sealed"}) {
    INFO(name);
    CHECK(reason_of(open_with_passphrase("parley.test", spoiled(*sealed, name),
                                         secret("twelve or more"))) == "wrong_passphrase");
  }
  for (std::string text : {"", "{}", "[]", R"({"format":"parley.test","formatVersion":1})"})
    CHECK(reason_of(open_with_passphrase("parley.test", text, secret("x"))) == "not_sealed");
  // Costs that would take all memory are refused before they are paid.
  auto costly = *sealed;
  costly.replace(costly.find("131072"), 6, "1073741824");
  CHECK(reason_of(open_with_passphrase("parley.test", costly, secret("twelve or more"))) ==
        "not_sealed");
  CHECK(detail_of(seal_with_passphrase("k", secret("t"), secret("too short")).error()).reason ==
        "passphrase_short");
}
