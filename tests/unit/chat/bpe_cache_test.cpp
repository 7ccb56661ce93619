#include "chat/bpe_cache.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/bpe_samples.hpp"

using namespace parley;

TEST_CASE("caches are freed while threads count, and nobody can tell") {
  const auto& engine = test::o200k_engine();
  const std::string text = "Grüße aus 北京: it counts, it counts, and it counts the same again.";
  auto expected = engine.count(text);
  std::atomic<bool> is_done = false;
  std::atomic<uint64_t> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      while (!is_done) wrong += engine.count(text) == expected ? 0 : 1;
    });
  for (int i = 0; i < 500; ++i) release_bpe_caches();
  is_done = true;
  for (auto& each : threads) each.join();
  CHECK(wrong == 0);
}

TEST_CASE("a use within another is of the same cache") {
  const auto& engine = test::cl100k_engine();
  auto outer = engine.cache();
  {
    auto inner = engine.cache();
    CHECK(&*outer == &*inner);
    release_bpe_caches();  // not this one: it is in use
    CHECK(engine.count("held") == 1);
    CHECK(&*outer == &*engine.cache());
  }
}
