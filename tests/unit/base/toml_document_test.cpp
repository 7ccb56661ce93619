#include "base/toml_document.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("a TOML document with the lines of its values", "[toml]") {
  auto document = parse_toml(
      "text = \"a\"\nnumber = 1_000\nreal = 1.5\nflag = true\nday = 2026-01-31\n"
      "list = [\n  \"x\",\n  { id = \"y\" },\n]\n[table.inner]\nkey = 2\n",
      "a.toml");
  REQUIRE(document);
  auto at = [&](std::string_view key) -> const toml_value& {
    for (auto& [name, value] : *document) {
      if (name == key) return value;
    }
    throw std::out_of_range{std::string{key}};
  };
  CHECK(*at("text").as<std::string>() == "a");
  CHECK(*at("number").as<int64_t>() == 1000);
  CHECK(*at("real").as<double>() == 1.5);
  CHECK(*at("flag").as<bool>());
  CHECK(*at("day").as<std::string>() == "2026-01-31");
  auto& list = *at("list").as<toml_list>();
  REQUIRE(list.size() == 2);
  CHECK(list[0].line == 7);
  CHECK(list[1].line == 8);
  CHECK(list[1].as<toml_table>()->front().name == "id");
  auto& inner = at("table").as<toml_table>()->front();
  CHECK(inner.name == "inner");
  CHECK(inner.value.as<toml_table>()->front().value.line == 11);
  CHECK(at("text").as<bool>() == nullptr);
}

TEST_CASE("a fault in TOML names file and line", "[toml]") {
  auto document = parse_toml("a = 1\nb = \n", "dir/b.toml");
  REQUIRE_FALSE(document);
  CHECK(code_of(document.error()) == errc::invalid_input);
  CHECK(sentence_of(document.error()).find("dir/b.toml:2: ") == 0);
}
