#include "chat/context.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

std::vector<context_item> talk(std::initializer_list<int64_t> tokens) {
  std::vector<context_item> path;
  for (auto count : tokens)
    path.push_back({path.size() % 2 == 0 ? message_role::user : message_role::assistant, count});
  return path;
}

}  // namespace

TEST_CASE("everything is sent while it fits") {
  auto path = talk({10, 20, 30});
  auto plan = plan_context(path, {.window = 100, .reply_max = 30, .fixed_tokens = 10});
  REQUIRE(plan);
  CHECK(plan->first_kept == 0);
  CHECK(plan->tokens == 70);
  CHECK(plan->limit == 70);
  CHECK(plan->kept == 3);
  CHECK(plan->dropped == 0);
}

TEST_CASE("the oldest goes first, and an answer never stands at the beginning") {
  auto path = talk({10, 20, 30, 5, 6});
  auto plan = plan_context(path, {.window = 100, .reply_max = 30, .fixed_tokens = 0});
  REQUIRE(plan);
  CHECK(plan->first_kept == 2);
  CHECK(plan->tokens == 41);
  CHECK(plan->dropped == 2);
}

TEST_CASE("a message too long for the window is refused, with its size") {
  auto path = talk({10, 20, 300});
  auto plan = plan_context(path, {.window = 100, .reply_max = 30, .fixed_tokens = 5});
  REQUIRE_FALSE(plan);
  CHECK(code_of(plan.error()) == errc::invalid_input);
  CHECK(detail_of(plan.error()).reason == "context_too_long");
  CHECK(sentence_of(plan.error()).find("305") != std::string::npos);
}

TEST_CASE("strategy none refuses instead of dropping") {
  context_budget budget{
      .window = 100, .reply_max = 30, .fixed_tokens = 0, .strategy = context_strategy::none};
  CHECK(plan_context(talk({10, 20, 30}), budget));
  CHECK_FALSE(plan_context(talk({30, 20, 30}), budget));
}

TEST_CASE("estimates are widened by their guard") {
  auto path = talk({20, 20, 20});
  CHECK(plan_context(path, {.window = 100, .reply_max = 40})->dropped == 0);
  CHECK(plan_context(path, {.window = 100, .reply_max = 40, .guard = 0.2})->dropped == 2);
}

TEST_CASE("a huge reply budget leaves half of the window") {
  auto plan = plan_context(talk({40}), {.window = 100, .reply_max = 100});
  REQUIRE(plan);
  CHECK(plan->limit == 50);
}
