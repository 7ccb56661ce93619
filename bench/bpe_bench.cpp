/// What exact counting costs. bench/bpe_bench.py runs it and sets it against npm's tokenizers.
///
///   bpe_bench pass VOCABULARY FILE   one pass over unseen text in a warm process, as JSON
///   bpe_bench limits      the fixed bounds: start, one message, one delta, plan, hostile texts
///   bpe_bench ids VOCABULARY         answers framed texts on stdin with their ids
///   bpe_bench cuts VOCABULARY        counts framed texts as they grow, at every byte
///   bpe_bench estimates              learns a vocabulary it does not have from framed messages
///
/// Single thread; times are of this thread's CPU, so that a busy machine does not blur them.
#include <ctime>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "bench/bpe/figures.hpp"
#include "chat/bpe.hpp"
#include "chat/bpe_growing.hpp"
#include "chat/context.hpp"
#include "chat/token_count.hpp"
#include "vocabulary_folder.hpp"

namespace parley {
namespace {

constexpr size_t document_bytes = size_t{16} * 1024;  // a long chat message
constexpr size_t warm_up_share = 4;                   // a quarter of the corpus

double seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double cpu_seconds() {
  return seconds(CLOCK_THREAD_CPUTIME_ID);
}

const token_counter& counter() {
  static const token_counter opened{vocabulary_folder};
  return opened;
}

const bpe* engine(std::string_view vocabulary) {
  auto found = counter().engine(vocabulary == "cl100k" ? token_vocabulary::cl100k_base
                                                       : token_vocabulary::o200k_base);
  if (!found) std::fprintf(stderr, "no tables: run `npm ci` in chat/vocabulary and build again\n");
  return found;
}

// Documents of whole lines, cut where compare.mjs cuts them.
std::vector<std::string_view> documents_of(std::string_view text) {
  std::vector<std::string_view> documents;
  while (!text.empty()) {
    auto line_end = text.find('\n', document_bytes);
    auto bytes = line_end == text.npos ? text.size() : line_end + 1;
    documents.push_back(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return documents;
}

int pass(const bpe& engine, const char* path) {
  std::ifstream file{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  auto documents = documents_of(text);
  auto warm = documents.size() / warm_up_share;
  uint64_t ignored = 0, tokens = 0;
  size_t bytes = 0;
  for (size_t i = 0; i < warm; ++i) ignored += engine.count(documents[i]);
  auto begin = cpu_seconds();
  for (size_t i = warm; i < documents.size(); ++i) {
    tokens += engine.count(documents[i]);
    bytes += documents[i].size();
  }
  auto first = cpu_seconds() - begin;
  begin = cpu_seconds();
  for (size_t i = warm; i < documents.size(); ++i) ignored += engine.count(documents[i]);
  auto again = cpu_seconds() - begin;
  std::printf(
      "{\"bytes\": %zu, \"tokens\": %llu, \"first_s\": %.6f, \"again_s\": %.6f, \"all\": %llu}\n",
      bytes, static_cast<unsigned long long>(tokens), first, again,
      static_cast<unsigned long long>(ignored));
  return 0;
}

size_t resident_bytes() {
  std::ifstream file{"/proc/self/statm"};
  size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4096;
}

std::string repeated(std::string_view unit, size_t bytes) {
  std::string text;
  while (text.size() < bytes) text += unit;
  return text;
}

std::string random_text(std::string_view letters, size_t bytes) {
  std::string text;
  uint64_t state = 7;
  while (text.size() < bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    text += letters[(state >> 33) % letters.size()];
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string result;
  for (auto c : text) {
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(c));
    result += c > ' ' && c < 127 ? std::string(1, c) : escape;
  }
  return result;
}

struct hostile_text {
  std::string name;
  std::string text;
};

std::vector<hostile_text> hostile_texts(size_t bytes) {
  std::vector<hostile_text> texts;
  for (auto unit : {"a",       "A",      "ab",
                    "aB",      "Aa",     " ",
                    "\n",      " \n",    "\t",
                    "-",       "=",      "*",
                    "()",      "/\n",    "0",
                    "'s",      "é",      "\u0301",
                    "a\u0301", "中",     "的",
                    "中A",     "あ",     "я",
                    "한",      "🙂",   "\U0001f468\u200d\U0001f469\u200d",
                    "\u200d",  "\u00a0", "\xff",
                    "\xe4\xb8"})
    texts.push_back({printable(unit), repeated(unit, bytes)});
  texts.push_back({"random ab", random_text("ab", bytes)});
  texts.push_back({"random a-z", random_text("abcdefghijklmnopqrstuvwxyz", bytes)});
  texts.push_back({"random aA", random_text("aA", bytes)});
  texts.push_back({"random punctuation", random_text("-=*#()[]{}<>/\\|_", bytes)});
  texts.push_back({"random space", random_text(" \t\n\r", bytes)});
  return texts;
}

double seconds_to_count(const bpe& engine, const std::string& text) {
  auto begin = cpu_seconds();
  auto tokens = engine.count(text);
  return tokens == 0 ? 1e9 : cpu_seconds() - begin;
}

struct growth {
  double few_s = 1e9;
  double many_s = 1e9;
};

// The best of several rounds, in turn: the caches are other processes' as well, and a long
// measurement is disturbed more often than a short one.
growth seconds_to_count(const bpe& engine, const std::string& few, const std::string& many) {
  constexpr int rounds = 15;
  growth best;
  for (int round = 0; round < rounds; ++round) {
    best.few_s = std::min(best.few_s, seconds_to_count(engine, few));
    best.many_s = std::min(best.many_s, seconds_to_count(engine, many));
  }
  return best;
}

bool print_hostile(const char* name, const bpe& engine) {
  constexpr size_t small = 100'000, large = 1'000'000;
  auto smaller = hostile_texts(small), larger = hostile_texts(large);
  double worst_s = 0, worst_growth = 0;
  std::string slowest, steepest;
  for (size_t i = 0; i < larger.size(); ++i) {
    auto [few, many] = seconds_to_count(engine, smaller[i].text, larger[i].text);
    if (many > worst_s) {
      worst_s = many;
      slowest = larger[i].name;
    }
    if (many / few > worst_growth) {
      worst_growth = many / few;
      steepest = larger[i].name;
    }
  }
  auto begins = std::string{name} + ", 1 MB of the slowest of " + std::to_string(larger.size());
  auto is_met = is_at_most(worst_s * 1e3, 250,
                           (begins + " hostile texts, \"" + slowest + "\"").c_str(), "ms");
  auto grows = std::string{name} + ", 1 MB of the steepest, \"" + steepest + "\"";
  return is_at_most(worst_growth, 12, grows.c_str(), "x 100 KB") && is_met;
}

// A chat-like text that repeats no sentence.
std::string sample_text(size_t bytes) {
  constexpr std::string_view words[] = {
      "the",    "server",  "keeps", "each", "message", "until", "it",       "was",     "stored",
      "please", "explain", "how",   "a",    "queue",   "can",   "overflow", "in",      "practice",
      "`code`", "returns", "null",  "when", "nothing", "waits", "because",  "readers", "drain"};
  std::string text;
  uint64_t state = 11;
  for (size_t word = 0; text.size() < bytes; ++word) {
    state = state * 6364136223846793005 + 1442695040888963407;
    text += words[(state >> 33) % std::size(words)];
    text += word % 11 == 10 ? ".\n" : word % 7 == 6 ? ", " : " ";
  }
  return text;
}

bool print_small(const bpe& engine, const char* name) {
  auto text = sample_text(600'000);
  auto messages = text.size() / 60;
  uint64_t tokens = engine.count(text);
  auto begin = cpu_seconds();
  for (size_t i = 0; i < messages; ++i) tokens += engine.count({text.data() + 60 * i, 60});
  auto message_s = (cpu_seconds() - begin) / static_cast<double>(messages);
  auto called = std::string{name};
  auto is_met = is_at_most(message_s * 1e9, 1000, (called + ", 60 bytes").c_str(), "ns");

  constexpr size_t reply_bytes = 100'000, delta_bytes = 4;
  bpe_growing growing{engine};
  begin = cpu_seconds();
  for (size_t at = 0; at < reply_bytes; at += delta_bytes) {
    growing.append({text.data() + at, delta_bytes});
    tokens += growing.count();
  }
  auto deltas = reply_bytes / delta_bytes;
  auto delta_s = (cpu_seconds() - begin) / static_cast<double>(deltas);
  called += ", 4 bytes more on a reply of up to 100 KB";
  return is_at_most(delta_s * 1e9, 500, called.c_str(), "ns") && is_met && tokens > 0;
}

// A session of 10,000 messages and 1 MB of text, at the window's edge: what SESSION does between a
// draft and the request, the path of measures included.
bool print_plan() {
  constexpr int messages = 10'000, rounds = 200;
  std::vector<context_item> items;
  uint64_t state = 5;
  for (int i = 0; i < messages; ++i) {
    state = state * 6364136223846793005 + 1442695040888963407;
    auto& item = items.emplace_back();
    item.role = i % 2 == 0 ? message_role::user : message_role::assistant;
    item.measure.o200k = static_cast<int32_t>(1 + (state >> 33) % 50);
  }
  items.back().role = message_role::user;
  context_budget budget;
  budget.window = 128'000;
  budget.reply_max = 4'096;
  budget.rule = token_rule_of("gpt-4o");
  int64_t tokens = 0;
  auto begin = cpu_seconds();
  for (int round = 0; round < rounds; ++round) {
    context_history path;
    path.reserve(items.size());
    for (const auto& item : items) path.add(item);
    if (auto plan = plan_context(path, budget)) tokens += plan->tokens;
  }
  auto plan_s = (cpu_seconds() - begin) / rounds;
  return is_at_most(plan_s * 1e3, 1, "the context plan of 10,000 messages", "ms") && tokens > 0;
}

// A long chat under `slide`: turns whose request does not begin with all of the one before, and the
// least share of the window by which the dropped part moves.
bool print_steps() {
  constexpr int turns = 1'000;
  bool is_met = true;
  for (auto [window, tokens_max] : {std::pair{8'192, 300}, {32'768, 1'000}, {128'000, 4'000}}) {
    std::mt19937 random{23};
    context_history path;
    context_budget budget;
    budget.window = window;
    budget.reply_max = window / 8;
    budget.rule = token_rule_of("gpt-4o");
    int moved = 0;
    double least_step = 1;
    for (int turn = 0; turn < turns; ++turn) {
      context_item one;
      one.measure.o200k = static_cast<int32_t>(10 + random() % static_cast<unsigned>(tokens_max));
      path.add(one);
      auto plan = plan_context(path, budget);
      if (!plan) return false;
      if (plan->begin != budget.begin_before) {
        ++moved;
        auto step = message_tokens_of(budget.rule, path.between(budget.begin_before, plan->begin));
        least_step = std::min(least_step, static_cast<double>(step) / window);
      }
      budget.begin_before = plan->begin;
      one.role = message_role::assistant;
      path.add(one);
    }
    auto what =
        "turns of a long chat in " + std::to_string(window) + " tokens with a new beginning";
    is_met &= is_at_most(100.0 * moved / turns, 20, what.c_str(), "%");
    is_met &= least_step >= 0.2;
    std::printf("  the dropped part moves by %.1f %% of the window or more (at least 20: %s)\n",
                least_step * 100, least_step >= 0.2 ? "met" : "MISSED");
  }
  return is_met;
}

int limits() {
  auto resident = resident_bytes();
  auto begin = seconds(CLOCK_MONOTONIC);
  auto& opened = counter();
  auto ready_s = seconds(CLOCK_MONOTONIC) - begin;
  auto cl100k = engine("cl100k"), o200k = engine("o200k");
  if (!cl100k || !o200k) return 1;
  auto resident_mb = static_cast<double>(resident_bytes() - resident) * 1e-6;
  auto is_met = opened.faults().empty();
  is_met &= is_at_most(ready_s * 1e3, 50, "both tables ready", "ms");
  is_met &= is_at_most(resident_mb, 30, "both tables resident", "MB");
  is_met &= print_small(*cl100k, "cl100k");
  is_met &= print_small(*o200k, "o200k");
  is_met &= print_plan();
  is_met &= print_steps();
  is_met &= print_hostile("cl100k", *cl100k);
  is_met &= print_hostile("o200k", *o200k);
  if (!is_met) std::printf("a limit is passed\n");
  return is_met ? 0 : 1;
}

// Frames are a 32-bit size and so many bytes, or so many 32-bit ids.
int ids(const bpe& engine) {
  uint32_t size = 0;
  std::string text;
  while (std::fread(&size, sizeof size, 1, stdin) == 1) {
    text.resize(size);
    if (size > 0 && std::fread(text.data(), size, 1, stdin) != 1) return 1;
    auto tokens = engine.encode(text);
    auto count = static_cast<uint32_t>(tokens.size());
    // A count that differs from the ids is answered as what no text has.
    if (engine.count(text) != count) count = UINT32_MAX;
    std::fwrite(&count, sizeof count, 1, stdout);
    if (count != UINT32_MAX) std::fwrite(tokens.data(), sizeof(uint32_t), count, stdout);
  }
  return 0;
}

// Framed texts, each counted as it grows by one byte at a time: against the count of the whole.
int cuts(const bpe& engine) {
  uint32_t size = 0;
  std::string text;
  uint64_t cuts = 0, different = 0;
  while (std::fread(&size, sizeof size, 1, stdin) == 1) {
    text.resize(size);
    if (size > 0 && std::fread(text.data(), size, 1, stdin) != 1) return 1;
    bpe_growing growing{engine};
    for (size_t end = 1; end <= size; ++end, ++cuts) {
      growing.append({text.data() + end - 1, 1});
      if (growing.count() != engine.count({text.data(), end})) ++different;
    }
  }
  std::printf("{\"cuts\": %llu, \"different\": %llu}\n", static_cast<unsigned long long>(cuts),
              static_cast<unsigned long long>(different));
  return different == 0 ? 0 : 1;
}

int run(std::span<char*> arguments) {
  std::string_view command = arguments.size() > 1 ? arguments[1] : "";
  if (command == "limits") return limits();
  if (command == "estimates") return print_estimates(counter());
  auto has_vocabulary = arguments.size() > 2;
  auto chosen = has_vocabulary ? engine(arguments[2]) : nullptr;
  if (chosen && command == "ids") return ids(*chosen);
  if (chosen && command == "cuts") return cuts(*chosen);
  if (chosen && command == "pass" && arguments.size() > 3) return pass(*chosen, arguments[3]);
  std::fprintf(stderr,
               "bpe_bench pass cl100k|o200k FILE | limits | ids cl100k|o200k | "
               "cuts cl100k|o200k | estimates\n");
  return 2;
}

}  // namespace
}  // namespace parley

int main(int count, char** arguments) {
  return parley::run({arguments, static_cast<size_t>(count)});
}
