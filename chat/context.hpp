/// Which messages of a conversation are sent to the model, and why. Pure: measures in, a plan out.
///
/// Sent are the system prompt, pinned messages, the summary, what was recalled, and the longest end
/// of the conversation that fits. What is dropped moves in steps of a quarter of the window, so
/// that nearly all turns of a long chat begin with the same bytes as the turn before: providers
/// price a prompt they have seen at a tenth, and one that slides with every message never is.
#pragma once

#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "chat/token_rule.hpp"
#include "schema/session.hpp"

namespace parley {

/// One message of the path from the first to the new one.
struct context_item {
  message_role role = message_role::user;
  bool is_pinned = false;
  content_measure measure;
};

/// The path with its prefix sums: any stretch of it is weighed in constant time, under any rule.
class context_history {
 public:
  context_history();
  void add(const context_item& item);
  void reserve(size_t messages);
  size_t size() const { return items_.size(); }

  bool is_pinned(size_t index) const { return items_[index].is_pinned; }
  bool is_empty(size_t index) const { return items_[index].is_empty; }
  /// A request may begin here: neither an answer nor a tool's result has lost its question.
  bool may_begin(size_t index) const;
  /// Where the group of the message begins: a tool's result stays with its call.
  size_t group_of(size_t index) const;
  measure_sum between(size_t begin, size_t end) const { return sums_[end] - sums_[begin]; }
  measure_sum pinned_between(size_t begin, size_t end) const;

 private:
  struct item {
    message_role role;
    bool is_pinned;
    bool is_empty;
  };
  std::vector<item> items_;
  std::vector<measure_sum> sums_;  ///< of all before an index
  std::vector<size_t> pinned_;     ///< indexes
  std::vector<measure_sum> pinned_sums_;
};

struct context_budget {
  int64_t window = 0;     ///< of the model
  int64_t reply_max = 0;  ///< kept free for the reply
  token_rule rule;
  context_strategy strategy = context_strategy::slide;
  // Each empty if there is none.
  measure_sum system;
  measure_sum summary;
  measure_sum recalled;
  /// So many messages at the beginning are covered by the summary.
  size_t summarised = 0;
  /// Where the end that the last request sent began; 0 for the first request.
  size_t begin_before = 0;
};

/// A stretch of the path with one fate and one reason.
struct context_run {
  size_t begin = 0;
  size_t end = 0;
  int64_t tokens = 0;
  context_fate fate = context_fate::sent;
  context_reason reason = context_reason::recent;
};

struct context_plan {
  size_t begin = 0;            ///< everything from here on is sent
  std::vector<size_t> pinned;  ///< sent as well, before it
  int64_t tokens = 0;          ///< what is sent, in all, with the guard
  int64_t limit = 0;           ///< what may be sent
  bool is_estimated = false;
  context_parts parts;
  measure_sum sent;               ///< what a calibration learns from
  std::vector<context_run> runs;  ///< the whole path
};

/// What to keep free for a reply whose length nobody has limited.
int64_t reply_budget(int64_t window);

/// The last message of the path is always sent. errc::invalid_input, reason `context_too_long`, if
/// it does not fit, or if anything would be dropped under the strategy `none`.
expected<context_plan> plan_context(const context_history& path, const context_budget& budget);

}  // namespace parley
