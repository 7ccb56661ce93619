// The estimate against a tokenizer that Parley does not know, with a rule of its own for words, on
// English, Chinese and code. Vocabularies that are really others: bench/bpe/closed.mjs.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <random>

#include "chat/context.hpp"
#include "chat/token_count.hpp"
#include "vocabulary_folder.hpp"

using namespace parley;

namespace {

const token_counter& counter() {
  static const token_counter opened{vocabulary_folder};
  REQUIRE(opened.faults().empty());
  return opened;
}

std::string file_text(const char* path) {
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  REQUIRE(text.size() > 4000);
  return text;
}

std::string chinese_text(std::mt19937& random, int clauses) {
  static const std::vector<std::string> known{
      "今天的天气很好",          "我们一起去公园散步",   "他昨天买了一本关于历史的书",
      "服务器需要更多的内存",    "请把这段代码解释清楚", "这个问题的答案并不简单",
      "她在北京工作了五年",      "会议改到星期三下午",   "数据库的备份已经完成",
      "孩子们喜欢听故事",        "经济增长的速度放缓",   "如果明天下雨就不去爬山",
      "这家餐厅的菜又便宜又好吃"};
  std::string text;
  for (int i = 0; i < clauses; ++i) {
    text += known[random() % known.size()];
    text += i % 3 == 2 ? "。" : "，";
  }
  return text;
}

enum class kind { english, chinese, code };

/// A message of 40 to 4,000 bytes.
std::string text_of(kind wanted, std::mt19937& random) {
  static const auto english = file_text("docs/house.md"), code = file_text("http/reactor.cpp");
  auto bytes = 40 + random() % (random() % 4 == 0 ? 4000 : 600);
  if (wanted == kind::chinese) return chinese_text(random, static_cast<int>(bytes / 25) + 1);
  const auto& from = wanted == kind::english ? english : code;
  auto at = random() % (from.size() - bytes);
  return from.substr(at, bytes);
}

/// What the provider counts: cl100k, each twelfth letter of a long word one token more.
int64_t hidden_count(const std::string& text) {
  auto tokens = counter().count_content(token_vocabulary::cl100k_base, text).tokens;
  double more = 0;
  size_t letters = 0;
  for (unsigned char c : text + " ") {
    if (std::isalpha(c) != 0) {
      ++letters;
      continue;
    }
    if (letters > 6) more += static_cast<double>(letters - 6) / 6;
    letters = 0;
  }
  return static_cast<int64_t>(static_cast<double>(tokens) * 1.06 + more) + 5;
}

struct request {
  measure_sum sent;
  int64_t tokens = 0;
};

request conversation(kind wanted, std::mt19937& random) {
  request made;
  auto messages = 1 + random() % 12;
  made.tokens = 7;
  for (size_t i = 0; i < messages; ++i) {
    auto text = text_of(wanted, random);
    made.sent += sum_of(counter().measure(token_vocabulary::o200k_base, text));
    made.tokens += hidden_count(text);
  }
  return made;
}

int64_t estimate_of(const token_calibration& known, const measure_sum& sent) {
  return message_tokens_of(token_rule_of("closed", known), sent) + tokens_per_conversation;
}

}  // namespace

TEST_CASE("twenty answers teach a closed tokenizer", "[calibration]") {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    std::mt19937 random{seed};
    token_calibration known;
    auto kind_at = [](int i) { return static_cast<kind>(i % 3); };
    for (int i = 0; i < 20; ++i) {
      auto learnt = conversation(kind_at(i), random);
      known = learned(known, learnt.sent, learnt.tokens - tokens_per_conversation);
    }
    for (auto wanted : {kind::english, kind::chinese, kind::code}) {
      std::vector<double> errors;
      for (int i = 0; i < 200; ++i) {
        auto asked = conversation(wanted, random);
        errors.push_back(std::abs(static_cast<double>(estimate_of(known, asked.sent)) /
                                      static_cast<double>(asked.tokens) -
                                  1));
      }
      std::sort(errors.begin(), errors.end());
      INFO("seed " << seed << ", kind " << static_cast<int>(wanted));
      CHECK(errors[100] <= 0.03);
      CHECK(errors[190] <= 0.08);
    }
  }
}

TEST_CASE("at the window's edge no request is too long", "[calibration]") {
  constexpr int64_t window = 8192, reply_max = 1024;
  std::mt19937 random{5};
  for (auto wanted : {kind::english, kind::chinese, kind::code}) {
    token_calibration known;
    context_history path;
    std::vector<int64_t> true_tokens;
    size_t begin = 0;
    int refused = 0, turns = 0;
    double filled = 0;
    for (; turns < 1000; ++turns) {
      auto add = [&](message_role role) {
        auto text = text_of(wanted, random);
        context_item one{role, false, counter().measure(token_vocabulary::o200k_base, text)};
        path.add(one);
        true_tokens.push_back(hidden_count(text));
      };
      add(message_role::user);
      context_budget budget;
      budget.window = window;
      budget.reply_max = reply_max;
      budget.rule = token_rule_of("closed", known);
      budget.begin_before = begin;
      auto plan = plan_context(path, budget);
      REQUIRE(plan);
      int64_t truth = 7;
      for (size_t i = plan->begin; i < path.size(); ++i) truth += true_tokens[i];
      if (truth > window - reply_max) ++refused;
      filled += static_cast<double>(truth) / static_cast<double>(window - reply_max) / 1000;
      begin = plan->begin;
      known = learned(known, plan->sent, truth - tokens_per_conversation);
      add(message_role::assistant);
    }
    INFO("kind " << static_cast<int>(wanted));
    CHECK(refused == 0);
    // Nor is the window left empty out of fear.
    CHECK(filled > 0.7);
  }
}

TEST_CASE("a model not seen before stays within the guard", "[calibration]") {
  std::mt19937 random{7};
  for (auto wanted : {kind::english, kind::chinese, kind::code}) {
    for (int round = 0; round < 50; ++round) {
      token_calibration known;  // a change of the model's id begins anew
      for (int turn = 0; turn < 5; ++turn) {
        auto asked = conversation(wanted, random);
        auto rule = token_rule_of("closed", known);
        auto planned =
            static_cast<double>(estimate_of(known, asked.sent)) * (1 + guard_of(rule, asked.sent));
        INFO("kind " << static_cast<int>(wanted) << ", turn " << turn);
        CHECK(static_cast<double>(asked.tokens) <= planned);
        known = learned(known, asked.sent, asked.tokens - tokens_per_conversation);
      }
    }
  }
}

TEST_CASE("usage that cannot be text alone teaches nothing", "[calibration]") {
  measure_sum sent;
  sent.cl100k = sent.o200k = 100;
  sent.messages = 1;
  token_calibration known;
  CHECK(learned(known, sent, 120).samples == 1);
  CHECK(learned(known, sent, 100'000).samples == 0);
  CHECK(learned(known, sent, 0).samples == 0);
  auto none = sent;
  none.cl100k = none.o200k = 0;
  CHECK(learned(known, none, 120).samples == 0);
  auto with_image = sent;
  with_image.images = 1;
  CHECK(learned(known, with_image, 120).samples == 0);
  auto guessed = sent;
  guessed.guessed_o200k = 1;
  CHECK(learned(known, guessed, 120).samples == 0);
}

TEST_CASE("a short request teaches less than a long one of the same ratio", "[calibration]") {
  auto taught_by = [](int64_t tokens) {
    measure_sum sent;
    sent.cl100k = sent.o200k = tokens;
    sent.messages = tokens / 50;
    return learned({}, sent, tokens * 3 / 2).weights[0] - token_calibration{}.weights[0];
  };
  CHECK(taught_by(50) > 0);
  CHECK(taught_by(50) < 0.9 * taught_by(5'000));
}

TEST_CASE("six answers pass before a model is trusted", "[calibration]") {
  measure_sum sent;
  sent.cl100k = sent.o200k = 1000;
  sent.messages = 4;
  token_calibration known;
  for (int i = 0; i < 6; ++i) {
    CHECK(guard_of(token_rule_of("closed", known), sent) >= 0.35);
    known = learned(known, sent, estimate_of(known, sent));
  }
  CHECK(guard_of(token_rule_of("closed", known), sent) < 0.2);
}

TEST_CASE("a tokenizer that takes other scripts byte by byte is doubted until it told",
          "[calibration]") {
  measure_sum chinese;
  chinese.cl100k = chinese.o200k = 1000;
  chinese.wide = 1000;
  chinese.messages = 10;
  auto english = chinese;
  english.wide = 0;
  constexpr int64_t truth = 2'600;
  auto planned = [&](const token_calibration& known) {
    return static_cast<double>(estimate_of(known, chinese)) *
           (1 + guard_of(token_rule_of("closed", known), chinese));
  };
  token_calibration known;
  CHECK(planned(known) >= truth);
  CHECK(guard_of(token_rule_of("closed", known), english) == Approx(0.35).margin(0.05));
  SECTION("what it told of English says nothing of Chinese") {
    for (int i = 0; i < 10; ++i) known = learned(known, english, 1'150);
    CHECK(guard_of(token_rule_of("closed", known), english) < 0.2);
    CHECK(planned(known) >= truth);
  }
  SECTION("what it told of Chinese does") {
    for (int i = 0; i < 40; ++i) known = learned(known, chinese, truth);
    CHECK(planned(known) >= truth);
    CHECK(planned(known) < 1.4 * truth);
  }
}

TEST_CASE("the calibration stays within bounds whatever providers report", "[calibration]") {
  std::mt19937 random{13};
  std::uniform_int_distribution<int64_t> any{0, 5'000};
  token_calibration known;
  for (int i = 0; i < 5'000; ++i) {
    measure_sum sent;
    sent.o200k = any(random);
    sent.cl100k = any(random);
    sent.wide = any(random);
    sent.symbols = any(random);
    sent.messages = any(random) % 50;
    known = learned(known, sent, any(random));
    for (auto weight : known.weights) REQUIRE((std::isfinite(weight) && std::abs(weight) <= 64));
    for (auto entry : known.covariance) REQUIRE(std::isfinite(entry));
    auto guard = guard_of(token_rule_of("closed", known), sent);
    REQUIRE((guard >= 0.02 && guard <= 1.5));
  }
}
