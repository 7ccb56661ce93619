#include "base/time_zone.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

instant at(std::string_view text) {
  return *parse_instant(text);
}

}  // namespace

TEST_CASE("days and months are those of the zone") {
  time_zone utc;
  auto berlin = time_zone::find("Europe/Berlin");
  REQUIRE(berlin);
  auto evening = at("2026-07-31T22:30:00Z");
  CHECK(utc.day_of(evening) == "2026-07-31");
  CHECK(berlin->day_of(evening) == "2026-08-01");
  CHECK(berlin->day_around(evening) ==
        time_span{at("2026-07-31T22:00:00Z"), at("2026-08-01T22:00:00Z")});
  CHECK(berlin->month_around(evening).end == at("2026-08-31T22:00:00Z"));
  CHECK(utc.month_around(evening) ==
        time_span{at("2026-07-01T00:00:00Z"), at("2026-08-01T00:00:00Z")});
}

TEST_CASE("a day on which the clock is changed is longer or shorter") {
  auto berlin = *time_zone::find("Europe/Berlin");
  auto hours = [&](std::string_view noon) {
    auto day = berlin.day_around(at(noon));
    return (day.end - day.begin).count() / 3'600'000;
  };
  CHECK(hours("2026-03-29T12:00:00Z") == 23);
  CHECK(hours("2026-10-25T12:00:00Z") == 25);
  CHECK(hours("2026-10-26T12:00:00Z") == 24);
}

TEST_CASE("names and days that there are not are none") {
  CHECK(time_zone::find("UTC")->name() == "UTC");
  for (auto bad : {"", "Moon/Sea", "../etc/passwd", "europe/berlin"}) CHECK(!time_zone::find(bad));
  time_zone utc;
  CHECK(utc.begin_of_day("2026-02-28") == at("2026-02-28T00:00:00Z"));
  for (auto bad :
       {"2026-02-29", "2026-13-01", "2026-1-01", "20260101", "2026-01-01T", "-026-01-01"})
    CHECK(!utc.begin_of_day(bad));
}
