/// Which quotas hold for whom, and which rules make no sense. Pure.
#pragma once

#include <array>

#include "base/record_json.hpp"
#include "base/time_zone.hpp"
#include "schema/api_key.hpp"
#include "schema/user.hpp"

namespace parley {

/// Who would use something, and of what.
struct quota_applicant {
  user_id user;
  parley::role role = parley::role::user;
  api_key_id key;  ///< none: a login
  std::optional<key_budget> budget;
  model_id model;  ///< none: of whatever model
};

/// A rule ready to be counted against: `key` and `model` say whose usage counts, none all of the
/// user's.
struct quota_limit {
  quota_rule rule;
  api_key_id key;
  model_id model;
  int64_t limit = 0;  ///< requests, tokens or 10^-9 of the currency
};

/// Of everyone, role and user the most specific rule of a window and measure holds alone: it is
/// what the account may use. Rules of a key or a model count apart and hold beside it.
std::vector<quota_limit> limits_of(const std::vector<quota_rule>& rules,
                                   const quota_applicant& who);

using quota_periods = std::array<time_span, quota_windows>;
/// The minute, day, month and whole time around `now`.
quota_periods periods_around(instant now, const time_zone& zone);

inline size_t index_of(quota_window window) {
  return static_cast<size_t>(window) - 1;
}

/// Gives an amount of money without a currency this one.
template <class Rule>
void complete_amount(Rule& rule, const std::string& currency) {
  if (rule.measure == quota_measure::money && !rule.currency) rule.currency = currency;
}
/// What is wrong with rules, under "/items/n".
void check_rules(const std::vector<quota_rule>& rules, fault_list& faults);
/// What is wrong with a key's budget, under `path`.
void check_budget(const key_budget& budget, const std::string& path, fault_list& faults);

}  // namespace parley
