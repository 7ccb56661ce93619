#include "chat/bpe_merger.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "tests/support/bpe_samples.hpp"

using namespace parley;
using namespace parley::test;

namespace {

std::string repeated(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

std::string random_letters(std::string_view letters, size_t bytes) {
  std::mt19937 random{3};
  std::uniform_int_distribution<size_t> any{0, letters.size() - 1};
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text += letters[any(random)];
  return text;
}

uint64_t steps(const bpe& engine, const std::string& piece) {
  return bpe_merger{engine.tables(), *engine.cache(), piece}.steps();
}

}  // namespace

TEST_CASE("merging a piece takes steps in proportion to its bytes, whatever it holds") {
  constexpr size_t bytes = 20'000;
  std::vector<std::string> pieces;
  for (auto unit :
       {"a", "b", "ab", "aab",  "aB", " ",    "\n",     "\t ", "-",  "=",  "()",
        "0", "é", "中", "中文", "的", "🙂", "\u0301", "ffi", "zx", "qQ", "\xf0\x9f\x8f\xbb"})
    pieces.push_back(repeated(unit, bytes));
  for (auto letters : {"ab", "aA", "abc", "aeiou", "etaoinshrdlu", "qxzj"})
    pieces.push_back(random_letters(letters, bytes));
  for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
    for (auto& piece : pieces) {
      INFO(piece.substr(0, 12));
      auto all = steps(*engine, piece), half = steps(*engine, piece.substr(0, piece.size() / 2));
      CHECK(all <= 64 * piece.size());
      CHECK(all <= 3 * half + 1'000);
    }
  }
}

TEST_CASE("merging counts the same however few tokens it keeps") {
  for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
    for (auto unit : {"a", "ab", "Aa", " \n", "-", "=-", "()", "中A", "é", "zx"}) {
      auto piece = repeated(unit, 3'000);
      auto memory = engine->cache();
      bpe_merger all{engine->tables(), *memory, piece};
      REQUIRE(all.tokens().size() == all.count());
      for (size_t kept : {2, 3, 8, 64, 1'000}) {
        bpe_merger few{engine->tables(), *memory, piece, kept};
        INFO(unit << ", " << kept << " kept");
        CHECK(few.count() == all.count());
        CHECK(few.tokens().back() == all.tokens().back());
      }
    }
  }
}

TEST_CASE("every token but the single bytes has a shorter one as its prefix") {
  auto& tables = o200k_engine().tables();
  CHECK(tables.tokens() == 199'998);
  CHECK(cl100k_engine().tables().tokens() == 100'256);
  for (uint32_t token = 0; token < tables.tokens(); ++token) {
    auto prefix = tables.prefix_of(token);
    auto bytes = tables.bytes_of(token);
    if (bytes == 1) {
      REQUIRE(prefix == token);
    } else {
      REQUIRE(tables.bytes_of(prefix) < bytes);
    }
  }
}
