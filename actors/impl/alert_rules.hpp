/// What there is to alert of: which causes are bad and which are well, and how it is said. Pure.
#pragma once

#include <chrono>
#include <deque>

#include "actors/alerts.hpp"

namespace parley {

using steady_time = std::chrono::steady_clock::time_point;

/// `unclear` neither fires nor resolves: between two bounds, so that nothing flaps, or nobody
/// knows.
enum class alert_sign : uint8_t { bad = 1, well, unclear };

struct alert_finding {
  alert_kind kind = alert_kind::test;
  std::string subject;
  alert_sign sign = alert_sign::unclear;
  std::string summary{};
  std::string mend{};
  std::optional<instant> ends_at{};  ///< it is over then, whatever is heard
};

/// Requests and failures of the last span, from counters that only rise.
class request_window {
 public:
  explicit request_window(std::chrono::seconds span) : span_(span) {}

  void add(steady_time at, uint64_t requests, uint64_t failures);
  uint64_t requests() const { return last().requests - points_.front().requests; }
  uint64_t failures() const { return last().failures - points_.front().failures; }
  std::chrono::seconds span() const { return span_; }

 private:
  struct point {
    steady_time at;
    uint64_t requests = 0;
    uint64_t failures = 0;
  };
  const point& last() const { return points_.back(); }

  static constexpr size_t points_max = 1'000;
  std::chrono::seconds span_;
  std::deque<point> points_{point{}};
};

struct alert_limits {
  uint64_t error_percent = 5;                        ///< settings: alert_error_percent
  uint64_t error_requests_min = 20;                  ///< settings: alert_error_requests_min
  uint64_t disk_percent = 5;                         ///< settings: alert_disk_percent
  uint64_t disk_bytes = 1 << 30;                     ///< settings: alert_disk_bytes
  std::optional<std::chrono::seconds> backup_age{};  ///< none: of whatever age
};

alert_finding finding_of(const request_window& recent, const alert_limits& limits);
std::vector<alert_finding> findings_of(const alert_samples& samples, const alert_limits& limits);
/// Of the enabled models, each channel: one that nobody has called yet is unclear.
std::vector<alert_finding> findings_of(const model_list& models, const channel_reports& reports);
alert_finding finding_of(const budget_crossed& told);

}  // namespace parley
