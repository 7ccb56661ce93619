#include "http/limits.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

using namespace parley::http;
using namespace std::chrono_literals;

namespace {

rate_settings five_a_minute() {
  rate_settings to;
  to.per_minute[static_cast<size_t>(rate_class::login)] = 5;
  return to;
}

const rate_limits::time_point start{1h};

}  // namespace

TEST_CASE("a minute's calls may come at once, then they come back evenly") {
  rate_limits limits{five_a_minute()};
  for (uint32_t left : {4u, 3u, 2u, 1u, 0u}) {
    auto verdict = limits.take("anna", rate_class::login, start);
    CHECK(verdict.is_allowed);
    CHECK(verdict.limit == 5);
    CHECK(verdict.remaining == left);
    CHECK(verdict.reset_s == 12 * (5 - left));
  }
  auto refused = limits.take("anna", rate_class::login, start);
  CHECK_FALSE(refused.is_allowed);
  CHECK(refused.wait_s == 12);
  CHECK_FALSE(limits.take("anna", rate_class::login, start + 11s).is_allowed);
  CHECK(limits.take("anna", rate_class::login, start + 12s).is_allowed);
  CHECK_FALSE(limits.take("anna", rate_class::login, start + 12s).is_allowed);
}

TEST_CASE("callers and classes do not share a limit, a class without one is free") {
  rate_limits limits{five_a_minute()};
  for (int i = 0; i < 5; ++i) limits.take("anna", rate_class::login, start);
  CHECK_FALSE(limits.take("anna", rate_class::login, start).is_allowed);
  CHECK(limits.take("ben", rate_class::login, start).is_allowed);
  for (int i = 0; i < 100; ++i) CHECK(limits.take("anna", rate_class::chat, start).is_allowed);
}

TEST_CASE("edges on several threads share a caller's limit") {
  auto settings = five_a_minute();
  settings.per_minute[static_cast<size_t>(rate_class::login)] = 100;
  rate_limits limits{settings};
  std::atomic<int> allowed = 0;
  std::vector<std::thread> edges;
  for (int i = 0; i < 4; ++i) {
    edges.emplace_back([&] {
      for (int call = 0; call < 100; ++call)
        allowed += limits.take("anna", rate_class::login, start).is_allowed ? 1 : 0;
    });
  }
  for (auto& edge : edges) edge.join();
  CHECK(allowed == 100);
}

TEST_CASE("a flood of callers does not grow the table") {
  auto settings = five_a_minute();
  settings.callers_max = 1600;
  rate_limits limits{settings};
  for (int i = 0; i < 20'000; ++i) limits.take(std::to_string(i), rate_class::login, start);
  CHECK(limits.size() <= 1600);
  CHECK(limits.size() > 0);
}
