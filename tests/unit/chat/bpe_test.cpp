#include "chat/bpe.hpp"

#include <catch2/catch.hpp>

#include "tests/support/bpe_samples.hpp"

using namespace parley;
using namespace parley::test;

namespace {

using ids = std::vector<uint32_t>;

// Every way of counting must agree with the ids.
void check_counts(const bpe& engine, const std::string& text, const ids& expected) {
  auto count = expected.size();
  CHECK(engine.encode(text) == expected);
  CHECK(engine.count(text) == count);
  CHECK(engine.count_up_to(text, count) == count);
  CHECK((count == 0 || engine.count_up_to(text, count - 1) == std::nullopt));
}

}  // namespace

TEST_CASE("bpe gives the official ids and counts of all vectors") {
  REQUIRE(bpe_vectors().size() == 2'500);
  for (auto& vector : bpe_vectors()) {
    INFO(vector.kind << ": " << vector.text);
    check_counts(cl100k_engine(), vector.text, vector.cl100k);
    check_counts(o200k_engine(), vector.text, vector.o200k);
  }
}

TEST_CASE("bpe counts a text of all vectors at once like its pieces' official ids") {
  // The cache of short pieces is warm and much overwritten here. A line end between two texts that
  // begin and end in letters keeps them apart, so their counts add up.
  std::string all;
  uint64_t cl100k = 0, o200k = 0;
  for (auto& vector : bpe_vectors()) {
    auto is_plain = [](char c) { return c >= 'a' && c <= 'z'; };
    if (vector.text.empty() || !is_plain(vector.text.front()) || !is_plain(vector.text.back()))
      continue;
    all += vector.text + "\n";
    cl100k += vector.cl100k.size() + 1;
    o200k += vector.o200k.size() + 1;
  }
  REQUIRE(all.size() > 5'000);
  CHECK(cl100k_engine().count(all) == cl100k);
  CHECK(o200k_engine().count(all) == o200k);
}

TEST_CASE("bpe reads invalid UTF-8 as U+FFFD and special tokens as text") {
  for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
    CHECK(engine->count("") == 0);
    CHECK(engine->encode("a\xff"
                         "b") == engine->encode("a\xef\xbf\xbd"
                                                "b"));
    CHECK(engine->count("\xe4\xb8") == engine->count("\xef\xbf\xbd"));
    CHECK(engine->count("\x80\x80") == engine->count("\xef\xbf\xbd\xef\xbf\xbd"));
    CHECK(engine->count("<|endoftext|>") > 1);
    CHECK(engine->count("\xef\xbb\xbf#") == engine->encode("\xef\xbb\xbf#").size());
  }
}

TEST_CASE("bpe splits at a code point within the limit, and as late as the tokens allow") {
  size_t cuts = 0;
  for (size_t i = 0; i < bpe_vectors().size(); i += 5) {
    auto& text = bpe_vectors()[i].text;
    for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
      auto ids = engine->encode(text);
      auto step = 1 + ids.size() / 16;
      for (uint64_t limit = 0; limit <= ids.size() + 1; limit += step) {
        INFO(text << " at " << limit);
        auto size = engine->split_at_tokens(text, limit);
        REQUIRE(size <= text.size());
        REQUIRE((size == text.size() || (text[size] & 0xc0) != 0x80));
        REQUIRE((size == text.size()) == (limit >= ids.size()));
        REQUIRE(engine->count(text.substr(0, size)) <= limit);
        // No token that ends a code point was given away: behind the cut stand at most the bytes
        // of the few tokens around the border.
        size_t within = 0;
        for (size_t t = 0; t < std::min<size_t>(limit, ids.size()); ++t)
          within += engine->tables().bytes_of(ids[t]);
        auto slack = 4 * size_t{engine->tables().token_bytes_max()};
        REQUIRE(size <= within);
        REQUIRE(size + slack >= within);
        ++cuts;
      }
    }
  }
  CHECK(cuts > 5'000);
}

TEST_CASE("bpe splits invalid UTF-8 at a byte of the original text") {
  std::string text = "one \xff\xfe two \xe4\xb8 three \xf0\x9f\x99 \xe4\xb8\xad\xe6\x96\x87 \x80";
  for (auto engine : {&cl100k_engine(), &o200k_engine()}) {
    auto all = engine->count(text);
    size_t last = 0;
    for (uint64_t limit = 0; limit <= all; ++limit) {
      auto size = engine->split_at_tokens(text, limit);
      CHECK(size >= last);
      CHECK(engine->count(text.substr(0, size)) <= limit);
      last = size;
    }
    CHECK(last == text.size());
  }
}
