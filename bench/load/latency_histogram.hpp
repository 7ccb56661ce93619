/// Counts times in buckets that are 1/64 of their power of two wide (error below 1.6 %): constant
/// memory for any number of samples.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace parley::bench {

class latency_histogram {
 public:
  void add(int64_t nanoseconds);
  uint64_t count() const { return count_; }
  /// In milliseconds; `share` in [0, 1]. 0 without samples.
  double quantile_ms(double share) const;
  double max_ms() const { return static_cast<double>(max_us_) / 1000; }

 private:
  static constexpr size_t steps = 64;           // to each power of two
  std::array<uint64_t, 40 * steps> buckets_{};  // of microseconds
  uint64_t count_ = 0;
  uint64_t max_us_ = 0;
};

}  // namespace parley::bench
