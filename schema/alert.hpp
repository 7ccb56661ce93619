/// Alerts: what is wrong with the server, and who was told.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"

namespace parley {

enum class alert_kind : uint8_t {
  error_rate = 1,
  upstream_down,
  budget,
  disk_low,
  backup_late,
  test,  ///< nothing is wrong
};
constexpr std::array<std::string_view, 6> names_of(alert_kind) {
  return {"error_rate", "upstream_down", "budget", "disk_low", "backup_late", "test"};
}

enum class alert_state : uint8_t { firing = 1, resolved };
constexpr std::array<std::string_view, 2> names_of(alert_state) {
  return {"firing", "resolved"};
}

enum class alert_receiver : uint8_t { webhook = 1, feishu, dingtalk, wecom, mail };
constexpr std::array<std::string_view, 5> names_of(alert_receiver) {
  return {"webhook", "feishu", "dingtalk", "wecom", "mail"};
}

/// One cause: `subject` is what it is about, "eve/month/tokens". It fires once and resolves once.
struct alert {
  alert_kind kind = alert_kind::test;
  std::string subject;
  alert_state state = alert_state::firing;
  instant since;  ///< it fired then
  std::optional<instant> resolved_at{};
  std::string summary;
  std::string mend;  ///< what to do
};
PARLEY_RECORD(alert, FIELD(kind, "kind"), FIELD(subject, "subject"), FIELD(state, "state"),
              FIELD(since, "since"), FIELD(resolved_at, "resolvedAt", .uses = out | nullable),
              FIELD(summary, "summary"), FIELD(mend, "mend"))

/// How the deliveries to one receiver go.
struct alert_outlet {
  alert_receiver receiver = alert_receiver::webhook;
  std::optional<instant> delivered_at{};  ///< the last one
  std::optional<instant> failed_at{};     ///< the last try that came to nothing
  std::optional<std::string> error{};     ///< why; none since one was delivered
  int64_t waiting = 0;                    ///< alerts
};
PARLEY_RECORD(alert_outlet, FIELD(receiver, "receiver"),
              FIELD(delivered_at, "deliveredAt", .uses = out | nullable),
              FIELD(failed_at, "failedAt", .uses = out | nullable),
              FIELD(error, "error", .uses = out | nullable), FIELD(waiting, "waiting"))

/// What fires, the latest first.
struct alert_overview {
  std::vector<alert> items;
  std::vector<alert_outlet> receivers;
};
PARLEY_RECORD(alert_overview, FIELD(items, "items"), FIELD(receivers, "receivers"))

struct alert_trial {
  alert_receiver receiver = alert_receiver::webhook;
  bool delivered = false;
  std::optional<std::string> error{};
};
PARLEY_RECORD(alert_trial, FIELD(receiver, "receiver"), FIELD(delivered, "delivered"),
              FIELD(error, "error", .uses = out | nullable))

struct alert_trials {
  std::vector<alert_trial> items;
};
PARLEY_RECORD(alert_trials, FIELD(items, "items"))

/// An alert as it outlives a restart.
struct kept_alert {
  alert what;
  bool is_told = false;              ///< to somebody at least
  std::optional<instant> ends_at{};  ///< it resolves by itself then
};
PARLEY_RECORD(kept_alert, FIELD(what, "alert"), FIELD(is_told, "told"), FIELD(ends_at, "endsAt"))

struct kept_alerts {
  std::vector<kept_alert> items;
};
PARLEY_RECORD(kept_alerts, FIELD(items, "items"))

}  // namespace parley
