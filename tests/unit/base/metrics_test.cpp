#include "base/metrics.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

TEST_CASE("metrics are rendered as Prometheus text") {
  metric_registry registry;
  registry.counter("parley_turns_total", "Turns started.", {{"dialect", "openai"}}).add(3);
  registry.counter("parley_turns_total", "ignored", {{"dialect", "a\"b\\c\nd"}}).add();
  registry.gauge("parley_streams", "Open\nstreams, \\ \"all\".").set(-2);
  CHECK(registry.text() ==
        "# HELP parley_streams Open\\nstreams, \\\\ \"all\".\n"
        "# TYPE parley_streams gauge\n"
        "parley_streams -2\n"
        "# HELP parley_turns_total Turns started.\n"
        "# TYPE parley_turns_total counter\n"
        "parley_turns_total{dialect=\"a\\\"b\\\\c\\nd\"} 1\n"
        "parley_turns_total{dialect=\"openai\"} 3\n");
}

TEST_CASE("a histogram has cumulative buckets up to infinity") {
  metric_registry registry;
  auto& histogram =
      registry.histogram("parley_wait_seconds", "Wait.", {0.5, 10}, {{"queue", "hash"}});
  for (auto value : {0.1, 0.5, 0.51, 5.0, 1e30}) histogram.observe(value);
  histogram.observe(2s);
  auto text = registry.text();
  for (auto line : {"parley_wait_seconds_bucket{queue=\"hash\",le=\"0.5\"} 2\n",
                    "parley_wait_seconds_bucket{queue=\"hash\",le=\"5\"} 5\n",
                    "parley_wait_seconds_bucket{queue=\"hash\",le=\"50\"} 5\n",
                    "parley_wait_seconds_bucket{queue=\"hash\",le=\"+Inf\"} 6\n",
                    "parley_wait_seconds_count{queue=\"hash\"} 6\n",
                    "parley_wait_seconds_sum{queue=\"hash\"} 1e+30\n"})
    CHECK(text.find(line) != std::string::npos);
}

TEST_CASE("one name and its labels are one metric of one kind") {
  metric_registry registry;
  auto& first = registry.counter("a_total", "A.", {{"x", "1"}});
  CHECK(&registry.counter("a_total", "A.", {{"x", "1"}}) == &first);
  CHECK(&registry.counter("a_total", "A.", {{"x", "2"}}) != &first);
  registry.gauge("a_total", "A.").set(77);
  CHECK(registry.text().find("77") == std::string::npos);
  for (size_t i = 0; i < 2 * metric_registry::series_max; ++i)
    registry.counter("b_total", "B.", {{"x", std::to_string(i)}}).add();
  auto text = registry.text();
  CHECK(std::count(text.begin(), text.end(), '\n') ==
        static_cast<std::ptrdiff_t>(metric_registry::series_max + 4));
}

TEST_CASE("threads lose no count") {
  metric_registry registry;
  auto& counter = registry.counter("a_total", "A.");
  auto& gauge = registry.gauge("b", "B.");
  auto& histogram = registry.histogram("c", "C.", metric_histogram::bytes);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        counter.add();
        gauge.add(i % 2 == 0 ? 1 : -1);
        histogram.observe(300);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(counter.value() == 40'000);
  CHECK(gauge.value() == 0);
  CHECK(histogram.count(1) == 40'000);
  CHECK(histogram.sum() == 12'000'000);
}

TEST_CASE("counters of a name are summed up, all or those with a label") {
  metric_registry registry;
  registry.counter("a_total", "A.", {{"route", "x"}, {"status", "2xx"}}).add(3);
  registry.counter("a_total", "A.", {{"route", "y"}, {"status", "5xx"}}).add(2);
  registry.counter("b_total", "B.", {{"status", "5xx"}}).add(7);
  CHECK(registry.total("a_total") == 5);
  CHECK(registry.total("a_total", R"(status="5xx")") == 2);
  CHECK(registry.total("c_total") == 0);
}
