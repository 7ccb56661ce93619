/// Quotas: how much may be used, by whom and in which time.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"

namespace parley {

enum class quota_subject : uint8_t { everyone = 1, role, user, key, model };
constexpr std::array<std::string_view, 5> names_of(quota_subject) {
  return {"everyone", "role", "user", "key", "model"};
}

/// Days and months are those of the system's time zone; `total` never ends.
enum class quota_window : uint8_t { minute = 1, day, month, total };
constexpr std::array<std::string_view, 4> names_of(quota_window) {
  return {"minute", "day", "month", "total"};
}
inline constexpr size_t quota_windows = 4;

enum class quota_measure : uint8_t { requests = 1, tokens, money };
constexpr std::array<std::string_view, 3> names_of(quota_measure) {
  return {"requests", "tokens", "money"};
}

enum class quota_action : uint8_t { refuse = 1, warn };
constexpr std::array<std::string_view, 2> names_of(quota_action) {
  return {"refuse", "warn"};
}

/// What one user may use. Of requests and tokens there is a `limit`, of money `amount` and
/// `currency`. `subjectId`: a role's name, a user's, key's or model's id.
struct quota_rule {
  quota_subject subject = quota_subject::everyone;
  std::optional<std::string> subject_id;
  quota_window window = quota_window::day;
  quota_measure measure = quota_measure::requests;
  std::optional<int64_t> limit;
  std::optional<std::string> amount;
  std::optional<std::string> currency;
  quota_action on_exceed = quota_action::refuse;
};
PARLEY_RECORD(quota_rule, FIELD(subject, "subject", .uses = in_create | required | out),
              FIELD(subject_id, "subjectId", .uses = in_create | out, .length_min = 1,
                    .length_max = 40),
              FIELD(window, "window", .uses = in_create | required | out),
              FIELD(measure, "measure", .uses = in_create | required | out),
              FIELD(limit, "limit", .uses = in_create | out, .min = 0, .max = 1e15),
              FIELD(amount, "amount", .uses = in_create | out, .length_min = 1, .length_max = 20),
              FIELD(currency, "currency", .uses = in_create | out, .length_min = 3,
                    .length_max = 3),
              FIELD(on_exceed, "onExceed", .uses = in_create | out))

/// All rules of the system; they are put as a whole.
struct quota_settings {
  int64_t version = 1;
  std::vector<quota_rule> items;
};
PARLEY_RECORD(quota_settings, FIELD(version, "version", .uses = out),
              FIELD(items, "items", .uses = in_create | required | out, .length_max = 1'000))

/// What may be used with one API key: a rule whose subject is the key.
struct key_budget {
  quota_window window = quota_window::total;
  quota_measure measure = quota_measure::tokens;
  std::optional<int64_t> limit;
  std::optional<std::string> amount;
  std::optional<std::string> currency;
};
PARLEY_RECORD(key_budget, FIELD(window, "window", .uses = in_create | required | out),
              FIELD(measure, "measure", .uses = in_create | required | out),
              FIELD(limit, "limit", .uses = in_create | out, .min = 0, .max = 1e15),
              FIELD(amount, "amount", .uses = in_create | out, .length_min = 1, .length_max = 20),
              FIELD(currency, "currency", .uses = in_create | out, .length_min = 3,
                    .length_max = 3))

/// A rule as it stands for one user now. `reserved` is for replies that run.
struct quota_state {
  quota_subject subject = quota_subject::everyone;
  std::optional<std::string> subject_id;
  quota_window window = quota_window::day;
  quota_measure measure = quota_measure::requests;
  std::optional<int64_t> limit;
  std::optional<int64_t> used;
  std::optional<int64_t> reserved;
  std::optional<std::string> amount;
  std::optional<std::string> used_amount;
  std::optional<std::string> reserved_amount;
  std::optional<std::string> currency;
  quota_action on_exceed = quota_action::refuse;
  std::optional<instant> resets_at;
};
PARLEY_RECORD(quota_state, FIELD(subject, "subject"), FIELD(subject_id, "subjectId"),
              FIELD(window, "window"), FIELD(measure, "measure"), FIELD(limit, "limit"),
              FIELD(used, "used"), FIELD(reserved, "reserved"), FIELD(amount, "amount"),
              FIELD(used_amount, "usedAmount"), FIELD(reserved_amount, "reservedAmount"),
              FIELD(currency, "currency"), FIELD(on_exceed, "onExceed"),
              FIELD(resets_at, "resetsAt", .uses = out | nullable))

}  // namespace parley
