/// The wall clock behind an interface, so that tests own time, and the instants it shows.
///
/// Only for what is shown or stored (createdAt, token expiry): deadlines use CLOCK_MONOTONIC
/// through io_loop, a jump of the wall clock must not cut a stream. Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/inspect.hpp"

namespace parley {

/// Milliseconds since 1970-01-01T00:00:00Z.
struct instant {
  int64_t ms = 0;

  friend auto operator<=>(const instant&, const instant&) = default;
  friend instant operator+(instant at, std::chrono::milliseconds span) {
    return {at.ms + span.count()};
  }
  friend instant operator-(instant at, std::chrono::milliseconds span) {
    return {at.ms - span.count()};
  }
  friend std::chrono::milliseconds operator-(instant later, instant earlier) {
    return std::chrono::milliseconds{later.ms - earlier.ms};
  }
};
PARLEY_INSPECT(instant, ms)

/// RFC 3339 in UTC with milliseconds: "2026-07-25T09:30:00.000Z". Years 0 to 9999; an instant
/// outside shows the nearest bound.
std::string to_string(instant at);
/// Any RFC 3339 date-time: offsets are honoured, digits after the milliseconds dropped; a leap
/// second is refused.
std::optional<instant> parse_instant(std::string_view text);

class wall_clock {
 public:
  virtual ~wall_clock() = default;
  virtual instant now() const = 0;
};

/// CLOCK_REALTIME.
const wall_clock& system_wall_clock();

/// Stands still until moved.
class manual_wall_clock final : public wall_clock {
 public:
  explicit manual_wall_clock(instant start = {1'700'000'000'000}) : ms_(start.ms) {}
  instant now() const override { return {ms_.load()}; }
  void advance(std::chrono::milliseconds span) { ms_ += span.count(); }
  void set(instant at) { ms_ = at.ms; }

 private:
  std::atomic<int64_t> ms_;
};

}  // namespace parley
