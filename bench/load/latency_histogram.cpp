#include "bench/load/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace parley::bench {
namespace {

constexpr uint64_t bucket_steps = 64;  // to each power of two

size_t bucket_of(uint64_t microseconds) {
  if (microseconds < bucket_steps) return microseconds;
  const auto shift = static_cast<uint64_t>(std::bit_width(microseconds)) - 7;
  return shift * bucket_steps + (microseconds >> shift);
}

/// The middle of a bucket.
double value_of(size_t bucket) {
  if (bucket < 2 * bucket_steps) return static_cast<double>(bucket);
  const auto shift = bucket / bucket_steps - 1;
  const auto least = static_cast<double>((bucket - shift * bucket_steps) << shift);
  return least + static_cast<double>(uint64_t{1} << shift) / 2;
}

}  // namespace

void latency_histogram::add(int64_t nanoseconds) {
  const auto microseconds = nanoseconds > 0 ? static_cast<uint64_t>(nanoseconds) / 1000 : 0;
  ++buckets_[std::min(bucket_of(microseconds), buckets_.size() - 1)];
  ++count_;
  max_us_ = std::max(max_us_, microseconds);
}

double latency_histogram::quantile_ms(double share) const {
  if (count_ == 0) return 0;
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted) return std::min(value_of(bucket) / 1000, max_ms());
  }
  return max_ms();
}

}  // namespace parley::bench
