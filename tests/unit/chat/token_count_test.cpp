#include "chat/token_count.hpp"

#include <catch2/catch.hpp>

#include "chat/tool_tokens.hpp"
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

TEST_CASE("without tables a count is guessed from bytes and says so") {
  token_counter counter;
  CHECK_FALSE(counter.has(token_vocabulary::o200k_base));
  auto count = counter.count_content(token_vocabulary::o200k_base, "twelve bytes");
  CHECK(count.tokens == 3);
  CHECK(count.vocabulary == token_vocabulary::bytes);
  CHECK(count.is_estimated);
  auto meter = counter.meter(token_vocabulary::o200k_base);
  for (auto part : {"twe", "", "lve b", "ytes"}) meter.append(part);
  CHECK(meter.count().tokens == 3);
  auto measure = counter.measure(token_vocabulary::o200k_base, "twelve bytes");
  CHECK(measure.guessed == 3);
  CHECK(measure.o200k == -1);
  // Rather too high, and a guard beside.
  auto sum = sum_of(measure);
  CHECK(sum.o200k == 5);
  CHECK(is_estimated(token_rule_of("gpt-4o"), sum));
  CHECK(guard_of(token_rule_of("gpt-4o"), sum) == 0.25);
}

TEST_CASE("a folder without tables is a fault, not a failure") {
  token_counter counter{"/nonexistent"};
  REQUIRE(counter.faults().size() == 2);
  CHECK(sentence_of(counter.faults().front()).find("/nonexistent") != std::string::npos);
  CHECK(counter.count_content(token_vocabulary::o200k_base, "abcd").tokens == 1);
}

TEST_CASE("a conversation is counted by OpenAI's recipe") {
  token_counter counter{vocabulary_folder};
  REQUIRE(counter.faults().empty());
  // The example of the cookbook, "How to count tokens with tiktoken", whose counts the API
  // confirms.
  struct line {
    const char* name;
    const char* content;
  };
  constexpr line lines[] = {
      {"",
       "You are a helpful, pattern-following assistant that translates corporate jargon into plain "
       "English."},
      {"example_user", "New synergies will help drive top-line growth."},
      {"example_assistant", "Things working well together will increase revenue."},
      {"example_user",
       "Let's circle back when we have more bandwidth to touch base on opportunities for increased "
       "leverage."},
      {"example_assistant", "Let's talk later when we're less busy about how to do better."},
      {"",
       "This late pivot means we don't have time to boil the ocean for the client deliverable."}};
  for (auto [model, wanted] :
       {std::pair{"gpt-4", 129}, {"gpt-3.5-turbo", 129}, {"gpt-4o", 124}, {"gpt-4o-mini", 124}}) {
    auto rule = token_rule_of(model);
    auto tokens = tokens_per_conversation;
    measure_sum all;
    for (const auto& each : lines) {
      all += sum_of(counter.measure(rule.vocabulary, each.content));
      tokens += name_tokens(counter, rule, each.name);
    }
    INFO(model);
    CHECK(tokens + message_tokens_of(rule, all) == wanted);
    CHECK_FALSE(is_estimated(rule, all));
  }
}

TEST_CASE("tools are counted by OpenAI's recipe") {
  token_counter counter{vocabulary_folder};
  // The cookbook's second example: 105 with gpt-4, 101 with gpt-4o.
  json_reader reader;
  auto tools = reader.parse(R"([{"type":"function","function":{"name":"get_current_weather",
      "description":"Get the current weather in a given location","parameters":{"type":"object",
      "properties":{"location":{"type":"string",
      "description":"The city and state, e.g. San Francisco, CA"},
      "unit":{"type":"string","description":"The unit of temperature to return",
      "enum":["celsius","fahrenheit"]}},"required":["location"]}}}])");
  REQUIRE(tools);
  for (auto [model, wanted] : {std::pair{"gpt-4", 105}, {"gpt-4o", 101}, {"gpt-4o-mini", 101}}) {
    auto rule = token_rule_of(model);
    measure_sum all;
    for (auto text : {"You are a helpful assistant that can answer to questions about the weather.",
                      "What's the weather like in San Francisco?"})
      all += sum_of(counter.measure(rule.vocabulary, std::string_view{text}));
    INFO(model);
    CHECK(tokens_per_conversation + message_tokens_of(rule, all) +
              tool_tokens(counter, rule.vocabulary, *tools) ==
          wanted);
  }
  CHECK(tool_tokens(counter, token_vocabulary::o200k_base, *reader.parse("[]")) == 0);
  // Whatever a client sends for a tool is counted, not trusted.
  CHECK(tool_tokens(counter, token_vocabulary::o200k_base,
                    *reader.parse(R"([1,{},{"function":{"parameters":[]}}])")) > 0);
}

TEST_CASE("what of a message is sent is measured") {
  token_counter counter{vocabulary_folder};
  auto make = [](part_type type, const char* text) {
    part one;
    one.type = type;
    one.text = text;
    return one;
  };
  std::vector<part> parts{make(part_type::reasoning, "Let me think about that."),
                          make(part_type::text, "Grü"), make(part_type::text, "ße, 世界!")};
  auto measure = counter.measure(token_vocabulary::o200k_base, parts);
  CHECK(measure == counter.measure(token_vocabulary::o200k_base, "Grüße, 世界!"));
  CHECK(measure.cl100k == counter.measure(token_vocabulary::cl100k_base, parts).cl100k);
  CHECK(measure.cl100k > measure.o200k);
  CHECK(measure.wide == 4);
  CHECK(measure.symbols == 2);
  CHECK_FALSE(is_empty(measure));
  CHECK(is_empty(counter.measure(token_vocabulary::o200k_base, "")));
  part image;
  image.type = part_type::image;
  image.url = "data:image/png;base64,AAAA";
  parts.push_back(image);
  CHECK(counter.measure(token_vocabulary::o200k_base, parts).images == 1);
}

TEST_CASE("a count in another vocabulary is replaced by a careful guess") {
  token_counter counter{vocabulary_folder};
  for (auto text : {"The quick brown fox jumps over the lazy dog.", "今天的天气很好，我们去公园。",
                    "Съешь же ещё этих мягких французских булок", "for (int i = 0; i < 9; ++i)"}) {
    auto measure = counter.measure(token_vocabulary::o200k_base, std::string_view{text});
    auto without_cl100k = measure, without_o200k = measure;
    without_cl100k.cl100k = without_o200k.o200k = -1;
    auto by_o200k = sum_of(without_cl100k), by_cl100k = sum_of(without_o200k);
    INFO(text);
    CHECK_FALSE(is_estimated(token_rule_of("gpt-4"), sum_of(measure)));
    CHECK(by_o200k.cl100k >= by_cl100k.cl100k);
    CHECK(by_cl100k.o200k >= by_o200k.o200k);
    CHECK(is_estimated(token_rule_of("gpt-4"), by_o200k));
    CHECK_FALSE(is_estimated(token_rule_of("gpt-4o"), by_o200k));
  }
}

TEST_CASE("the meter of a reply agrees with the measure of the whole") {
  token_counter exact{vocabulary_folder}, none;
  std::string text = "Naïve café: 中文字符 and `code();` — 3.14159\n\n";
  for (auto counter : {&exact, &none}) {
    for (auto vocabulary : {token_vocabulary::cl100k_base, token_vocabulary::o200k_base}) {
      auto meter = counter->meter(vocabulary);
      for (size_t at = 0; at < text.size(); at += 3) {
        meter.append(text.substr(at, 3));
        auto head = std::string_view{text}.substr(0, at + 3);
        CHECK(meter.measure() == counter->measure(vocabulary, head));
        CHECK(meter.count().tokens == counter->count_content(vocabulary, head).tokens);
      }
    }
  }
}

TEST_CASE("kinds of bytes are told apart in texts of any length") {
  token_counter without;
  for (size_t copies : {1, 100, 20'000}) {
    std::string text;
    for (size_t i = 0; i < copies; ++i) text += "aZ1 -\n世";
    auto measure = without.measure(token_vocabulary::bytes, text);
    auto expected = static_cast<int32_t>(copies);
    CHECK(measure.wide == expected);
    CHECK(measure.symbols == 2 * expected);
    CHECK(measure.guessed == (6 * expected + 3) / 4 + expected);
  }
}
