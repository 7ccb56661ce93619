// Budgets that run out while replies stream: how much is spent in the end.
#include <chrono>

#include "tests/support/node_world.hpp"

using namespace parley::test;
using namespace std::chrono_literals;

namespace {

const header_list whole{{"Accept", "application/json"}};

/// A reply without usage, so that all its tokens are counted here. It waits for a release() if it
/// is paced, and then says one piece after the other.
script counted_reply(int pieces, std::chrono::milliseconds pace) {
  script steps{send_bytes(stream_head())};
  if (pace.count() > 0) steps.push_back(wait_for_release());
  for (int i = 0; i < pieces; ++i) {
    if (pace.count() > 0) steps.push_back(pause_for(pace));
    steps.push_back(send_bytes(stream_chunk(content_chunk(" word"))));
  }
  steps.push_back(send_bytes(stream_chunk(finish_chunk() + done_chunk())));
  steps.push_back(send_bytes(stream_end()));
  return steps;
}

struct budget_world : node_world {
  explicit budget_world(setting_list more = {}) : node_world(std::move(more)) { add_model(); }

  /// Tokens of all replies up to now.
  int64_t spent() {
    auto usage = get(ada(), "/api/usage?groupBy=user");
    if (usage.at("/items/0") == "(absent)") return 0;
    return std::stoll(usage.at("/items/0/promptTokens")) +
           std::stoll(usage.at("/items/0/completionTokens"));
  }
  void limit_tokens(int64_t limit) {
    REQUIRE(put(ada(), "/api/admin/quotas",
                R"({"items":[{"subject":"everyone","window":"total","measure":"tokens","limit":)" +
                    std::to_string(limit) + "}]}")
                .status == 200);
  }
};

}  // namespace

TEST_CASE("a budget that runs out amid a reply ends it and keeps its text") {
  budget_world world;
  world.upstream_plays_once(counted_reply(100, 0ms));
  REQUIRE(world.post(world.ada(), "/api/chat/stream", R"({"content":"Hi"})", whole).status == 200);
  auto full = world.spent();
  REQUIRE(full > 100);
  world.limit_tokens(2 * full - 50);
  auto feed = event_stream{world.port(), {"GET", "/api/events", {}, {authorization(world.ada())}}};
  world.upstream_plays_once(counted_reply(100, 5ms));
  auto stream = world.send_turn(world.ada(), R"({"content":"Hi"})");
  auto start = stream.next("start");
  world.upstream().release();
  auto events = stream.rest();
  CHECK(stream.is_whole());
  CHECK(events.back().data == R"({"status":"quota"})");
  auto text = text_of(events);
  CHECK(text.size() > 100);
  CHECK(text.size() < 500);
  auto stored = world.message(world.ada(), start.at("/sessionId"), start.at("/messageId"));
  CHECK(stored.at("/status") == "quota");
  CHECK(stored.at("/content") == text);
  CHECK(world.spent() >= 2 * full - 50);
  CHECK(world.spent() <= 2 * full - 50 + 25);
  auto warning = feed.next("quota.warning");
  CHECK(warning.at("/measure") == "tokens");
  // Nothing is left: the next one does not begin.
  auto refused = world.post(world.ada(), "/api/chat/stream", R"({"content":"Hi"})", whole);
  CHECK(refused.status == 429);
  CHECK(refused.header("Retry-After") != "(absent)");
}

TEST_CASE("fifty requests at once on a budget for ten get between ten and eleven") {
  budget_world world{
      {{"streams-per-user-max", "60"}, {"upstream-first-byte-s", "60"}, {"upstream-idle-s", "60"}}};
  constexpr int pieces = 200;
  world.upstream_plays_once(counted_reply(pieces, 0ms));
  REQUIRE(world.post(world.ada(), "/api/chat/stream", R"({"content":"Hi"})", whole).status == 200);
  auto full = world.spent();
  REQUIRE(full > pieces);
  world.limit_tokens(11 * full);  // one is spent already
  world.upstream_plays(counted_reply(pieces, 60ms));
  std::vector<event_stream> streams;
  for (int i = 0; i < 50; ++i) {
    streams.push_back(world.send_turn(world.ada(), R"({"content":"Hi"})"));
    auto status = streams.back().head().status;
    CHECK((status == 200 || status == 429));
  }
  for (auto& stream : streams)
    if (stream.is_stream()) world.upstream().release();
  size_t cut = 0;
  for (auto& stream : streams) {
    if (!stream.is_stream()) continue;
    auto events = stream.rest();
    CHECK(stream.is_whole());
    cut += events.back().data == R"({"status":"quota"})" ? 1 : 0;
  }
  CHECK(cut > 0);
  auto spent = static_cast<double>(world.spent() - full) / static_cast<double>(full);
  INFO(spent << " full replies' worth");
  CHECK(spent >= 10);
  CHECK(spent <= 11);
  CHECK(world.get(world.ada(), "/api/usage/limits").at("/items/0/reserved") == "0");
}
