#include "chat/usage_query.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

const instant now = *parse_instant("2026-07-25T12:00:00Z");

}  // namespace

TEST_CASE("without bounds usage is asked of thirty days") {
  auto range = plan_usage({}, {}, now);
  REQUIRE(range);
  CHECK(to_string(range->from) == "2026-06-26T00:00:00.000Z");
  CHECK(to_string(range->to) == "2026-07-26T00:00:00.000Z");
  CHECK(range->group == usage_group::day);
  CHECK(range->zone == "UTC");
  auto tokyo = plan_usage({"2026-07-01", "2026-07-02T00:00:00Z", "model", "Asia/Tokyo"}, {}, now);
  REQUIRE(tokyo);
  CHECK(to_string(tokyo->from) == "2026-06-30T15:00:00.000Z");
  CHECK(to_string(tokyo->to) == "2026-07-02T00:00:00.000Z");
}

TEST_CASE("CSV quotes what would break it or be taken for a formula") {
  usage_sum item;
  item.label = "a,\"b\"";
  item.requests = 1;
  auto text = usage_csv(usage_group::label, {item});
  CHECK(text.find(",\"a,\"\"b\"\"\",1,0,0,0,0,,\r\n") != std::string::npos);
  item.label = "@SUM(A1)";
  CHECK(usage_csv(usage_group::label, {item}).find(",\"'@SUM(A1)\",") != std::string::npos);
}
