// Recursive least squares on the ratio of a prompt's tokens to its o200k count x:
// y/x = w0 + w1 wide/x + w2 symbols/x + w3 messages/x + w4 (cl100k - x)/x. Divided by x, a long
// and a short conversation weigh the same and a residual is a share.
#include <algorithm>
#include <cmath>

#include "chat/token_rule.hpp"

namespace parley {

namespace {

constexpr size_t terms = token_calibration::terms;
using vector = std::array<double, terms>;

constexpr double ratio_max = 8.0;
constexpr double forgetting = 0.995;  // half of what is known comes from the last 140 answers
// A short request is further from the mean of its kind than a long one: texts vary, not tokenizers.
constexpr double noise_square = 0.0004, noise_tokens = 1000.0;
constexpr double error_weight_min = 0.1, shortfall_fading = 0.98;
constexpr double guard_min = 0.02, guard_max = 1.5, guard_unknown = 0.25, guard_new = 0.35;
constexpr uint32_t samples_for_residual = 3, samples_for_guard = 6;
constexpr double deviations = 2.5;
// Some tokenizers take other scripts byte by byte: until an answer told, so many times more is
// unknown of such texts than learning begins with.
constexpr double wide_doubt = 11.0;
constexpr vector weights_min{0.25, -0.5, -1.5, 0.0, -1.0}, weights_max{4.0, 4.0, 2.0, 64.0, 3.0};

vector features_of(const measure_sum& sum) {
  auto tokens = static_cast<double>(std::max<int64_t>(sum.o200k, 1));
  return {1.0, static_cast<double>(sum.wide) / tokens, static_cast<double>(sum.symbols) / tokens,
          static_cast<double>(sum.messages) / tokens,
          static_cast<double>(sum.cl100k - sum.o200k) / tokens};
}

bool is_guessed(const measure_sum& sum) {
  return sum.guessed_cl100k > 0 || sum.guessed_o200k > 0;
}

double dot(const vector& left, const vector& right) {
  double sum = 0;
  for (size_t i = 0; i < terms; ++i) sum += left[i] * right[i];
  return sum;
}

/// What learning begins with of that in a ratio's variance which is due to other scripts.
double wide_variance(const vector& features) {
  static const token_calibration prior;
  constexpr size_t wide = 1;
  return prior.covariance[wide * terms + wide] * features[wide] * features[wide];
}

vector spread_of(const token_calibration& known, const vector& features) {
  vector spread{};
  for (size_t i = 0; i < terms; ++i)
    for (size_t j = 0; j < terms; ++j) spread[i] += known.covariance[i * terms + j] * features[j];
  return spread;
}

// Conversations of one make teach nothing about some of the weights; forgetting would let their
// covariance grow without end.
void bound_covariance(token_calibration& known) {
  static const token_calibration prior;
  for (size_t i = 0; i < terms; ++i) {
    auto limit = prior.covariance[i * terms + i];
    auto present = known.covariance[i * terms + i];
    if (present >= 0 && present <= limit) continue;
    auto shrink = present > 0 ? std::sqrt(limit / present) : 0;
    for (size_t j = 0; j < terms; ++j) {
      known.covariance[i * terms + j] *= shrink;
      known.covariance[j * terms + i] *= shrink;
    }
  }
}

}  // namespace

token_calibration learned(token_calibration known, const measure_sum& sent, int64_t prompt_tokens) {
  if (sent.o200k <= 0 || sent.messages <= 0 || sent.images > 0 || is_guessed(sent)) return known;
  auto features = features_of(sent);
  auto content = static_cast<double>(sent.o200k);
  auto ratio = static_cast<double>(prompt_tokens) / content;
  auto predicted = std::max(dot(known.weights, features), 0.05);
  auto relative = ratio / predicted;
  if (!(relative <= ratio_max && relative >= 1.0 / ratio_max)) return known;

  auto error = ratio - predicted;
  ++known.samples;
  auto weight = std::max(1.0 / known.samples, error_weight_min);
  known.error_square += weight * ((relative - 1.0) * (relative - 1.0) - known.error_square);
  // What the first answers correct was not known, which the covariance says already.
  if (known.samples > samples_for_guard)
    known.shortfall = std::max(known.shortfall * shortfall_fading, relative - 1.0);

  auto spread = spread_of(known, features);
  auto noise = noise_square * (1.0 + noise_tokens / content);
  auto scale = forgetting * noise + dot(spread, features);
  for (size_t i = 0; i < terms; ++i)
    known.weights[i] =
        std::clamp(known.weights[i] + spread[i] / scale * error, weights_min[i], weights_max[i]);
  for (size_t i = 0; i < terms; ++i)
    for (size_t j = 0; j < terms; ++j)
      known.covariance[i * terms + j] =
          (known.covariance[i * terms + j] - spread[i] * spread[j] / scale) / forgetting;
  bound_covariance(known);
  return known;
}

double guard_of(const token_rule& rule, const measure_sum& sum) {
  if (!rule.is_estimated) return is_estimated(rule, sum) ? guard_unknown : 0.0;
  const auto& known = rule.calibration;
  auto features = features_of(sum);
  auto predicted = std::max(dot(known.weights, features), 0.05);
  auto variance = std::max(dot(spread_of(known, features), features), 0.0);
  if (auto wide = wide_variance(features); wide > 0) {
    auto share = std::min(variance / wide, 1.0);
    variance += wide_doubt * share * share * wide;
  }
  auto unknown = std::sqrt(variance) / predicted;
  auto residual_square = known.samples < samples_for_residual ? 0.0 : known.error_square;
  auto guard = deviations * std::sqrt(unknown * unknown + residual_square);
  guard = std::max(guard, known.shortfall * 1.2);
  if (known.samples < samples_for_guard) guard = std::max(guard, guard_new);
  if (is_guessed(sum)) guard = std::max(guard, guard_unknown);
  return std::clamp(guard, guard_min, guard_max);
}

}  // namespace parley
