/// The log's lines of requests and replies, counted by quarters of an hour. Pure.
///
/// Requests (`http.request`) are counted by route, status, reason and user; what models said
/// (`reply.ended`, `call.ended`) by model and channel. Times go into steps of a fifth, so that a
/// percentile is right within a tenth. As text a tally has a line for each key, its counts behind a
/// tab, which no line of the log holds raw.
#pragma once

#include <array>
#include <map>
#include <string>
#include <unordered_map>

#include "schema/logs.hpp"

namespace parley {

constexpr int64_t log_slot_ms = 15 * 60 * 1000;
constexpr size_t log_groups = names_of(log_group{}).size();
/// Of one group in one slot; what more there are is counted as `others`.
constexpr size_t log_keys_max = 1'000;
constexpr std::string_view other_log_keys = "(others)";
constexpr size_t slowest_max = 20;

/// Requests or replies of one kind.
class log_count {
 public:
  /// Without a time: a stream that lasts as long as its client likes.
  void add(bool is_error, std::optional<double> took_ms);
  void add(const log_count& other);
  log_figures figures() const;
  int64_t count() const { return count_; }

  /// "12 1 40:3 41:9".
  void write(std::string& out) const;
  static std::optional<log_count> parse(std::string_view text);

 private:
  double percentile(double share, int64_t timed) const;

  int64_t count_ = 0;
  int64_t errors_ = 0;
  std::vector<uint32_t> steps_;  ///< by step, as many as are needed
};

struct text_hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct log_group_counts {
  log_count all;
  std::unordered_map<std::string, log_count, text_hash, std::equal_to<>> keys;

  void add(std::string_view key, bool is_error, std::optional<double> took_ms);
  void add(std::string_view key, const log_count& counts, size_t keys_max = log_keys_max);
  log_count& place(std::string_view key, size_t keys_max);
};

/// The slowest requests, as lines, by what they took.
using slow_lines = std::multimap<double, std::string>;
void keep_slowest(slow_lines& all, double took_ms, std::string_view line);

struct log_slot {
  std::array<log_group_counts, log_groups> groups;
  slow_lines slowest;
};

class log_tally {
 public:
  void add(std::string_view line);
  const std::map<int64_t, log_slot>& slots() const { return slots_; }
  void clear() { slots_.clear(); }

 private:
  log_slot* slot_of(std::string_view at);

  std::map<int64_t, log_slot> slots_;
  std::string minute_;  ///< the text of the one that `present_` is of
  log_slot* present_ = nullptr;
};

/// All slots, the earliest first.
std::string text_of(const log_tally& tally);

/// Both spans of a question, put together from tallies and their texts.
class log_spans {
 public:
  explicit log_spans(const log_query& query);
  void add(const log_tally& tally);
  /// Of text_of; false if it is none.
  bool add(std::string_view text);
  log_summary finish() const;

 private:
  struct span {
    log_group_counts counts;
    slow_lines slowest;
  };
  span* span_of(int64_t slot);

  log_query query_;  ///< in whole slots
  span now_;
  span before_;
};

}  // namespace parley
