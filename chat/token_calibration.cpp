// Recursive least squares on y/x = factor + per_message * m/x: divided by the content's tokens x,
// so that a long and a short conversation weigh the same and the residual is a share.
#include <algorithm>
#include <cmath>

#include "chat/token_count.hpp"

namespace parley {

namespace {

constexpr double ratio_max = 8.0;
constexpr double forgetting = 0.98;  // half of what is known comes from the last 35 answers
constexpr double factor_min = 0.25, factor_max = 4.0;
constexpr double per_message_max = 64.0;
constexpr double error_weight_min = 0.1;
constexpr uint32_t samples_for_guard = 3;
constexpr double guard_min = 0.02, guard_max = 0.5, guard_unknown = 0.25;

// Conversations of one shape teach nothing about one of the two unknowns; forgetting would let its
// covariance grow without end.
void bound_covariance(token_calibration& known) {
  const token_calibration prior;
  known.covariance_00 = std::clamp(known.covariance_00, 0.0, prior.covariance_00);
  known.covariance_11 = std::clamp(known.covariance_11, 0.0, prior.covariance_11);
  auto limit = std::sqrt(known.covariance_00 * known.covariance_11);
  known.covariance_01 = std::clamp(known.covariance_01, -limit, limit);
}

}  // namespace

token_calibration learned(token_calibration known, const token_usage_sample& sample) {
  if (sample.content_tokens == 0 || sample.messages == 0) return known;
  auto content = static_cast<double>(sample.content_tokens);
  auto share = static_cast<double>(sample.messages) / content;
  auto ratio = static_cast<double>(sample.prompt_tokens) / content;
  auto predicted = known.factor + known.per_message * share;
  auto relative = ratio / predicted;
  if (!(relative <= ratio_max && relative >= 1.0 / ratio_max)) return known;

  auto error = ratio - predicted;
  ++known.samples;
  auto weight = std::max(1.0 / known.samples, error_weight_min);
  known.error_square += weight * ((relative - 1.0) * (relative - 1.0) - known.error_square);

  auto direction_0 = known.covariance_00 + known.covariance_01 * share;
  auto direction_1 = known.covariance_01 + known.covariance_11 * share;
  auto spread = forgetting + direction_0 + direction_1 * share;
  auto gain_0 = direction_0 / spread, gain_1 = direction_1 / spread;
  known.factor = std::clamp(known.factor + gain_0 * error, factor_min, factor_max);
  known.per_message = std::clamp(known.per_message + gain_1 * error, 0.0, per_message_max);
  known.covariance_00 = (known.covariance_00 - gain_0 * direction_0) / forgetting;
  known.covariance_01 = (known.covariance_01 - gain_0 * direction_1) / forgetting;
  known.covariance_11 = (known.covariance_11 - gain_1 * direction_1) / forgetting;
  bound_covariance(known);
  return known;
}

double guard_of(const token_calibration& known) {
  if (known.samples < samples_for_guard) return guard_unknown;
  return std::clamp(2.0 * std::sqrt(known.error_square), guard_min, guard_max);
}

}  // namespace parley
