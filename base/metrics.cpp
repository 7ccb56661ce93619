#include "base/metrics.hpp"

#include <algorithm>
#include <charconv>

namespace parley {

namespace {

enum kind : int { counter_kind, gauge_kind, histogram_kind };
constexpr std::string_view kind_names[] = {"counter", "gauge", "histogram"};

size_t cell_of_thread() {
  static std::atomic<size_t> next{0};
  thread_local const size_t cell = next.fetch_add(1, std::memory_order_relaxed);
  return cell;
}

// In help texts only line breaks and backslashes are escaped, in label values quotes too.
void append_escaped(std::string& out, std::string_view text, bool escapes_quotes) {
  for (auto c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || (c == '"' && escapes_quotes)) out += '\\';
    out += c;
  }
}

std::string number_text(double value) {
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

std::string label_text(const metric_registry::labels& of) {
  std::string text;
  for (auto& [name, value] : of) {
    if (!text.empty()) text += ',';
    text += name;
    text += "=\"";
    append_escaped(text, value, true);
    text += '"';
  }
  return text;
}

struct sample {
  std::string_view name;
  std::string_view suffix;
  std::string labels;
  std::string value;
};

void append_sample(std::string& out, const sample& one) {
  out += one.name;
  out += one.suffix;
  if (!one.labels.empty()) out += '{' + one.labels + '}';
  out += ' ' + one.value + '\n';
}

void append_histogram(std::string& out, std::string_view name, const std::string& labels,
                      const metric_histogram& histogram) {
  auto prefix = labels.empty() ? labels : labels + ',';
  uint64_t total = 0;
  for (size_t i = 0; i <= metric_histogram::buckets; ++i) {
    total += histogram.count(i);
    auto bound = i < metric_histogram::buckets ? number_text(histogram.bound(i)) : "+Inf";
    auto both = prefix + "le=\"";
    both.append(bound).append("\"");
    append_sample(out, {name, "_bucket", both, std::to_string(total)});
  }
  append_sample(out, {name, "_sum", labels, number_text(histogram.sum())});
  // What the buckets add up to: another counter could be one observation ahead.
  append_sample(out, {name, "_count", labels, std::to_string(total)});
}

}  // namespace

void metric_counter::add(uint64_t amount) {
  cells_[cell_of_thread() % cells_.size()].value.fetch_add(amount, std::memory_order_relaxed);
}

uint64_t metric_counter::value() const {
  uint64_t total = 0;
  for (auto& cell : cells_) total += cell.value.load(std::memory_order_relaxed);
  return total;
}

metric_histogram::metric_histogram(scale scale) {
  auto bound = scale.first;
  for (auto& each : bounds_) {
    each = bound;
    bound *= scale.factor;
  }
}

void metric_histogram::observe(double value) {
  auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  // Not fetch_add: clang 14's library has none for double.
  auto sum = sum_.load(std::memory_order_relaxed);
  while (!sum_.compare_exchange_weak(sum, sum + value, std::memory_order_relaxed)) {
  }
}

struct metric_registry::series {
  std::unique_ptr<metric_counter> counter;
  std::unique_ptr<metric_gauge> gauge;
  std::unique_ptr<metric_histogram> histogram;
};

struct metric_registry::family {
  int kind;
  std::string help;
  std::map<std::string, series> by_labels;
};

metric_registry::metric_registry() = default;
metric_registry::~metric_registry() = default;

// Called with the mutex held.
metric_registry::series* metric_registry::find_or_make(std::string_view name, std::string_view help,
                                                       int kind, const labels& of) {
  auto found = families_.find(name);
  if (found == families_.end())
    found = families_.emplace(name, family{kind, std::string{help}, {}}).first;
  auto& family = found->second;
  if (family.kind != kind) return nullptr;
  auto labels = label_text(of);
  auto known = family.by_labels.find(labels);
  if (known != family.by_labels.end()) return &known->second;
  if (series_count_ == series_max) return nullptr;
  ++series_count_;
  return &family.by_labels[labels];
}

metric_counter& metric_registry::counter(std::string_view name, std::string_view help,
                                         const labels& of) {
  static metric_counter nowhere;
  std::lock_guard guard{mutex_};
  auto* place = find_or_make(name, help, counter_kind, of);
  if (place == nullptr) return nowhere;
  if (!place->counter) place->counter = std::make_unique<metric_counter>();
  return *place->counter;
}

metric_gauge& metric_registry::gauge(std::string_view name, std::string_view help,
                                     const labels& of) {
  static metric_gauge nowhere;
  std::lock_guard guard{mutex_};
  auto* place = find_or_make(name, help, gauge_kind, of);
  if (place == nullptr) return nowhere;
  if (!place->gauge) place->gauge = std::make_unique<metric_gauge>();
  return *place->gauge;
}

metric_histogram& metric_registry::histogram(std::string_view name, std::string_view help,
                                             metric_histogram::scale scale, const labels& of) {
  static metric_histogram nowhere{metric_histogram::seconds};
  std::lock_guard guard{mutex_};
  auto* place = find_or_make(name, help, histogram_kind, of);
  if (place == nullptr) return nowhere;
  if (!place->histogram) place->histogram = std::make_unique<metric_histogram>(scale);
  return *place->histogram;
}

uint64_t metric_registry::total(std::string_view name, std::string_view label) const {
  std::lock_guard guard{mutex_};
  uint64_t sum = 0;
  auto found = families_.find(name);
  if (found == families_.end()) return sum;
  for (const auto& [labels, one] : found->second.by_labels)
    if (one.counter && labels.find(label) != labels.npos) sum += one.counter->value();
  return sum;
}

std::string metric_registry::text() const {
  std::string out;
  std::lock_guard guard{mutex_};
  for (auto& [name, family] : families_) {
    out += "# HELP " + name + ' ';
    append_escaped(out, family.help, false);
    out += "\n# TYPE " + name + ' ';
    out += kind_names[family.kind];
    out += '\n';
    for (auto& [labels, series] : family.by_labels) {
      if (series.counter)
        append_sample(out, {name, "", labels, std::to_string(series.counter->value())});
      if (series.gauge)
        append_sample(out, {name, "", labels, std::to_string(series.gauge->value())});
      if (series.histogram) append_histogram(out, name, labels, *series.histogram);
    }
  }
  return out;
}

metric_registry& metrics() {
  // Never destroyed: threads may count to the very end.
  static auto* registry = new metric_registry;
  return *registry;
}

}  // namespace parley
