#include "providers/retry.hpp"

#include <algorithm>

namespace parley::providers {

std::optional<std::chrono::milliseconds> retry_wait(const error& fault, unsigned retries_left,
                                                    double jitter) {
  using std::chrono::milliseconds;
  constexpr milliseconds wait_unasked{500};
  constexpr double jitter_ms_max = 500;
  if (retries_left == 0) return std::nullopt;
  auto detail = detail_of(fault);
  auto passes = detail.reason == "upstream_rate_limited" ||
                detail.reason == "upstream_overloaded" || detail.reason == "upstream_error" ||
                detail.reason == "upstream_unreachable";
  if (!passes) return std::nullopt;
  auto asked = milliseconds{detail.retry_after_s * int64_t{1000}};
  auto wait = std::min(asked.count() > 0 ? asked : wait_unasked, retry_wait_max);
  return wait + milliseconds{static_cast<int64_t>(std::clamp(jitter, 0.0, 1.0) * jitter_ms_max)};
}

}  // namespace parley::providers
