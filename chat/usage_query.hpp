/// What a question about usage asks for, and its answer as CSV. Pure.
#pragma once

#include "base/record_json.hpp"
#include "base/time_zone.hpp"
#include "schema/usage.hpp"

namespace parley {

/// As it stands in a URL; empty: not given.
struct usage_query {
  std::string from;
  std::string to;
  std::string group_by;
  std::string zone;
};
PARLEY_INSPECT(usage_query, from, to, group_by, zone)

struct usage_range {
  instant from;
  instant to;
  usage_group group = usage_group::day;
  std::string zone;  ///< a name that time_zone::find knows
};
PARLEY_INSPECT(usage_range, from, to, group, zone)

/// Days are those of `zone`, or of `otherwise`. Without bounds the last thirty days, this one
/// included; at most usage_days_max of them.
inline constexpr int64_t usage_days_max = 400;
expected<usage_range> plan_usage(const usage_query& query, const time_zone& otherwise, instant now);

/// RFC 4180, with a head. A text that a spreadsheet would take for a formula is quoted with '.
std::string usage_csv(usage_group group, const std::vector<usage_sum>& items);

}  // namespace parley
