#include "chat/bpe_growing.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/bpe_samples.hpp"

using namespace parley;
using namespace parley::test;

namespace {

// Appends byte by byte and compares at each cut, also within code points.
void check_every_cut(const bpe& engine, std::string_view text) {
  bpe_growing growing{engine};
  for (size_t size = 1; size <= text.size(); ++size) {
    growing.append(text.substr(size - 1, 1));
    auto expected = engine.count(text.substr(0, size));
    if (growing.count() != expected) {
      INFO(text << " at byte " << size);
      REQUIRE(growing.count() == expected);
    }
  }
  CHECK(growing.count() == engine.count(text));
}

}  // namespace

TEST_CASE("a growing text is counted exactly at every cut") {
  for (size_t i = 0; i < bpe_vectors().size(); i += 4) {
    auto text = std::string_view{bpe_vectors()[i].text}.substr(0, 400);
    INFO(bpe_vectors()[i].kind);
    check_every_cut(cl100k_engine(), text);
    check_every_cut(o200k_engine(), text);
  }
}

TEST_CASE("a growing text is counted exactly where one text runs into another") {
  std::mt19937 random{5};
  std::uniform_int_distribution<size_t> any{0, bpe_vectors().size() - 1};
  std::uniform_int_distribution<size_t> size{0, 40};
  for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
    bpe_growing growing{*engine};
    std::string all;
    for (int i = 0; i < 400; ++i) {
      auto part = bpe_vectors()[any(random)].text.substr(0, size(random));
      all += part;
      growing.append(part);
      if (i % 3 != 0) continue;
      REQUIRE(growing.count() == engine->count(all));
    }
    CHECK(growing.count() == engine->count(all));
  }
}

TEST_CASE("a growing text of invalid bytes is counted like the whole") {
  std::mt19937 random{6};
  std::uniform_int_distribution<int> byte{0, 255};
  for (int round = 0; round < 50; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += static_cast<char>(byte(random));
    check_every_cut(o200k_engine(), text);
    check_every_cut(cl100k_engine(), text);
  }
}

TEST_CASE("a growing text of one endless piece settles by itself and stays exact") {
  for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
    for (std::string_view unit : {"a", " ", "\n", "-", "\xe4\xb8\xad", "aB"}) {
      bpe_growing growing{*engine};
      std::string all;
      for (int i = 0; i < 6'000; ++i) {
        growing.append(unit);
        all += unit;
        if (i % 1'000 == 777) REQUIRE(growing.count() == engine->count(all));
      }
      CHECK(growing.count() == engine->count(all));
    }
  }
}
