#include "providers/channel_health.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "providers/channel_board.hpp"

using namespace parley;
using namespace parley::providers;
using namespace std::chrono_literals;

namespace {

error fault(std::string_view reason, uint32_t retry_after_s = 0) {
  error_detail detail;
  detail.reason = reason;
  detail.retry_after_s = retry_after_s;
  return make_error(errc::provider_failed, "A fault.", detail);
}

const health_time start = health_time{} + 1h;

bool fails(channel_health& health, health_time at, std::string_view reason, uint32_t after_s = 0) {
  return health.fail(at, fault(reason, after_s), {});
}

}  // namespace

TEST_CASE("a channel that asks for patience rests as long as it asks", "[channels]") {
  channel_health health;
  CHECK(health.is_free(start));
  CHECK(fails(health, start, "upstream_rate_limited", 7));
  CHECK(health.state(start) == channel_state::resting);
  CHECK(health.free_at() == start + 7s);
  CHECK_FALSE(health.is_free(start + 6s));
  CHECK(health.is_free(start + 7s));
  // Without a word a moment, with nonsense ten minutes at most; the longer of two counts.
  channel_health other;
  CHECK(fails(other, start, "upstream_overloaded"));
  CHECK(other.free_at() == start + 2s);
  CHECK(fails(other, start, "upstream_rate_limited", 86'400));
  CHECK(fails(other, start, "upstream_rate_limited", 1));
  CHECK(other.free_at() == start + 10min);
  CHECK(other.opened() == 0);
}

TEST_CASE("a circuit opens, lets one call try, and closes or opens for longer", "[channels]") {
  channel_health health;
  CHECK(fails(health, start, "upstream_unreachable"));
  CHECK(health.state(start) == channel_state::open);
  CHECK(health.free_at() == start + 10s);
  auto at = start + 10s;
  CHECK(health.state(at) == channel_state::half_open);
  CHECK(health.is_free(at));
  health.begin(at);
  CHECK_FALSE(health.is_free(at));  // one call is enough
  health.leave();
  CHECK(health.is_free(at));  // it ended without a word
  health.begin(at);
  CHECK(fails(health, at, "upstream_timeout"));
  CHECK(health.free_at() == at + 20s);
  CHECK(health.opened() == 2);
  at += 20s;
  health.begin(at);
  CHECK(health.answer(30ms));
  CHECK(health.is_well());
  CHECK(health.state(at) == channel_state::closed);
  CHECK_FALSE(health.answer(30ms));  // nothing new
}

TEST_CASE("it opens for five minutes at most, and late failures do not count twice", "[channels]") {
  channel_health health;
  auto at = start;
  for (int i = 0; i < 40; ++i) {
    health.begin(at);
    CHECK(fails(health, at, "upstream_unreachable"));
    auto opened = health.opened();
    auto free_at = health.free_at();
    CHECK(fails(health, at, "upstream_unreachable"));
    CHECK(health.opened() == opened);
    CHECK(health.free_at() == free_at);
    CHECK(free_at - at <= 5min);
    at = free_at;
  }
  CHECK(health.free_at() - start > 3h);
}

TEST_CASE("what breaks opens the circuit at the third time in a row", "[channels]") {
  channel_health health;
  CHECK(fails(health, start, "upstream_error"));
  CHECK(fails(health, start, "upstream_broken"));
  CHECK(health.state(start) == channel_state::resting);
  health.answer(1ms);
  CHECK(fails(health, start, "upstream_error"));
  CHECK(fails(health, start, "upstream_error"));
  CHECK(health.opened() == 0);
  CHECK(fails(health, start, "upstream_error"));
  CHECK(health.state(start) == channel_state::open);
}

TEST_CASE("a wrong request says nothing of the channel", "[channels]") {
  for (auto reason : {"context_too_long", "upstream_refused", "upstream_content_filter", ""}) {
    channel_health health;
    CHECK_FALSE(fails(health, start, reason));
    CHECK(health.is_well());
  }
  // A wrong key is the channel's fault: another one has another key.
  CHECK(channel_fault_of(fault("upstream_auth")) == channel_fault::dead);
}

TEST_CASE("the latency rolls", "[channels]") {
  channel_health health;
  CHECK_FALSE(health.latency());
  health.answer(100ms);
  CHECK(health.latency() == 100ms);
  for (int i = 0; i < 30; ++i) health.answer(500ms);
  CHECK(health.latency() > 450ms);
  CHECK(health.latency() <= 500ms);
}

TEST_CASE("calls go by weight, and by how soon a channel answers", "[channels]") {
  std::vector<channel_health> health(4);
  std::vector<channel_option> options{
      {&health[0], 3}, {&health[1], 1}, {&health[2], 0}, {&health[3], 5, true}};
  auto shares = [&] {
    std::vector<int> counts(options.size());
    for (int i = 0; i < 1000; ++i)
      ++counts[choose_channel(options, start, i / 1000.0).value_or(99)];
    return counts;
  };
  CHECK(shares() == std::vector<int>{750, 250, 0, 0});
  health[0].answer(300ms);
  health[1].answer(100ms);
  CHECK(shares() == std::vector<int>{500, 500, 0, 0});
  health[0] = {};
  // Those without a weight stand in, then the fallback.
  health[0].fail(start, fault("upstream_unreachable"), {});
  CHECK(shares() == std::vector<int>{0, 1000, 0, 0});
  options[1].was_tried = true;
  CHECK(shares() == std::vector<int>{0, 0, 1000, 0});
  health[2].fail(start, fault("upstream_timeout"), {});
  CHECK(shares() == std::vector<int>{0, 0, 0, 1000});
  options[3].was_tried = true;
  CHECK_FALSE(choose_channel(options, start, 0.5));
  CHECK(first_free(options) == 0u);
  options[0].was_tried = options[2].was_tried = true;
  CHECK_FALSE(first_free(options));
}

TEST_CASE("whatever happens, a channel comes back and no call is without a way", "[channels]") {
  std::mt19937 random{4711};
  for (int run = 0; run < 200; ++run) {
    std::vector<channel_health> health(1 + random() % 4);
    auto at = start;
    for (int step = 0; step < 200; ++step) {
      std::vector<channel_option> options;
      for (auto& each : health)
        options.push_back({&each, static_cast<int32_t>(random() % 3), random() % 4 == 0});
      auto draw = static_cast<double>(random() % 1000) / 1000;
      auto chosen = choose_channel(options, at, draw);
      if (chosen)
        REQUIRE(health[*chosen].is_free(at));
      else
        chosen = first_free(options);
      REQUIRE(chosen);
      auto& taken = health[*chosen];
      taken.begin(at);
      switch (random() % 4) {
        case 0:
          taken.answer(std::chrono::milliseconds{random() % 1000});
          break;
        case 1:
          taken.leave();
          break;
        case 2:
          fails(taken, at, "upstream_timeout");
          break;
        default:
          fails(taken, at, "upstream_rate_limited", random() % 100'000);
          break;
      }
      REQUIRE(taken.free_at() <= at + 10min);
      at += std::chrono::seconds{random() % 30};
    }
    for (auto& each : health) CHECK(each.is_free(at + 10min));
  }
}

TEST_CASE("a board knows channels by model, name and origin, and tells of changes", "[channels]") {
  std::vector<channel_changed> told;
  channel_board board{{}, [&](const channel_changed& one) { told.push_back(one); }};
  model_config model;
  model.id = model_id::make();
  model.base_url = "https://a.example/v1";
  model.sealed_key = "k0";
  model.channels = {{"b", "https://b.example/v1", {}, true, "", 2}};
  model.channel_keys = {"k1"};
  fallback_model other;
  other.model.id = model_id::make();
  other.model.base_url = "https://c.example";
  auto ways = ways_of(model, &other);
  REQUIRE(ways.size() == 3);
  CHECK(ways[1].sealed_key == "k1");
  CHECK(ways[1].channel() == "b");
  CHECK(ways[2].is_fallback);
  board.fail(ways[0].key, start, fault("upstream_unreachable"));
  CHECK(board.choose_free(ways, start, 0) == 1u);
  REQUIRE(told.size() == 1);
  CHECK(told[0].origin == "https://a.example:443");
  CHECK(told[0].opened == 1);
  CHECK(told[0].rest_ms == 10'000);

  channel_board elsewhere{{}, {}};
  CHECK(elsewhere.choose_free(ways, start, 0) == 0u);
  elsewhere.adopt(told[0], start);
  CHECK(elsewhere.choose_free(ways, start, 0) == 1u);
  // At another address it is another channel.
  model.base_url = "https://d.example/v1";
  auto moved = ways_of(model, nullptr);
  CHECK(board.choose_free(moved, start, 0) == 0u);

  board.answer(ways[0].key, 5ms);
  REQUIRE(told.size() == 2);
  CHECK(told[1].opened == 0);
  elsewhere.adopt(told[1], start);
  CHECK(elsewhere.choose_free(ways, start, 0) == 0u);
}
