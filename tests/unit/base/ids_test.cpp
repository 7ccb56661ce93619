#include "base/ids.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace parley;

TEST_CASE("ids rise strictly and read back") {
  auto previous = user_id::make();
  for (int i = 0; i < 10'000; ++i) {
    auto next = user_id::make();
    REQUIRE(next > previous);
    previous = next;
  }
  auto text = to_string(previous);
  CHECK(text.size() == 36);
  CHECK(text[14] == '7');
  CHECK(user_id::parse(text) == previous);
}

TEST_CASE("only the 36-character form is an id") {
  CHECK(user_id::parse("0190f3c2-0000-7000-8000-00000000000A"));
  for (auto bad : {"", "0190f3c2", "0190f3c2-0000-7000-8000-00000000000g",
                   "0190f3c2000070008000000000000000aaaa", "{190f3c2-0000-7000-8000-000000000000}",
                   "0190f3c2-0000-7000-8000-0000000000000"})
    CHECK_FALSE(user_id::parse(bad));
}
