#include "chat/token_count.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "vocabulary_folder.hpp"

using namespace parley;

TEST_CASE("a model's name tells its vocabulary") {
  auto cl100k = token_vocabulary::cl100k_base, o200k = token_vocabulary::o200k_base;
  for (auto name :
       {"o1", "o1-mini", "o3", "o3-mini", "o4-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-nano",
        "gpt-5.1", "gpt-4.5-preview", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-2024-08-06",
        "chatgpt-4o-latest", "gpt-oss-120b", "openai/gpt-4o", "ft:gpt-4o:acme::7p4lURel"}) {
    INFO(name);
    CHECK(vocabulary_of(name) == o200k);
  }
  for (auto name : {"gpt-4", "gpt-4-0613", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo-0125",
                    "gpt-35-turbo", "gpt-35-turbo-16k", "text-embedding-ada-002",
                    "text-embedding-3-small", "ft:gpt-3.5-turbo:acme::7p4lURel"}) {
    INFO(name);
    CHECK(vocabulary_of(name) == cl100k);
  }
  for (auto name : {"", "claude-sonnet-4-5", "gemini-2.5-pro", "llama-3.3-70b", "o11", "gpt",
                    "GPT-4", "gpt-40", "my-gpt-4o"}) {
    INFO(name);
    CHECK_FALSE(vocabulary_of(name));
  }
}

TEST_CASE("without tables a count is estimated from bytes and says so") {
  token_counter counter;
  CHECK_FALSE(counter.has(token_vocabulary::o200k_base));
  auto count = counter.count("gpt-4o", "twelve bytes");
  CHECK(count.tokens == 3);
  CHECK(count.vocabulary == token_vocabulary::bytes);
  CHECK(count.is_estimated);
  auto rule = token_rule_of("gpt-4o");
  auto meter = counter.meter(rule);
  for (auto part : {"twe", "", "lve b", "ytes"}) meter.append(part);
  CHECK(meter.count().tokens == 3);
  CHECK(counter.fits(rule, "twelve bytes", 3));
  CHECK_FALSE(counter.fits(rule, "twelve bytes", 2));
  std::string text = "aé中🙂 some more of it";
  for (uint64_t limit = 0; limit < 12; ++limit) {
    auto head = counter.cut(rule, text, limit);
    CHECK(counter.count(rule, head).tokens <= limit);
    CHECK((head.size() == text.size() || (text[head.size()] & 0xc0) != 0x80));
  }
  CHECK(counter.cut(rule, text, 100).size() == text.size());
  CHECK(counter.rule_of("gpt-4o").is_estimated);
  CHECK(counter.rule_of("gpt-4o").guard == 0.5);
  token_counter exact{vocabulary_folder};
  CHECK_FALSE(exact.rule_of("gpt-4o").is_estimated);
  CHECK(exact.rule_of("gpt-4o").guard == 0.0);
}

TEST_CASE("a folder without tables is a fault, not a failure") {
  token_counter counter{"/nonexistent"};
  REQUIRE(counter.faults().size() == 2);
  CHECK(sentence_of(counter.faults().front()).find("/nonexistent") != std::string::npos);
  CHECK(counter.count("gpt-4o", "abcd").tokens == 1);
}

TEST_CASE("the calibration finds factor and constant of an unseen tokenizer") {
  std::mt19937 random{7};
  std::uniform_int_distribution<uint64_t> content{50, 20'000};
  std::uniform_int_distribution<uint32_t> messages{1, 40};
  std::normal_distribution<double> noise{1.0, 0.02};
  token_calibration known;
  CHECK(guard_of(known) == 0.25);
  for (int i = 0; i < 200; ++i) {
    token_usage_sample sample{content(random), messages(random), 0};
    auto truth =
        (1.31 * static_cast<double>(sample.content_tokens) + 7.0 * sample.messages) * noise(random);
    sample.prompt_tokens = static_cast<uint64_t>(truth);
    known = learned(known, sample);
  }
  CHECK(known.samples == 200);
  CHECK(known.factor == Approx(1.31).margin(0.03));
  CHECK(known.per_message == Approx(7.0).margin(2.5));
  CHECK(guard_of(known) >= 0.02);
  CHECK(guard_of(known) < 0.10);
}

TEST_CASE("the guard covers nearly every answer once a few are known") {
  std::mt19937 random{11};
  std::uniform_int_distribution<uint64_t> content{50, 20'000};
  std::normal_distribution<double> noise{1.0, 0.08};
  token_calibration known;
  int over = 0;
  for (int i = 0; i < 500; ++i) {
    token_usage_sample sample{content(random), 5, 0};
    sample.prompt_tokens = static_cast<uint64_t>(
        (0.9 * static_cast<double>(sample.content_tokens) + 20) * noise(random));
    auto rule = token_rule_of("claude", known);
    auto planned = static_cast<double>(apply(rule, sample.content_tokens, 5)) * (1.0 + rule.guard);
    if (i >= 10 && static_cast<double>(sample.prompt_tokens) > planned) ++over;
    known = learned(known, sample);
  }
  CHECK(over < 490 * 5 / 100);
}

TEST_CASE("usage that cannot be text alone teaches nothing") {
  token_calibration known;
  for (auto sample : {token_usage_sample{0, 1, 100}, token_usage_sample{100, 0, 100},
                      token_usage_sample{100, 1, 100'000}, token_usage_sample{100'000, 1, 0}})
    CHECK(learned(known, sample).samples == 0);
}

TEST_CASE("the calibration stays within bounds whatever providers report") {
  std::mt19937 random{13};
  std::uniform_int_distribution<uint64_t> any{0, 5'000};
  token_calibration known;
  for (int i = 0; i < 5'000; ++i) {
    known = learned(known, {any(random), static_cast<uint32_t>(any(random) % 50), any(random)});
    REQUIRE(std::isfinite(known.factor));
    REQUIRE((known.factor >= 0.25 && known.factor <= 4.0));
    REQUIRE((known.per_message >= 0.0 && known.per_message <= 64.0));
    REQUIRE((guard_of(known) >= 0.02 && guard_of(known) <= 0.5));
    REQUIRE((known.covariance_00 >= 0 && known.covariance_11 >= 0));
  }
}

TEST_CASE("a conversation is counted by the provider's recipe") {
  token_counter counter{vocabulary_folder};
  REQUIRE(counter.faults().empty());
  auto rule = token_rule_of("gpt-4");
  std::vector<token_message> messages = {{"system", "You are a helpful assistant.", ""},
                                         {"user", "Hello, world!", "ann"}};
  // 3 + (3 + system 1 + 6) + (3 + user 1 + 4 + 1 + name 1)
  auto count = counter.count(rule, messages);
  CHECK(count.tokens == 23);
  CHECK(count.vocabulary == token_vocabulary::cl100k_base);
  CHECK_FALSE(count.is_estimated);
  CHECK(counter.count(rule, std::span<const token_message>{}).tokens == tokens_per_conversation);
}

TEST_CASE("a closed tokenizer is estimated from the o200k count") {
  token_counter counter{vocabulary_folder};
  token_calibration known;
  known.factor = 1.5;
  known.per_message = 6;
  auto rule = token_rule_of("claude-sonnet-4-5", known);
  auto content = counter.count_content(token_vocabulary::o200k_base, "Hello, world!");
  CHECK(content.tokens == 4);
  CHECK_FALSE(content.is_estimated);
  auto count = counter.count(rule, "Hello, world!");
  CHECK(count.tokens == 6);
  CHECK(count.is_estimated);
  CHECK(counter.count(rule, token_message{"user", "Hello, world!", ""}).tokens == 12);
  CHECK(counter.fits(rule, "Hello, world!", 6));
  CHECK_FALSE(counter.fits(rule, "Hello, world!", 5));
  CHECK(counter.count(rule, counter.cut(rule, "Hello, world!", 4)).tokens <= 4);
}

TEST_CASE("the meter of a reply agrees with the count of the whole, exact or estimated") {
  token_counter exact{vocabulary_folder}, none;
  std::string text = "Naïve café: 中文字符 and `code();` — 3.14159\n\n";
  for (auto counter : {&exact, &none}) {
    for (auto model : {"gpt-4o", "gpt-4", "claude-sonnet-4-5"}) {
      auto rule = token_rule_of(model);
      auto meter = counter->meter(rule);
      for (size_t at = 0; at < text.size(); at += 3) {
        meter.append(text.substr(at, 3));
        auto whole = counter->count(rule, text.substr(0, at + 3));
        CHECK(meter.count().tokens == whole.tokens);
        CHECK(meter.count().vocabulary == whole.vocabulary);
        CHECK(meter.count().is_estimated == whole.is_estimated);
      }
    }
  }
}
