#include "providers/channel_health.hpp"

#include <algorithm>
#include <vector>

namespace parley::providers {

namespace {

using std::chrono::milliseconds;

// The part of the newest latency in the rolling one: the last ten or so count.
constexpr int64_t latency_parts = 5;
// A slow channel keeps so much of its share that it is noticed when it becomes fast again.
constexpr double share_min = 0.1;

double share_of(const channel_option& option, milliseconds best) {
  auto latency = option.health->latency();
  auto speed = 1.0;
  if (latency && latency->count() > 0)
    speed = static_cast<double>(best.count()) / static_cast<double>(latency->count());
  return option.weight * std::clamp(speed, share_min, 1.0);
}

milliseconds best_latency(std::span<const channel_option> options,
                          const std::vector<size_t>& among) {
  auto best = milliseconds::max();
  for (auto i : among)
    if (auto known = options[i].health->latency()) best = std::min(best, *known);
  return std::max(best, milliseconds{1});
}

size_t draw_one(std::span<const channel_option> options, const std::vector<size_t>& among,
                double draw) {
  auto best = best_latency(options, among);
  double sum = 0;
  for (auto i : among) sum += share_of(options[i], best);
  auto left = draw * sum;
  for (auto i : among) {
    left -= share_of(options[i], best);
    if (left < 0) return i;
  }
  return among.back();
}

}  // namespace

channel_fault channel_fault_of(const error& cause) {
  auto reason = detail_of(cause).reason;
  if (reason == "upstream_rate_limited" || reason == "upstream_overloaded")
    return channel_fault::busy;
  if (reason == "upstream_error" || reason == "upstream_broken") return channel_fault::broken;
  for (std::string_view dead :
       {"upstream_unreachable", "upstream_timeout", "upstream_tls", "upstream_auth",
        "upstream_quota", "upstream_not_found", "upstream_not_allowed", "key_unreadable"})
    if (reason == dead) return channel_fault::dead;
  return channel_fault::none;
}

channel_state channel_health::state(health_time now) const {
  if (opened_ > 0) return now < free_at_ ? channel_state::open : channel_state::half_open;
  return now < free_at_ ? channel_state::resting : channel_state::closed;
}

bool channel_health::is_free(health_time now) const {
  auto at = state(now);
  return at == channel_state::closed || (at == channel_state::half_open && !is_tried_);
}

void channel_health::begin(health_time now) {
  if (state(now) == channel_state::half_open) is_tried_ = true;
}

bool channel_health::answer(milliseconds latency) {
  latency = std::max(latency, milliseconds{1});
  latency_ = latency_ ? (*latency_ * (latency_parts - 1) + latency) / latency_parts : latency;
  auto was_out = !is_well();
  failures_ = opened_ = 0;
  is_tried_ = false;
  free_at_ = {};
  return was_out;
}

bool channel_health::fail(health_time now, const error& cause, const health_rules& rules) {
  auto fault = channel_fault_of(cause);
  auto was_half_open = state(now) == channel_state::half_open;
  is_tried_ = false;
  if (fault == channel_fault::none) return false;
  auto asked = milliseconds{detail_of(cause).retry_after_s * int64_t{1000}};
  auto rest = std::min(asked.count() > 0 ? asked : rules.rest_unasked, rules.rest_max);
  free_at_ = std::max(free_at_, now + rest);
  if (fault == channel_fault::busy) return true;
  ++failures_;
  if (fault == channel_fault::broken && failures_ < rules.failures_max && !was_half_open)
    return true;
  // Calls that were under way when it opened do not make it wait longer.
  if (opened_ > 0 && !was_half_open) return true;
  auto wait = rules.open_first;
  for (uint32_t i = 0; i < opened_ && wait < rules.open_max; ++i) wait *= 2;
  ++opened_;
  free_at_ = std::max(free_at_, now + std::min(wait, rules.open_max));
  return true;
}

void channel_health::adopt(uint32_t opened, health_time free_at) {
  opened_ = opened;
  free_at_ = free_at;
  is_tried_ = false;
  if (opened == 0) failures_ = 0;
}

std::optional<size_t> choose_channel(std::span<const channel_option> options, health_time now,
                                     double draw) {
  // The model's own come before its fallback's, and those with a weight before the reserve.
  for (auto is_fallback : {false, true}) {
    for (auto is_reserve : {false, true}) {
      std::vector<size_t> among;
      for (size_t i = 0; i < options.size(); ++i) {
        auto& option = options[i];
        if (option.was_tried || option.is_fallback != is_fallback ||
            (option.weight == 0) != is_reserve || !option.health->is_free(now))
          continue;
        among.push_back(i);
      }
      if (!among.empty()) return is_reserve ? among.front() : draw_one(options, among, draw);
    }
  }
  return std::nullopt;
}

std::optional<size_t> first_free(std::span<const channel_option> options) {
  std::optional<size_t> first;
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i].was_tried) continue;
    if (!first || options[i].health->free_at() < options[*first].health->free_at()) first = i;
  }
  return first;
}

}  // namespace parley::providers
