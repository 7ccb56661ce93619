#include "base/text.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

const std::string replacement = "\xef\xbf\xbd";

std::string all_bytes() {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  return bytes;
}

}  // namespace

TEST_CASE("UTF-8 is checked by RFC 3629") {
  for (auto good : {"", "plain ascii, more than eight", "é", "日本語", "\xf0\x9f\x98\x80",
                    "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf", "\xc2\x80"})
    CHECK(is_utf8(good));
  for (auto bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "12345678\xe2\x82", "\xe2\x82 12345678"})
    CHECK_FALSE(is_utf8(bad));
  CHECK(is_utf8(std::string_view{"\0", 1}));
}

TEST_CASE("code points are counted and never cut") {
  std::string_view text = "aé日\xf0\x9f\x98\x80";
  CHECK(count_code_points(text) == 4);
  const size_t sizes[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t max = 0; max < std::size(sizes); ++max) {
    auto cut = cut_utf8(text, max);
    CHECK(cut.size() == sizes[max]);
    CHECK(is_utf8(cut));
  }
}

TEST_CASE("invalid parts become U+FFFD, one for each maximal part") {
  CHECK(repair_utf8("whole text, é") == "whole text, é");
  CHECK(repair_utf8("a\xff"
                    "b") == "a" + replacement + "b");
  // The example of the Unicode standard, table 3-8.
  CHECK(repair_utf8("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64") ==
        "a" + replacement + replacement + replacement + "b" + replacement + "c" + replacement +
            replacement + "d");
  CHECK(repair_utf8("\xed\xa0\x80") == replacement + replacement + replacement);
  CHECK(repair_utf8("\xe2\x82") == replacement);
}

TEST_CASE("base64 has the vectors of RFC 4648") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (auto [bytes, text] : vectors) {
    CHECK(base64(bytes) == text);
    CHECK(parse_base64(text) == std::string{bytes});
    std::string bare = text;
    bare.erase(std::min(bare.find('='), bare.size()));
    CHECK(base64url(bytes) == bare);
    CHECK(parse_base64url(bare) == std::string{bytes});
  }
  CHECK(base64("\xfb\xff") == "+/8=");
  CHECK(base64url("\xfb\xff") == "-_8");
  CHECK(parse_base64(base64(all_bytes())) == all_bytes());
  CHECK(parse_base64url(base64url(all_bytes())) == all_bytes());
}

TEST_CASE("base64 has one spelling for each value") {
  for (auto bad :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "====", "Z===", "Zm9v\n", "Zm 9", "_-8="})
    CHECK_FALSE(parse_base64(bad));
  for (auto bad : {"Zg==", "Z", "Zh", "Zm9vY", "+/8", "Zm9 ", "Zm9\n"})
    CHECK_FALSE(parse_base64url(bad));
}

TEST_CASE("hex reads back") {
  CHECK(hex("\x01\xab\xff") == "01abff");
  CHECK(parse_hex("01AbfF") == "\x01\xab\xff");
  CHECK(parse_hex(hex(all_bytes())) == all_bytes());
  for (auto bad : {"0", "0g", "0x01", "01 "}) CHECK_FALSE(parse_hex(bad));
}

TEST_CASE("percent-encoding is strict and reads back") {
  CHECK(percent_decode("a%20b%2Fc+d") == "a b/c+d");
  CHECK(percent_decode("%00") == std::string(1, '\0'));
  for (auto bad : {"%", "%2", "%2g", "a%"}) CHECK_FALSE(percent_decode(bad));
  CHECK(percent_encode("a b/ä~") == "a%20b%2F%C3%A4~");
  CHECK(percent_decode(percent_encode(all_bytes())) == all_bytes());
}

TEST_CASE("a form keeps its order and its limits") {
  auto fields = parse_form("b=1&a=x+y%26z&&b=2&flag&=v&e=a=b");
  REQUIRE(fields);
  REQUIRE(fields->size() == 6);
  const std::pair<const char*, const char*> wanted[] = {{"b", "1"},   {"a", "x y&z"}, {"b", "2"},
                                                        {"flag", ""}, {"", "v"},      {"e", "a=b"}};
  for (size_t i = 0; i < fields->size(); ++i) {
    CHECK((*fields)[i].name == wanted[i].first);
    CHECK((*fields)[i].value == wanted[i].second);
  }
  CHECK(parse_form("")->empty());
  CHECK(parse_form("a&b&c", 3));
  CHECK(code_of(parse_form("a&b&c&d", 3).error()) == errc::too_large);
  CHECK(code_of(parse_form("a=%2").error()) == errc::malformed);
  CHECK(code_of(parse_form("a=%ff").error()) == errc::malformed);
}

TEST_CASE("equality in constant time is equality") {
  CHECK(is_equal_in_constant_time("", ""));
  CHECK(is_equal_in_constant_time("secret", "secret"));
  CHECK_FALSE(is_equal_in_constant_time("secret", "secreT"));
  CHECK_FALSE(is_equal_in_constant_time("secret", "secre"));
}
