// A vocabulary that is not known: messages come with what their provider counts.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>

#include "bench/bpe/figures.hpp"
#include "chat/context.hpp"

namespace parley {

namespace {

struct closed_message {
  content_measure measure;
  int64_t tokens = 0;  ///< as its provider counts it
};

constexpr std::array<const char*, 3> kinds{"English", "Chinese", "code"};
using closed_messages = std::array<std::vector<closed_message>, kinds.size()>;
constexpr int64_t closed_priming = 7, closed_framing = 5;

// Frames are three 32-bit numbers, kind, tokens and size, and so many bytes.
closed_messages read_closed_messages(const token_counter& counter) {
  closed_messages messages;
  std::array<uint32_t, 3> head{};
  std::string text;
  while (std::fread(head.data(), sizeof head, 1, stdin) == 1 && head[0] < kinds.size()) {
    text.resize(head[2]);
    if (std::fread(text.data(), text.size(), 1, stdin) != 1) return {};
    auto measure = counter.measure(token_vocabulary::o200k_base, std::string_view{text});
    messages[head[0]].push_back({measure, head[1] + closed_framing});
  }
  return messages;
}

struct closed_request {
  measure_sum sent;
  int64_t tokens = closed_priming;

  explicit closed_request(const std::vector<closed_message>& from, std::mt19937& random) {
    for (auto left = 1 + random() % 12; left > 0; --left) {
      const auto& one = from[random() % from.size()];
      sent += sum_of(one.measure);
      tokens += one.tokens;
    }
  }
};

token_calibration taught(token_calibration known, const closed_request& answered) {
  return learned(known, answered.sent, answered.tokens - tokens_per_conversation);
}

double estimated(const token_calibration& known, const measure_sum& sent) {
  auto tokens = message_tokens_of(token_rule_of("closed", known), sent) + tokens_per_conversation;
  return static_cast<double>(tokens);
}

// What is known after twenty answers, of all kinds or of the one alone, is held against 1,000
// requests.
bool print_errors(const closed_messages& messages, size_t kind, bool is_mixed) {
  std::mt19937 random{1};
  std::vector<double> errors;
  for (int round = 0; round < 5; ++round) {
    token_calibration known;
    for (size_t i = 0; i < 20; ++i)
      known = taught(known, closed_request{messages[is_mixed ? i % kinds.size() : kind], random});
    for (int i = 0; i < 200; ++i) {
      closed_request asked{messages[kind], random};
      auto share = estimated(known, asked.sent) / static_cast<double>(asked.tokens);
      errors.push_back(std::abs(share - 1) * 100);
    }
  }
  std::sort(errors.begin(), errors.end());
  auto what = std::string{kinds[kind]} + " after 20 answers" + (is_mixed ? " of all kinds" : "");
  auto is_met = is_at_most(errors[500], 3, (what + ", median error").c_str(), "%");
  return is_at_most(errors[950], 8, (what + ", error at p95").c_str(), "%") && is_met;
}

bool print_edge(const std::vector<closed_message>& messages, const char* kind) {
  constexpr int64_t window = 8192, reply_max = 1024;
  token_calibration known;
  context_history path;
  std::vector<int64_t> tokens{0};  // of all before an index
  size_t begin = 0;
  int refused = 0;
  double filled = 0;
  for (size_t turn = 0; turn < 1000; ++turn) {
    auto add = [&](message_role role, size_t index) {
      const auto& one = messages[index % messages.size()];
      path.add({role, false, one.measure});
      tokens.push_back(tokens.back() + one.tokens);
    };
    add(message_role::user, 2 * turn);
    context_budget budget;
    budget.window = window;
    budget.reply_max = reply_max;
    budget.rule = token_rule_of("closed", known);
    budget.begin_before = begin;
    auto plan = plan_context(path, budget);
    if (!plan) return false;
    auto truth = closed_priming + tokens.back() - tokens[plan->begin];
    if (truth > window - reply_max) ++refused;
    filled += static_cast<double>(truth) / static_cast<double>(window - reply_max) / 10;
    begin = plan->begin;
    known = learned(known, plan->sent, truth - tokens_per_conversation);
    add(message_role::assistant, 2 * turn + 1);
  }
  auto what = std::string{kind} + ", 1,000 turns at the edge, " +
              std::to_string(static_cast<int>(filled)) + " % filled, too long";
  return is_at_most(refused, 0, what.c_str(), "turns");
}

// A new model id begins anew: 200 times the first five turns.
bool print_beginning(const std::vector<closed_message>& messages, const char* kind) {
  std::mt19937 random{7};
  int passed = 0;
  for (int round = 0; round < 200; ++round) {
    token_calibration known;
    for (int turn = 0; turn < 5; ++turn) {
      closed_request asked{messages, random};
      auto guard = guard_of(token_rule_of("closed", known), asked.sent);
      auto planned = estimated(known, asked.sent) * (1 + guard);
      if (static_cast<double>(asked.tokens) > planned) ++passed;
      known = taught(known, asked);
    }
  }
  auto what = std::string{kind} + ", first 5 turns of 200 new models, beyond the guard";
  return is_at_most(passed, 0, what.c_str(), "turns");
}

}  // namespace

bool is_at_most(double figure, double target, const char* what, const char* unit) {
  auto is_met = figure <= target;
  std::printf("%s: %.3g %s (at most %g: %s)\n", what, figure, unit, target,
              is_met ? "met" : "MISSED");
  return is_met;
}

int print_estimates(const token_counter& counter) {
  auto messages = read_closed_messages(counter);
  bool is_met = true;
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    if (messages[kind].empty()) return 1;
    is_met &= print_errors(messages, kind, true);
    is_met &= print_errors(messages, kind, false);
    is_met &= print_edge(messages[kind], kinds[kind]);
    is_met &= print_beginning(messages[kind], kinds[kind]);
  }
  return is_met ? 0 : 1;
}

}  // namespace parley
