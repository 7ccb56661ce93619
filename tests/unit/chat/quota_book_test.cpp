#include "chat/quota_book.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

const instant noon = *parse_instant("2026-07-25T12:00:00Z");

quota_limit limit_of(quota_measure measure, int64_t value, quota_window window = quota_window::day,
                     quota_action action = quota_action::refuse) {
  quota_limit made;
  made.rule.measure = measure;
  made.rule.window = window;
  made.rule.on_exceed = action;
  made.limit = value;
  if (measure == quota_measure::money)
    made.rule.currency = "USD";
  else
    made.rule.limit = value;
  return made;
}

struct book_world {
  quota_book book;
  model_id model = model_id::make();

  book_world() { book.begin(periods_around(noon, {})); }

  quota_claim claim(int64_t prompt) {
    quota_claim wanted;
    wanted.reply = message_id::make();
    wanted.account = {model, {}, ""};
    wanted.prompt_tokens = prompt;
    return wanted;
  }
  usage_entry entry(int64_t prompt, int64_t completion) {
    usage_entry used;
    used.model_id = model;
    used.prompt_tokens = prompt;
    used.completion_tokens = completion;
    return used;
  }
};

}  // namespace

TEST_CASE("requests are reserved, so that no more begin than there may be") {
  book_world w;
  std::vector limits{limit_of(quota_measure::requests, 2)};
  auto first = w.claim(5);
  CHECK(!w.book.reserve(first, limits));
  CHECK(!w.book.reserve(w.claim(5), limits));
  auto full = w.book.reserve(w.claim(5), limits);
  REQUIRE(full);
  CHECK(w.book.reset_of(*full) == *parse_instant("2026-07-26T00:00:00Z"));
  // One that never ran gives its place back; one that did not.
  w.book.settle(first.reply, {});
  auto again = w.claim(5);
  CHECK(!w.book.reserve(again, limits));
  w.book.settle(again.reply, w.entry(5, 5));
  CHECK(w.book.reserve(w.claim(5), limits));
  CHECK(!w.book.is_metered(again.reply));
}

TEST_CASE("a budget of tokens is spent to its end and no further than a report") {
  book_world w;
  std::vector limits{limit_of(quota_measure::tokens, 100)};
  auto one = w.claim(10), two = w.claim(10);
  REQUIRE(!w.book.reserve(one, limits));
  REQUIRE(!w.book.reserve(two, limits));
  CHECK(w.book.is_metered(one.reply));
  auto progress = w.book.stream(one.reply, 30);
  CHECK(progress.over.empty());
  // 100 - 10 - 30 - 10 - 1: two replies share half of what is left.
  CHECK(progress.report_at == 30 + 12);
  progress = w.book.stream(two.reply, 50);
  CHECK(progress.over.empty());
  CHECK(progress.report_at == 51);
  // Used to the last token is not over; one more is, and all that run must end.
  CHECK(w.book.stream(two.reply, 51).over.size() == 2);
  w.book.settle(one.reply, w.entry(10, 30));
  w.book.settle(two.reply, w.entry(10, 51));
  CHECK(w.book.state_of(limits[0]).used == 101);
  CHECK(w.book.reserve(w.claim(0), limits));
}

TEST_CASE("money follows the prices, and what has none costs nothing") {
  book_world w;
  std::vector limits{limit_of(quota_measure::money, 1'000'000)};  // 0.001
  auto priced = w.claim(100);
  priced.prices = model_prices{"USD", "1", "10", {}};
  priced.account.currency = "USD";
  REQUIRE(!w.book.reserve(priced, limits));
  CHECK(w.book.state_of(limits[0]).reserved_amount == "0.00011");
  CHECK(w.book.stream(priced.reply, 90).over.empty());
  CHECK(w.book.stream(priced.reply, 91).over.size() == 1);
  auto free_one = w.claim(100);
  CHECK(!w.book.reserve(free_one, limits));
  CHECK(w.book.stream(free_one.reply, 1'000'000).over == std::vector<message_id>{priced.reply});
}

TEST_CASE("rules that only warn refuse nothing, each limit warns once in its period") {
  book_world w;
  std::vector limits{limit_of(quota_measure::tokens, 100, quota_window::day, quota_action::warn)};
  CHECK(w.book.new_warnings(limits).empty());
  auto wanted = w.claim(200);
  CHECK(!w.book.reserve(wanted, limits));
  CHECK(w.book.stream(wanted.reply, 50).over.empty());
  w.book.settle(wanted.reply, w.entry(60, 20));
  CHECK(w.book.new_warnings(limits).size() == 1);
  CHECK(w.book.new_warnings(limits).empty());
  w.book.move_to(periods_around(noon + std::chrono::hours{24}, {}));
  CHECK(w.book.new_warnings(limits).empty());
  w.book.load({w.model, {}, ""}, quota_window::day, {1, 80, 0});
  CHECK(w.book.new_warnings(limits).size() == 1);
}

TEST_CASE("what was used is forgotten with its window") {
  book_world w;
  auto minute = limit_of(quota_measure::tokens, 100, quota_window::minute);
  auto day = limit_of(quota_measure::tokens, 100);
  auto total = limit_of(quota_measure::tokens, 100, quota_window::total);
  w.book.load({w.model, {}, ""}, quota_window::total, {1, 7, 0});
  w.book.settle(message_id::make(), w.entry(10, 5));
  w.book.move_to(periods_around(noon + std::chrono::minutes{1}, {}));
  CHECK(w.book.state_of(minute).used == 0);
  CHECK(w.book.state_of(day).used == 15);
  w.book.move_to(periods_around(noon + std::chrono::hours{24}, {}));
  CHECK(w.book.state_of(day).used == 0);
  CHECK(w.book.state_of(total).used == 22);
  CHECK(!w.book.state_of(total).resets_at);
}

TEST_CASE("limits of a key or a model count theirs alone") {
  book_world w;
  auto key = api_key_id::make();
  auto by_key = limit_of(quota_measure::tokens, 100);
  by_key.key = key;
  auto by_model = limit_of(quota_measure::tokens, 100);
  by_model.model = model_id::make();
  auto used = w.entry(10, 5);
  used.key_id = key;
  w.book.settle(message_id::make(), used);
  w.book.settle(message_id::make(), w.entry(100, 100));
  CHECK(w.book.state_of(by_key).used == 15);
  CHECK(w.book.state_of(by_model).used == 0);
}

TEST_CASE("a share of a budget that is crossed is told each time, and how it stands at first") {
  book_world w;
  std::vector limits{limit_of(quota_measure::tokens, 100)};
  auto first = w.book.new_crossings(limits, 50);
  REQUIRE(first.size() == 1);
  CHECK_FALSE(first.front().is_above);
  CHECK(w.book.new_crossings(limits, 50).empty());
  w.book.settle(message_id::make(), w.entry(30, 20));
  auto above = w.book.new_crossings(limits, 50);
  REQUIRE(above.size() == 1);
  CHECK(above.front().is_above);
  CHECK(above.front().limit.limit == 100);
  CHECK(w.book.new_crossings(limits, 50).empty());
  // The next day.
  w.book.move_to(periods_around(noon + std::chrono::hours{24}, {}));
  auto below = w.book.new_crossings(limits, 50);
  REQUIRE(below.size() == 1);
  CHECK_FALSE(below.front().is_above);
}
