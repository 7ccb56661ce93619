#include "base/timer_wheel.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace parley;

TEST_CASE("the wheel gives links out at their tick, near and very far") {
  timer_wheel wheel{1000};
  std::vector<uint64_t> dues = {
      1001, 1063, 1064, 5000, 1000 + 262144, 1000 + (uint64_t{1} << 40), UINT64_MAX - 1};
  std::vector<timer_link> links(dues.size());
  for (size_t i = 0; i < dues.size(); ++i) wheel.add(links[i], dues[i]);
  for (size_t i = 0; i < dues.size(); ++i) {
    CHECK(*wheel.next_tick() <= dues[i]);
    CHECK(wheel.pop_due(dues[i] - 1) == nullptr);
    CHECK(wheel.pop_due(dues[i]) == &links[i]);
  }
  CHECK_FALSE(wheel.next_tick());
}

TEST_CASE("what is overdue becomes due at the next tick") {
  timer_wheel wheel{77};
  timer_link link;
  wheel.add(link, 3);
  CHECK(wheel.pop_due(77) == nullptr);
  CHECK(wheel.pop_due(78) == &link);
}

TEST_CASE("an empty wheel follows the time") {
  timer_wheel wheel{0};
  CHECK(wheel.pop_due(1'000'000) == nullptr);
  CHECK(wheel.present_tick() == 1'000'000);
  timer_link link;
  wheel.add(link, 1'000'001);
  CHECK(*wheel.next_tick() == 1'000'001);
}

TEST_CASE("the wheel agrees with an ordered map over random operations") {
  std::mt19937_64 random{20240611};
  timer_wheel wheel{12345};
  std::vector<timer_link> links(300);
  std::vector<bool> is_in(links.size());
  std::multimap<uint64_t, timer_link*> model;
  auto forget = [&](timer_link& link) {
    auto [first, last] = model.equal_range(link.due_tick);
    for (auto i = first; i != last; ++i)
      if (i->second == &link) return void(model.erase(i));
    FAIL("not in the model");
  };
  for (int step = 0; step < 20000; ++step) {
    auto index = random() % links.size();
    auto& link = links[index];
    if (random() % 3 != 0) {
      if (is_in[index]) {
        wheel.remove(link);
        forget(link);
      }
      auto due = wheel.present_tick() + random() % (uint64_t{1} << (random() % 30));
      wheel.add(link, due);
      model.emplace(std::max(due, wheel.present_tick() + 1), &link);
      is_in[index] = true;
    } else {
      auto tick = wheel.present_tick() + random() % (uint64_t{1} << (random() % 16));
      uint64_t previous = 0;
      while (auto* due = wheel.pop_due(tick)) {
        REQUIRE(due->due_tick <= tick);
        REQUIRE(due->due_tick >= previous);
        previous = due->due_tick;
        forget(*due);
        is_in[static_cast<size_t>(due - links.data())] = false;
      }
      REQUIRE((model.empty() || model.begin()->first > tick));
      REQUIRE(wheel.present_tick() == tick);
    }
    auto next = wheel.next_tick();
    REQUIRE(next.has_value() != model.empty());
    if (next) REQUIRE((*next <= model.begin()->first && *next > wheel.present_tick()));
  }
  while (auto* link = wheel.pop_any()) forget(*link);
  CHECK(model.empty());
}
