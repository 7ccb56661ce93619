/// Counters, gauges and histograms, and their Prometheus text. Increments are lock-free, any
/// thread.
///
/// Whoever counts registers once and keeps the reference, which lives as long as the registry:
///   auto& refused = metrics().counter("parley_http_refused_total", "Requests refused.",
///                                     {{"reason", "rate"}});
///   refused.add();
/// Labels take few values, known beforehand: never an id, a name or a path of a client.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley {

/// Only rises. Threads count in cells of their own, so that cores do not fight for a cache line.
class metric_counter {
 public:
  void add(uint64_t amount = 1);
  uint64_t value() const;

 private:
  struct alignas(64) cell {
    std::atomic<uint64_t> value{0};
  };
  std::array<cell, 8> cells_;
};

/// Rises and falls.
class metric_gauge {
 public:
  void add(int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

/// Sixteen buckets, each bound `factor` times the one before, and one for all beyond.
class metric_histogram {
 public:
  static constexpr size_t buckets = 16;
  struct scale {
    double first;   ///< upper bound of the first bucket
    double factor;  ///< above 1
  };
  /// 1 ms to 32.8 s, in seconds.
  static constexpr scale seconds{0.001, 2};
  /// 256 bytes to 8 MiB.
  static constexpr scale bytes{256, 2};

  explicit metric_histogram(scale scale);

  void observe(double value);
  void observe(std::chrono::nanoseconds span) {
    observe(std::chrono::duration<double>(span).count());
  }
  double bound(size_t bucket) const { return bounds_[bucket]; }
  /// Of one bucket alone; `buckets` is the last one, without a bound.
  uint64_t count(size_t bucket) const { return counts_[bucket].load(std::memory_order_relaxed); }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<double, buckets> bounds_{};
  std::array<std::atomic<uint64_t>, buckets + 1> counts_{};
  std::atomic<double> sum_{0};
};

class metric_registry {
 public:
  using labels = std::vector<std::pair<std::string, std::string>>;

  metric_registry();
  ~metric_registry();

  /// The same name and labels give the same metric again. A name keeps its kind and its first help;
  /// one more than series_max, or a name of another kind, gives a metric that is counted nowhere.
  metric_counter& counter(std::string_view name, std::string_view help, const labels& of = {});
  metric_gauge& gauge(std::string_view name, std::string_view help, const labels& of = {});
  metric_histogram& histogram(std::string_view name, std::string_view help,
                              metric_histogram::scale scale, const labels& of = {});

  /// What the counters of a name come to: all, or those with this label (`status="5xx"`).
  uint64_t total(std::string_view name, std::string_view label = {}) const;

  /// The text format 0.0.4, families by name.
  std::string text() const;

  static constexpr size_t series_max = 4096;

 private:
  struct family;
  struct series;
  series* find_or_make(std::string_view name, std::string_view help, int kind, const labels& of);

  mutable std::mutex mutex_;  ///< of the families' lists, not of the numbers in them
  std::map<std::string, family, std::less<>> families_;
  size_t series_count_ = 0;
};

/// The process's registry.
metric_registry& metrics();

}  // namespace parley
