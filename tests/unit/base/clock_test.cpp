#include "base/clock.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("instants are RFC 3339 in UTC with milliseconds") {
  CHECK(to_string(instant{0}) == "1970-01-01T00:00:00.000Z");
  CHECK(to_string(instant{-1}) == "1969-12-31T23:59:59.999Z");
  CHECK(to_string(instant{1'709'209'845'006}) == "2024-02-29T12:30:45.006Z");
  CHECK(to_string(instant{INT64_MAX}) == "9999-12-31T23:59:59.999Z");
  CHECK(to_string(instant{INT64_MIN}) == "0000-01-01T00:00:00.000Z");
  for (int64_t ms = -62'000'000'000'000; ms < 250'000'000'000'000; ms += 987'654'321'987)
    CHECK(parse_instant(to_string(instant{ms})) == instant{ms});
}

TEST_CASE("instants are read from every RFC 3339 spelling") {
  auto wanted = parse_instant("2024-02-29T12:30:45.120Z");
  REQUIRE(wanted);
  for (auto same : {"2024-02-29T12:30:45.12Z", "2024-02-29t12:30:45.120999z",
                    "2024-02-29T14:00:45.12+01:30", "2024-02-28T23:30:45.120-13:00"})
    CHECK(parse_instant(same) == wanted);
  CHECK(parse_instant("2024-02-29T12:30:45Z") == instant{wanted->ms - 120});
  for (auto bad :
       {"", "2024-02-29", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-02-29T24:00:00Z",
        "2024-02-29T00:60:00Z", "2024-02-29T00:00:60Z", "2024-02-29T00:00:00",
        "2024-02-29T00:00:00.Z", "2024-02-29T00:00:00.1234567890Z", "2024-02-29T00:00:00+24:00",
        "2024-02-29T00:00:00+0100", "2024-02-29 00:00:00Z", "2024-02-29T00:00:00Z ",
        "+024-02-29T00:00:00Z", "2024-2-29T00:00:00Z"})
    CHECK_FALSE(parse_instant(bad));
}

TEST_CASE("a manual clock stands still until moved") {
  manual_wall_clock clock{instant{1'000}};
  CHECK(clock.now() == instant{1'000});
  clock.advance(1500ms);
  CHECK(clock.now() - instant{1'000} == 1500ms);
  CHECK(clock.now() > instant{1'000} + 1s);
  clock.set(instant{5});
  CHECK(clock.now() == instant{5});
  CHECK(system_wall_clock().now() > *parse_instant("2024-01-01T00:00:00Z"));
}
