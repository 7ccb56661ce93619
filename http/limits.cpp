#include "http/limits.hpp"

namespace parley::http {

using namespace std::chrono;

rate_verdict rate_limits::take(const std::string& caller, rate_class kind, time_point now) {
  auto per_minute = settings_.per_minute[static_cast<size_t>(kind)];
  if (per_minute == 0) return {};
  auto step = duration_cast<nanoseconds>(minutes{1}) / per_minute;
  if (due_.size() >= settings_.callers_max) forget_idle(now);
  auto& due = due_[static_cast<char>('0' + static_cast<int>(kind)) + caller];
  auto start = std::max(due, now);
  auto used_up = start + step - now;
  rate_verdict verdict;
  verdict.limit = per_minute;
  auto seconds_of = [](nanoseconds span) {
    return static_cast<uint32_t>(ceil<seconds>(span).count());
  };
  if (used_up > minutes{1}) {
    verdict.is_allowed = false;
    verdict.wait_s = std::max(1u, seconds_of(used_up - minutes{1}));
    verdict.reset_s = seconds_of(due - now);
    return verdict;
  }
  due = start + step;
  verdict.reset_s = seconds_of(due - now);
  verdict.remaining = static_cast<uint32_t>((minutes{1} - (due - now)) / step);
  return verdict;
}

// Whoever has all of their limit back need not be remembered. If that is not enough, everybody
// starts anew: a flood of addresses must not grow the table.
void rate_limits::forget_idle(time_point now) {
  std::erase_if(due_, [&](const auto& entry) { return entry.second <= now; });
  if (due_.size() >= settings_.callers_max) due_.clear();
}

}  // namespace parley::http
