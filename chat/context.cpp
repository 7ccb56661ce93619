#include "chat/context.hpp"

#include <algorithm>
#include <cmath>

namespace parley {

namespace {

// At least a fifth of the window is asked for; a quarter makes room for turns of any length.
constexpr double step_share = 0.25;
// An end that fills less than this was cut for a smaller window: it is cut anew.
constexpr double filled_share = 0.4;

error too_long(int64_t tokens, int64_t limit, const char* what) {
  return make_error(errc::invalid_input, "context_too_long",
                    std::string{what} + " needs " + std::to_string(tokens) + " tokens, but only " +
                        std::to_string(limit) + " are left by the model's context window.");
}

class planner {
 public:
  planner(const context_history& path, const context_budget& budget)
      : path_(path), budget_(budget), end_(path.size()) {
    // A reply budget above half of the window would leave too little to talk about.
    limit_ = budget.window - std::min(budget.reply_max, budget.window / 2);
    fixed_ = budget.system + budget.summary + budget.recalled;
    last_ = end_ == 0 ? 0 : path.group_of(end_ - 1);
    // Under one guard for all: that of the whole, or of the end alone if less is known of that.
    guard_ = std::max(guard_of(budget.rule, fixed_ + path.between(0, end_)),
                      guard_of(budget.rule, fixed_ + path.between(last_, end_)));
  }

  expected<context_plan> run() {
    if (cost(last_, end_) > limit_)
      return too_long(guarded(path_.between(last_, end_), 0),
                      std::max<int64_t>(0, limit_ - guarded(fixed_, tokens_per_conversation)),
                      "This message");
    fit_pinned();
    auto oldest = std::min(budget_.summarised, last_);
    if (budget_.strategy == context_strategy::none && cost(oldest, pinned_begin_) > limit_)
      return too_long(guarded(fixed_ + path_.between(oldest, end_), tokens_per_conversation),
                      limit_, "This conversation");
    choose_begin(oldest);
    return describe();
  }

 private:
  int64_t guarded(const measure_sum& sum, int64_t more) const {
    auto tokens = static_cast<double>(message_tokens_of(budget_.rule, sum) + more);
    return static_cast<int64_t>(std::ceil(tokens * (1 + guard_)));
  }

  /// Of a request whose end begins at `begin`, with the pinned messages from `pinned_from` on.
  measure_sum sum(size_t begin, size_t pinned_from) const {
    auto whole = fixed_ + path_.between(begin, end_);
    // NOLINTNEXTLINE(readability-suspicious-call-argument): up to where the end begins
    if (pinned_from < begin) whole += path_.pinned_between(pinned_from, begin);
    return whole;
  }
  int64_t cost(size_t begin, size_t pinned_from) const {
    return guarded(sum(begin, pinned_from), tokens_per_conversation);
  }

  /// The first index for which `is_enough` holds, which then holds for all above it.
  template <class Predicate>
  static size_t first_where(size_t low, size_t high, Predicate is_enough) {
    while (low < high) {
      auto middle = low + (high - low) / 2;
      if (is_enough(middle))
        high = middle;
      else
        low = middle + 1;
    }
    return low;
  }

  // Pinned messages never make a turn impossible: the oldest ones give way.
  void fit_pinned() {
    pinned_begin_ = first_where(0, last_, [&](size_t from) { return cost(last_, from) <= limit_; });
  }

  // The cost falls as the end begins later; of the places where one may begin, the first.
  size_t first_fitting(size_t from, int64_t limit) const {
    auto begin =
        first_where(from, last_, [&](size_t index) { return cost(index, pinned_begin_) <= limit; });
    while (begin < last_ && !path_.may_begin(begin)) ++begin;
    return begin;
  }

  void choose_begin(size_t oldest) {
    auto step = static_cast<int64_t>(std::ceil(step_share * static_cast<double>(budget_.window)));
    auto whole = cost(oldest, pinned_begin_);
    auto before = budget_.begin_before;
    if (before <= oldest || before > last_ || whole <= limit_ - step ||
        (before < last_ && !path_.may_begin(before)))
      before = oldest;
    auto present = cost(before, pinned_begin_);
    auto filled = static_cast<int64_t>(filled_share * static_cast<double>(limit_));
    if (before > oldest && present < filled) {
      before = oldest;
      present = whole;
    }
    begin_ = before;
    fitting_ = first_fitting(oldest, limit_);
    if (present <= limit_) return;
    begin_ = first_fitting(before, std::max<int64_t>(limit_ - step, 0));
  }

  context_run fate_of(size_t index) const {
    context_run one{index, index + 1, 0, context_fate::sent, context_reason::recent};
    auto drop = [&](context_reason why) {
      one.fate = context_fate::dropped;
      one.reason = why;
    };
    if (index + 1 == end_) {
      one.reason = context_reason::newest;
    } else if (path_.is_empty(index)) {
      drop(context_reason::empty);
    } else if (index >= begin_) {
      one.reason = context_reason::recent;
    } else if (path_.is_pinned(index)) {
      one.reason = context_reason::pinned;
      if (index < pinned_begin_) drop(context_reason::pinned_full);
    } else if (index < budget_.summarised) {
      one.fate = context_fate::summarised;
      one.reason = context_reason::summary;
    } else {
      drop(index < fitting_ ? context_reason::window : context_reason::ahead);
    }
    return one;
  }

  // As differences of one growing sum, so that rounding leaves their sum right.
  void split(context_parts& parts) const {
    measure_sum whole;
    int64_t before = 0;
    auto add = [&](int64_t& part, const measure_sum& more) {
      whole += more;
      auto tokens = message_tokens_of(budget_.rule, whole);
      part = tokens - before;
      before = tokens;
    };
    add(parts.system, budget_.system);
    add(parts.summary, budget_.summary);
    add(parts.recalled, budget_.recalled);
    if (pinned_begin_ < begin_) add(parts.pinned, path_.pinned_between(pinned_begin_, begin_));
    add(parts.history, path_.between(begin_, last_));
    add(parts.message, path_.between(last_, end_));
    parts.framing = tokens_per_conversation;
    parts.guard = guarded(whole, tokens_per_conversation) - before - parts.framing;
  }

  context_plan describe() const {
    context_plan plan;
    plan.begin = begin_;
    plan.limit = limit_;
    plan.sent = sum(begin_, pinned_begin_);
    plan.tokens = guarded(plan.sent, tokens_per_conversation);
    plan.is_estimated = is_estimated(budget_.rule, plan.sent);
    split(plan.parts);
    for (size_t i = 0; i < end_; ++i) {
      auto one = fate_of(i);
      if (i < begin_ && one.fate == context_fate::sent) plan.pinned.push_back(i);
      if (plan.runs.empty() || plan.runs.back().fate != one.fate ||
          plan.runs.back().reason != one.reason)
        plan.runs.push_back(one);
      else
        plan.runs.back().end = one.end;
    }
    for (auto& run : plan.runs)
      run.tokens = message_tokens_of(budget_.rule, path_.between(run.begin, run.end));
    return plan;
  }

  const context_history& path_;
  const context_budget& budget_;
  size_t end_ = 0;
  size_t last_ = 0;  ///< where the group of the new message begins
  int64_t limit_ = 0;
  measure_sum fixed_;
  double guard_ = 0;
  size_t pinned_begin_ = 0;  ///< pinned messages before it give way
  size_t begin_ = 0;
  size_t fitting_ = 0;  ///< where the longest end that fits begins
};

}  // namespace

// -- context_history ----------------------------------------------------------------------------

context_history::context_history() : sums_(1), pinned_sums_(1) {}

void context_history::reserve(size_t messages) {
  items_.reserve(messages);
  sums_.reserve(messages + 1);
}

void context_history::add(const context_item& added) {
  auto sum = sum_of(added.measure);
  if (added.is_pinned && !parley::is_empty(added.measure)) {
    pinned_.push_back(items_.size());
    pinned_sums_.push_back(pinned_sums_.back() + sum);
  }
  items_.push_back({added.role, added.is_pinned, parley::is_empty(added.measure)});
  sums_.push_back(sums_.back() + sum);
}

bool context_history::may_begin(size_t index) const {
  const auto& at = items_[index];
  return (at.role == message_role::user || at.role == message_role::system) && !at.is_empty;
}

size_t context_history::group_of(size_t index) const {
  while (index > 0 && items_[index].role == message_role::tool) --index;
  return index;
}

measure_sum context_history::pinned_between(size_t begin, size_t end) const {
  auto place = [&](size_t index) {
    return std::lower_bound(pinned_.begin(), pinned_.end(), index) - pinned_.begin();
  };
  return pinned_sums_[static_cast<size_t>(place(end))] -
         pinned_sums_[static_cast<size_t>(place(begin))];
}

// -- The plan -----------------------------------------------------------------------------------

int64_t reply_budget(int64_t window) {
  constexpr int64_t enough_for_most = 4096;
  return std::min(window / 4, enough_for_most);
}

expected<context_plan> plan_context(const context_history& path, const context_budget& budget) {
  return planner{path, budget}.run();
}

}  // namespace parley
