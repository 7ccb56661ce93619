#include "http/limits.hpp"

namespace parley::http {

using namespace std::chrono;

rate_verdict rate_limits::take(const std::string& caller, rate_class kind, time_point now) {
  auto per_minute = settings_.per_minute[static_cast<size_t>(kind)];
  if (per_minute == 0) return {};
  auto step = duration_cast<nanoseconds>(minutes{1}) / per_minute;
  auto key = static_cast<char>('0' + static_cast<int>(kind)) + caller;
  auto& of = stripes_[std::hash<std::string>{}(key) % stripe_count];
  std::lock_guard guard{of.mutex};
  if (of.due.size() >= settings_.callers_max / stripe_count) forget_idle(of, now);
  auto& due = of.due[std::move(key)];
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

size_t rate_limits::size() const {
  size_t count = 0;
  for (const auto& of : stripes_) {
    std::lock_guard guard{of.mutex};
    count += of.due.size();
  }
  return count;
}

// Whoever has all of their limit back need not be remembered. If that is not enough, everybody
// starts anew: a flood of addresses must not grow the table.
void rate_limits::forget_idle(stripe& of, time_point now) const {
  std::erase_if(of.due, [&](const auto& entry) { return entry.second <= now; });
  if (of.due.size() >= settings_.callers_max / stripe_count) of.due.clear();
}

rate_settings rate_settings_of(const settings& from) {
  rate_settings to;
  auto set = [&](rate_class kind, size_t per_minute) {
    to.per_minute[static_cast<size_t>(kind)] = static_cast<uint32_t>(per_minute);
  };
  set(rate_class::read, from.read_calls_per_min);
  set(rate_class::write, from.write_calls_per_min);
  set(rate_class::login, from.login_calls_per_min);
  set(rate_class::chat, from.chat_calls_per_min);
  set(rate_class::upload, from.upload_calls_per_min);
  return to;
}

}  // namespace parley::http
