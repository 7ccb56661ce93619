#include <catch2/catch.hpp>

#include "chat/session_tags.hpp"

using namespace parley;

TEST_CASE("tags are kept once, in the order in which they came") {
  CHECK(*joined_tags({"b", "a", "b"}, {"c", "a"}) == std::vector<std::string>{"b", "a", "c"});
  CHECK(joined_tags({})->empty());
  std::vector<std::string> many;
  for (int i = 0; i < 32; ++i) many.push_back(std::to_string(i));
  CHECK(joined_tags(many, {"0"}));
  auto refused = joined_tags(many, {"more"});
  REQUIRE_FALSE(refused);
  CHECK(detail_of(refused.error()).reason == "tags_max");
}
