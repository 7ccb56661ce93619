#include "actors/impl/log_tally.hpp"

#include <catch2/catch.hpp>

#include "base/record_json.hpp"
#include "tests/support/log_lines.hpp"

using namespace parley;
using namespace parley::test;
using namespace std::chrono_literals;

namespace {

constexpr instant noon{1'699'963'200'000};  // 2023-11-14T12:00:00Z
const std::string user_text = "018f0000-0000-7000-8000-000000000001";

/// Without its end, as files are read.
void add(log_tally& to, std::string line) {
  line.pop_back();
  to.add(line);
}

log_summary sum(const log_tally& tally, log_group by, instant since = noon,
                instant until = noon + 1h) {
  log_spans direct{{by, since, until}};
  direct.add(tally);
  log_spans read{{by, since, until}};
  CHECK(read.add(text_of(tally)));
  auto made = direct.finish();
  // What was written reads the same.
  CHECK(json_of(read.finish()) == json_of(made));
  return made;
}

std::string keys_of(const log_summary& found) {
  std::string all;
  for (const auto& item : found.items) all += item.key + "=" + std::to_string(item.now.count) + " ";
  return all;
}

bool is_near(double found, double wanted) {
  return found > wanted * 0.9 && found < wanted * 1.1;
}

}  // namespace

TEST_CASE("requests are counted by route, status, reason and user") {
  log_tally tally;
  auto user = R"("user":")" + user_text + '"';
  add(tally, request_line(noon, {"a", "/x", 200, 5, user}));
  add(tally, request_line(noon + 1min, {"b", "/x", 200, 5, R"("reason":"stream_broke")"}));
  add(tally, request_line(noon + 59min, {"c", "/y", 404, 5, R"("reason":"not_found",)" + user}));
  add(tally, request_line(noon + 1h, {"d", "/z", 500, 5}));  // later
  add(tally, log_line_of(noon, "other.event", R"("status":500)"));
  tally.add("http.request");
  CHECK(keys_of(sum(tally, log_group::route)) == "GET /x=2 GET /y=1 ");
  CHECK(keys_of(sum(tally, log_group::status)) == "200=2 404=1 ");
  CHECK(keys_of(sum(tally, log_group::reason)) == "not_found=1 stream_broke=1 ");
  CHECK(keys_of(sum(tally, log_group::user)) == user_text + "=2 ");
  CHECK(keys_of(sum(tally, log_group::model)).empty());
  auto by_route = sum(tally, log_group::route);
  CHECK(by_route.all.count == 3);
  CHECK(by_route.all.errors == 2);
  CHECK(by_route.items[0].now.error_share == 0.5);
  // Spans are widened to whole quarters.
  auto narrow = sum(tally, log_group::route, noon + 16min, noon + 46min);
  CHECK(narrow.since == noon + 15min);
  CHECK(narrow.until == noon + 60min);
  CHECK(keys_of(narrow) == "GET /y=1 ");
}

TEST_CASE("replies are counted by model and channel, whoever asked for them") {
  log_tally tally;
  add(tally,
      log_line_of(noon, "reply.ended",
                  R"("model":"a \"b\"","channel":"east","status":"complete","took_ms":900)"));
  add(tally, log_line_of(noon, "call.ended", R"("model":"m","channel":"","took_ms":100)"));
  add(tally, log_line_of(noon, "call.ended", R"("model":"m","took_ms":100,"reason":"timeout")"));
  auto by_model = sum(tally, log_group::model);
  CHECK(keys_of(by_model) == "m=2 a \"b\"=1 ");
  CHECK(by_model.items[0].now.errors == 1);
  CHECK(is_near(by_model.items[1].now.p50_ms, 900));
  CHECK(keys_of(sum(tally, log_group::channel)) == "m=2 a \"b\"/east=1 ");
  CHECK(by_model.slowest.empty());
}

TEST_CASE("percentiles are right within a tenth, and a feed has none") {
  log_tally tally;
  for (int i = 1; i <= 1000; ++i)
    add(tally, request_line(noon, {"r", "/x", 200, static_cast<double>(i)}));
  add(tally,
      log_line_of(noon, "http.request",
                  R"("request":"f","method":"GET","route":"/x","status":200,"open_ms":9e9)"));
  auto all = sum(tally, log_group::route).all;
  CHECK(all.count == 1001);
  CHECK(is_near(all.p50_ms, 500));
  CHECK(is_near(all.p95_ms, 950));
  CHECK(is_near(all.p99_ms, 990));
  log_tally odd;
  for (auto took : {0.0, -1.0, 1e300}) add(odd, request_line(noon, {"r", "/x", 200, took}));
  CHECK(sum(odd, log_group::route).all.count == 3);
}

TEST_CASE("the span before is beside each key") {
  log_tally tally;
  for (int i = 0; i < 4; ++i) add(tally, request_line(noon - 1min, {"r", "/x", 200, 100}));
  for (int i = 0; i < 6; ++i) add(tally, request_line(noon, {"r", "/x", 200, 200}));
  add(tally, request_line(noon, {"r", "/new", 200, 200}));
  add(tally, request_line(noon - 61min, {"r", "/x", 200, 100}));  // before both
  auto items = sum(tally, log_group::route).items;
  REQUIRE(items.size() == 2);
  CHECK(items[0].before.count == 4);
  CHECK(items[0].count_change == 0.5);
  REQUIRE(items[0].p95_change);
  CHECK(std::abs(*items[0].p95_change - 1) < 0.25);
  CHECK(items[1].key == "GET /new");
  CHECK_FALSE(items[1].count_change);
  CHECK_FALSE(items[1].p95_change);
}

TEST_CASE("the slowest requests come with their steps") {
  log_tally tally;
  for (int i = 0; i < 50; ++i)
    add(tally, request_line(noon + i * 1min, {"r" + std::to_string(i), "/x", 200, i * 10.0}));
  add(tally, request_line(
                 noon, {"slow", "/s", 200, 5000,
                        R"("queue_ms":1.5,"storage_ms":2,"first_byte_ms":3000,"stream_ms":1996.5,)"
                        R"("user":")" +
                            user_text + "\""}));
  auto slowest = sum(tally, log_group::status).slowest;
  REQUIRE(slowest.size() == slowest_max);
  CHECK(slowest[0].request_id == "slow");
  CHECK(slowest[0].route == "GET /s");
  CHECK(slowest[0].at == noon);
  CHECK(slowest[0].user_id == user_text);
  CHECK(slowest[0].queue_ms == 1.5);
  CHECK(slowest[0].storage_ms == 2);
  CHECK(slowest[0].first_byte_ms == 3000);
  CHECK(slowest[0].stream_ms == 1996.5);
  CHECK(slowest[1].request_id == "r49");
  CHECK_FALSE(slowest[1].stream_ms);
  CHECK(slowest[19].request_id == "r31");
}

TEST_CASE("keys are bounded, and nothing is lost in the sum") {
  log_tally tally;
  constexpr int many = 1500;
  for (int i = 0; i < many; ++i)
    add(tally, request_line(noon, {"r", "/x" + std::to_string(i), 200, 1}));
  const auto& group = tally.slots().begin()->second.groups[0];
  CHECK(group.keys.size() == log_keys_max + 1);
  auto found = sum(tally, log_group::route);
  CHECK(found.all.count == many);
  CHECK(found.items.size() == 100);
  CHECK(found.items[0].key == other_log_keys);
  CHECK(found.items[0].now.count == many - static_cast<int>(log_keys_max));
}

TEST_CASE("a text that is none of ours is refused") {
  log_tally tally;
  add(tally, request_line(noon, {"r", "/x", 200, 1}));
  auto text = text_of(tally);
  for (const auto& bad :
       {std::string{"=x route\n"}, "=" + std::to_string(noon.ms) + " route\nkey without counts\n",
        "=" + std::to_string(noon.ms) + " route\nkey\t1\n",
        "=" + std::to_string(noon.ms) + " route\nkey\t1 0 99999:1\n",
        "=" + std::to_string(noon.ms) + " slowest\nno line\n"}) {
    log_spans spans{{log_group::route, noon, noon + 1h}};
    INFO(bad);
    CHECK_FALSE(spans.add(bad));
  }
}
