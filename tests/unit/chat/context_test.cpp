#include "chat/context.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace parley;

namespace {

// Counted exactly: a message of n tokens costs n + 4, a conversation 3.
token_rule exact_rule() {
  return token_rule_of("gpt-4o");
}

context_item item(message_role role, int32_t tokens, bool is_pinned = false) {
  context_item one{role, is_pinned, {}};
  one.measure.o200k = tokens;
  return one;
}

context_history talk(std::initializer_list<int32_t> tokens) {
  context_history path;
  for (auto count : tokens)
    path.add(item(path.size() % 2 == 0 ? message_role::user : message_role::assistant, count));
  return path;
}

context_budget budget_of(int64_t window, int64_t reply_max) {
  context_budget budget;
  budget.window = window;
  budget.reply_max = reply_max;
  budget.rule = exact_rule();
  return budget;
}

measure_sum one_message(int32_t tokens) {
  return sum_of(item(message_role::system, tokens).measure);
}

/// "0-3 dropped window, 3-5 sent recent, …"
std::string story_of(const context_plan& plan) {
  std::string story;
  for (const auto& run : plan.runs)
    story += (story.empty() ? "" : ", ") + std::to_string(run.begin) + "-" +
             std::to_string(run.end) + " " + to_string(run.fate) + " " + to_string(run.reason);
  return story;
}

int64_t sum_of_parts(const context_parts& parts) {
  return parts.system + parts.pinned + parts.summary + parts.recalled + parts.history +
         parts.message + parts.framing + parts.guard;
}

}  // namespace

TEST_CASE("everything is sent while it fits", "[context]") {
  auto budget = budget_of(100, 30);
  budget.system = one_message(6);
  auto plan = plan_context(talk({10, 14, 17}), budget);
  REQUIRE(plan);
  CHECK(plan->begin == 0);
  CHECK(plan->limit == 70);
  CHECK(plan->tokens == 3 + 10 + 14 + 18 + 21);
  CHECK(story_of(*plan) == "0-2 sent recent, 2-3 sent newest");
  CHECK(plan->parts.system == 10);
  CHECK(plan->parts.history == 32);
  CHECK(plan->parts.message == 21);
  CHECK(plan->parts.framing == 3);
  CHECK_FALSE(plan->is_estimated);
  CHECK(plan->sent.messages == 4);
}

TEST_CASE("the oldest goes first, and an answer never stands at the beginning", "[context]") {
  auto plan = plan_context(talk({50, 20, 20, 5, 6}), budget_of(120, 30));
  REQUIRE(plan);
  CHECK(story_of(*plan) == "0-2 dropped window, 2-4 sent recent, 4-5 sent newest");
  CHECK(plan->tokens == 3 + 24 + 9 + 10);
  CHECK(plan->runs[0].tokens == 78);
}

TEST_CASE("what is dropped goes in steps, with a reason for each", "[context]") {
  // 21 messages of 10 tokens: 297 of a limit of 290, and a step of 80.
  context_history path;
  for (int i = 0; i < 21; ++i)
    path.add(item(i % 2 == 0 ? message_role::user : message_role::assistant, 10));
  auto plan = plan_context(path, budget_of(320, 30));
  REQUIRE(plan);
  // One answer would be enough, but 14 x 14 + 3 are the first below 210.
  CHECK(plan->begin == 8);
  CHECK(plan->tokens <= 290 - 80);
  CHECK(story_of(*plan) ==
        "0-2 dropped window, 2-8 dropped ahead, 8-20 sent recent, 20-21 sent newest");
}

TEST_CASE("the end stays where the last request began it, while it fits", "[context]") {
  auto path = talk({20, 20, 20, 20, 20, 20, 20});
  auto budget = budget_of(200, 30);
  budget.begin_before = 4;
  auto plan = plan_context(path, budget);
  REQUIRE(plan);
  CHECK(plan->begin == 4);
  SECTION("a larger window takes it all back") {
    budget.window = 500;
    CHECK(plan_context(path, budget)->begin == 0);
  }
  SECTION("one that was cut for a small window is cut anew") {
    budget.window = 190;
    budget.begin_before = 6;
    CHECK(plan_context(path, budget)->begin == 4);
  }
  SECTION("a place where no request may begin is passed over") {
    budget.begin_before = 5;
    CHECK(plan_context(path, budget)->begin == 4);
  }
}

TEST_CASE("a tool's result stays with its call", "[context]") {
  context_history path;
  path.add(item(message_role::user, 10));
  path.add(item(message_role::assistant, 10));
  path.add(item(message_role::tool, 40));
  path.add(item(message_role::tool, 40));
  path.add(item(message_role::assistant, 10));
  path.add(item(message_role::user, 10));
  auto plan = plan_context(path, budget_of(140, 20));
  REQUIRE(plan);
  // The results alone would fit, but not their call.
  CHECK(plan->begin == 5);
  SECTION("also when the result is the newest message") {
    context_history round;
    round.add(item(message_role::user, 90));
    round.add(item(message_role::assistant, 10));
    round.add(item(message_role::tool, 20));
    auto last = plan_context(round, budget_of(120, 20));
    REQUIRE(last);
    CHECK(last->begin == 1);
    CHECK(last->parts.message == 14 + 24);
  }
}

TEST_CASE("a message too long for the window is refused, with its size and the limit",
          "[context]") {
  auto budget = budget_of(100, 30);
  budget.system = one_message(6);
  auto plan = plan_context(talk({10, 20, 300}), budget);
  REQUIRE_FALSE(plan);
  CHECK(code_of(plan.error()) == errc::invalid_input);
  CHECK(detail_of(plan.error()).reason == "context_too_long");
  CHECK(sentence_of(plan.error()).find("304") != std::string::npos);
  CHECK(sentence_of(plan.error()).find(" 57 ") != std::string::npos);
}

TEST_CASE("there is always an end", "[context]") {
  // The new message fills nearly all there is: nothing else is sent, but it is.
  auto plan = plan_context(talk({10, 20, 60}), budget_of(100, 30));
  REQUIRE(plan);
  CHECK(plan->begin == 2);
  CHECK(plan->tokens == 67);
  CHECK(plan->sent.messages == 1);
}

TEST_CASE("strategy none refuses instead of dropping", "[context]") {
  auto budget = budget_of(100, 30);
  budget.strategy = context_strategy::none;
  CHECK(plan_context(talk({10, 20, 20}), budget));
  auto refused = plan_context(talk({30, 20, 20}), budget);
  REQUIRE_FALSE(refused);
  CHECK(detail_of(refused.error()).reason == "context_too_long");
}

TEST_CASE("pinned messages are sent wherever they stand", "[context]") {
  context_history path;
  path.add(item(message_role::user, 10, true));
  for (int i = 0; i < 9; ++i)
    path.add(item(i % 2 == 0 ? message_role::assistant : message_role::user, 20));
  path.add(item(message_role::user, 10));
  auto plan = plan_context(path, budget_of(200, 40));
  REQUIRE(plan);
  CHECK(plan->pinned == std::vector<size_t>{0});
  CHECK(plan->runs[0].reason == context_reason::pinned);
  CHECK(plan->parts.pinned == 14);
  CHECK(plan->tokens <= plan->limit);
  SECTION("unless they alone fill the window") {
    context_history full;
    for (int i = 0; i < 10; ++i)
      full.add(item(i % 2 == 0 ? message_role::user : message_role::assistant, 30, true));
    full.add(item(message_role::user, 10));
    auto crowded = plan_context(full, budget_of(200, 40));
    REQUIRE(crowded);
    CHECK(crowded->tokens <= crowded->limit);
    CHECK(story_of(*crowded).find("dropped pinnedFull") != std::string::npos);
    CHECK(crowded->runs.back().reason == context_reason::newest);
  }
}

TEST_CASE("a summary stands for what it covers", "[context]") {
  auto budget = budget_of(150, 30);
  budget.strategy = context_strategy::summarise;
  budget.summary = one_message(12);
  budget.summarised = 4;
  budget.recalled = one_message(5);
  auto plan = plan_context(talk({40, 40, 40, 40, 10, 10, 10}), budget);
  REQUIRE(plan);
  CHECK(story_of(*plan) == "0-4 summarised summary, 4-6 sent recent, 6-7 sent newest");
  CHECK(plan->parts.summary == 16);
  CHECK(plan->parts.recalled == 9);
  CHECK(plan->tokens == sum_of_parts(plan->parts));
}

TEST_CASE("a huge reply budget leaves half of the window", "[context]") {
  auto plan = plan_context(talk({40}), budget_of(100, 100));
  REQUIRE(plan);
  CHECK(plan->limit == 50);
}

TEST_CASE("replies without a text are nothing to send", "[context]") {
  context_history path;
  path.add(item(message_role::user, 10));
  path.add(item(message_role::assistant, 0));
  path.add(item(message_role::user, 10));
  auto plan = plan_context(path, budget_of(100, 30));
  REQUIRE(plan);
  CHECK(story_of(*plan) == "0-1 sent recent, 1-2 dropped empty, 2-3 sent newest");
  CHECK(plan->tokens == 3 + 14 + 14);
}

TEST_CASE("what is planned always fits, is never empty and adds up", "[context]") {
  std::mt19937 random{17};
  auto any = [&](int from, int to) { return std::uniform_int_distribution<int>{from, to}(random); };
  for (int round = 0; round < 3000; ++round) {
    context_history path;
    auto messages = any(1, 60);
    for (int i = 0; i < messages; ++i) {
      auto role = i + 1 == messages || any(0, 2) == 0 ? message_role::user
                  : any(0, 4) == 0                    ? message_role::tool
                                                      : message_role::assistant;
      path.add(item(role, any(0, 9) == 0 ? 0 : any(1, 200), any(0, 9) == 0));
    }
    auto budget = budget_of(any(256, 4000), any(1, 3000));
    if (any(0, 1) == 0) budget.rule = token_rule_of("claude");
    if (any(0, 1) == 0) budget.system = one_message(any(1, 100));
    budget.begin_before = static_cast<size_t>(any(0, messages));
    if (any(0, 3) == 0) {
      budget.summarised = static_cast<size_t>(any(0, messages));
      budget.summary = one_message(any(1, 50));
    }
    auto plan = plan_context(path, budget);
    if (!plan) continue;
    REQUIRE(plan->tokens <= plan->limit);
    REQUIRE(plan->begin < path.size());
    REQUIRE(plan->tokens == sum_of_parts(plan->parts));
    size_t next = 0;
    for (const auto& run : plan->runs) {
      REQUIRE(run.begin == next);
      next = run.end;
    }
    REQUIRE(next == path.size());
    REQUIRE(plan->runs.back().fate == context_fate::sent);
  }
}

namespace {

/// The share of a long chat's turns whose request begins with all of the request before.
double repeated_share(int64_t window, int tokens_min, int tokens_max) {
  std::mt19937 random{23};
  std::uniform_int_distribution<int32_t> tokens{tokens_min, tokens_max};
  context_history path;
  int turns = 0, repeated = 0;
  size_t begin = 0;
  for (; turns < 1000; ++turns) {
    path.add(item(message_role::user, tokens(random)));
    auto budget = budget_of(window, window / 8);
    budget.begin_before = begin;
    auto plan = plan_context(path, budget);
    REQUIRE(plan);
    REQUIRE(plan->tokens <= plan->limit);
    if (plan->begin == begin) ++repeated;
    if (plan->begin != begin) {
      auto moved = message_tokens_of(budget.rule, path.between(begin, plan->begin));
      REQUIRE(static_cast<double>(moved) >= 0.2 * static_cast<double>(window));
    }
    begin = plan->begin;
    path.add(item(message_role::assistant, tokens(random)));
  }
  return static_cast<double>(repeated) / turns;
}

}  // namespace

TEST_CASE("four of five turns of a long chat repeat the request before", "[context]") {
  CHECK(repeated_share(8192, 20, 300) >= 0.8);
  CHECK(repeated_share(32'768, 100, 1'000) >= 0.8);
  CHECK(repeated_share(128'000, 10, 4'000) >= 0.8);
}
