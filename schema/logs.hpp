/// What an ADMIN asks of the log, and what it says.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/log.hpp"
#include "base/record.hpp"

namespace parley {

/// Which lines are wanted; all conditions hold.
struct log_filter {
  std::optional<instant> since;
  std::optional<instant> until;
  log_level level = log_level::debug;  ///< this one and above
  std::optional<user_id> user;
  std::string request;  ///< its id
  std::string route;    ///< as THE table has it: "/api/sessions/{id}"
  std::string event;    ///< "http" stands for all that begins with "http."
};
PARLEY_INSPECT(log_filter, since, until, level, user, request, route, event)

/// What requests, or the replies of models, are counted by.
enum class log_group : uint8_t { route = 1, status, reason, user, model, channel };
constexpr std::array<std::string_view, 6> names_of(log_group) {
  return {"route", "status", "reason", "user", "model", "channel"};
}

struct log_query {
  log_group by = log_group::route;
  instant since;
  instant until;
};
PARLEY_INSPECT(log_query, by, since, until)

/// An error is an answer with a status from 400 on, or a reply that broke. Times are within a
/// tenth.
struct log_figures {
  int64_t count = 0;
  int64_t errors = 0;
  double error_share = 0;
  double p50_ms = 0;
  double p95_ms = 0;
  double p99_ms = 0;
};
PARLEY_RECORD(log_figures, FIELD(count, "count"), FIELD(errors, "errors"),
              FIELD(error_share, "errorShare"), FIELD(p50_ms, "p50Ms"), FIELD(p95_ms, "p95Ms"),
              FIELD(p99_ms, "p99Ms"))

/// One value of the group: now, in the span before, and how much more that is (0.5: half as many
/// again); null where there was nothing before.
struct log_sum {
  std::string key;
  log_figures now;
  log_figures before;
  std::optional<double> count_change;
  std::optional<double> p95_change;
};
PARLEY_RECORD(log_sum, FIELD(key, "key"), FIELD(now, "now"), FIELD(before, "before"),
              FIELD(count_change, "countChange", .uses = out | nullable),
              FIELD(p95_change, "p95Change", .uses = out | nullable))

/// A request and where its time went. Only replies have all steps.
struct slow_request {
  instant at;  ///< its end
  std::string request_id;
  std::string route;
  int32_t status = 0;
  std::optional<std::string> user_id;
  double took_ms = 0;
  std::optional<double> queue_ms;       ///< until its handler ran
  std::optional<double> storage_ms;     ///< until its message was stored
  std::optional<double> first_byte_ms;  ///< until the model said something
  std::optional<double> stream_ms;      ///< until the end
};
PARLEY_RECORD(slow_request, FIELD(at, "at"), FIELD(request_id, "requestId"), FIELD(route, "route"),
              FIELD(status, "status"), FIELD(user_id, "userId"), FIELD(took_ms, "tookMs"),
              FIELD(queue_ms, "queueMs"), FIELD(storage_ms, "storageMs"),
              FIELD(first_byte_ms, "firstByteMs"), FIELD(stream_ms, "streamMs"))

/// Whole quarters of an hour. The most frequent keys; what went beyond them is counted as `others`.
struct log_summary {
  instant since;
  instant until;
  log_group by = log_group::route;
  log_figures all;
  std::vector<log_sum> items;
  std::vector<slow_request> slowest;
};
PARLEY_RECORD(log_summary, FIELD(since, "since"), FIELD(until, "until"), FIELD(by, "by"),
              FIELD(all, "all"), FIELD(items, "items"), FIELD(slowest, "slowest"))

}  // namespace parley
