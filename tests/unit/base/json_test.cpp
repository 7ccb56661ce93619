#include "base/json.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("each byte that JSON wants escaped is, wherever it stands") {
  json_reader reader;
  // The places cover whole words of eight bytes, what is left of one, and a second escape.
  for (int code = 1; code < 128; ++code)
    for (size_t length = 1; length <= 18; ++length)
      for (size_t place = 0; place < length; ++place) {
        std::string text(length, 'x');
        text[place] = static_cast<char>(code);
        text[length - 1] = '"';
        std::string json;
        append_json_string(json, text);
        auto is_plain = [](char c) { return static_cast<unsigned char>(c) >= 0x20; };
        REQUIRE(std::all_of(json.begin(), json.end(), is_plain));
        auto read = reader.parse(json);
        REQUIRE(read);
        REQUIRE(read->as_string() == text);
      }
}

TEST_CASE("a zero byte is escaped, and nothing else") {
  std::string zero;
  append_json_string(zero, std::string_view{"a\0", 2});
  CHECK(zero == R"("a\u0000")");
  for (auto text : {"plain text of some length", "Grüße, 世界 — \u00a0\u2028", "/\x7f{}", ""}) {
    std::string json;
    append_json_string(json, text);
    CHECK(json == '"' + std::string{text} + '"');
  }
}
