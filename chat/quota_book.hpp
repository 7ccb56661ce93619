/// What one user has used and what running replies are about to: reserve, stream, settle. Pure;
/// belongs to the USER actor, whose single thread makes the sums exact.
///
/// A reply is reserved with what it surely costs, one request and its prompt, and grows by what it
/// streams. So a budget is spent to its end however long replies turn out, and passed by no more
/// than what streams between two reports.
#pragma once

#include <map>
#include <set>

#include "chat/price.hpp"
#include "chat/quota_rules.hpp"
#include "schema/usage.hpp"

namespace parley {

struct quota_amounts {
  int64_t requests = 0;
  int64_t tokens = 0;
  int64_t cost = 0;  ///< in 10^-9 of the account's currency

  quota_amounts& operator+=(const quota_amounts& more);
};

/// Usage that is counted together.
struct quota_account {
  model_id model;
  api_key_id key;
  std::string currency;

  friend auto operator<=>(const quota_account&, const quota_account&) = default;
};

/// A reply that wants to run.
struct quota_claim {
  message_id reply;
  quota_account account;
  int64_t prompt_tokens = 0;
  std::optional<model_prices> prices;
};

struct quota_progress {
  std::vector<message_id> over;  ///< running replies that must end
  int64_t report_at = 0;         ///< tokens of the reply at which the next report is due
};

struct quota_crossing {
  quota_limit limit;
  bool is_above = false;
};

class quota_book {
 public:
  /// Nothing is used yet in these periods; replies that run stay.
  void begin(const quota_periods& now);
  /// What is stored already, once for each account and window.
  void load(const quota_account& account, quota_window window, const quota_amounts& used);
  /// To be called before anything else is asked: periods that are over are forgotten.
  void move_to(const quota_periods& now);

  /// Nothing if it may run; else the limit it does not fit into. Rules that only warn refuse none.
  std::optional<quota_limit> reserve(const quota_claim& claim, std::vector<quota_limit> limits);
  /// The reply has so many tokens now.
  quota_progress stream(const message_id& reply, int64_t completion_tokens);
  /// It is over and stored, having used this; nothing: it never ran.
  void settle(const message_id& reply, const std::optional<usage_entry>& used);
  void forget(const message_id& reply) { running_.erase(reply); }

  bool is_exceeded(const quota_limit& limit) const { return left_of(limit) <= 0; }
  /// Whether tokens or money of this reply are limited at all.
  bool is_metered(const message_id& reply) const;
  quota_state state_of(const quota_limit& limit) const;
  /// When the limit's window begins anew; nothing for `total`.
  std::optional<instant> reset_of(const quota_limit& limit) const;
  /// Limits of which four fifths are gone, each once in its period.
  std::vector<quota_limit> new_warnings(const std::vector<quota_limit>& limits);
  /// Limits of which `percent` are gone, or no longer: each time that changes, and once at first.
  std::vector<quota_crossing> new_crossings(const std::vector<quota_limit>& limits,
                                            int64_t percent);

 private:
  struct running {
    quota_account account;
    quota_amounts amounts;
    int64_t prompt_tokens = 0;
    int64_t completion_tokens = 0;
    std::optional<model_prices> prices;
    std::vector<quota_limit> limits;
  };

  static void weigh(running& reply);
  int64_t used_of(const quota_limit& limit) const;
  int64_t reserved_of(const quota_limit& limit) const;
  int64_t left_of(const quota_limit& limit) const;
  bool is_spent(const quota_limit& limit, int64_t percent) const;
  bool is_over(const running& reply) const;
  int64_t tokens_left(const running& reply) const;

  std::map<quota_account, std::array<quota_amounts, quota_windows>> used_;
  std::map<message_id, running> running_;
  quota_periods periods_{};
  std::set<std::string> warned_;
  std::map<std::string, bool> crossed_;  ///< by limit: whether it was above
};

}  // namespace parley
