/// Rate limits of the node: how many calls a minute a user, or an address without a login, may make
/// in each class, whichever edges take them. Bounded memory; owned by the node, asked on every
/// edge's thread: a lock is held for one look-up, and callers are spread over several.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/settings.hpp"
#include "http/route_table.hpp"

namespace parley::http {

struct rate_settings {
  /// Calls a minute by rate_class; 0: no limit.
  std::array<uint32_t, 6> per_minute{};
  /// Callers remembered, about: each of rate_limits' stripes holds its share.
  size_t callers_max = 50'000;
};

struct rate_verdict {
  bool is_allowed = true;
  uint32_t limit = 0;  ///< 0: the class has none
  uint32_t remaining = 0;
  uint32_t reset_s = 0;  ///< until the whole limit is there again
  uint32_t wait_s = 0;   ///< when refused
};

/// GCRA (ITU-T I.371): a caller may use a minute's calls at once, then gets them back evenly.
class rate_limits {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit rate_limits(rate_settings of) : settings_(of) {}
  rate_verdict take(const std::string& caller, rate_class kind, time_point now);
  /// Callers remembered.
  size_t size() const;

 private:
  struct stripe {
    mutable std::mutex mutex;
    /// Class and caller -> when all of the limit is back.
    std::unordered_map<std::string, time_point> due;
  };
  static constexpr size_t stripe_count = 16;

  void forget_idle(stripe& of, time_point now) const;

  rate_settings settings_;
  std::array<stripe, stripe_count> stripes_;
};

rate_settings rate_settings_of(const settings& from);

}  // namespace parley::http
