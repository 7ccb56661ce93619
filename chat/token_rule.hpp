/// What a request costs a model: its messages' measures, summed, by the model's rule. Pure.
///
/// Exact for models with a public vocabulary. For others an estimate, linear in what closed
/// tokenizers differ on and fitted to the usage that answers bring; always marked as estimated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/inspect.hpp"
#include "chat/image_measure.hpp"

namespace parley {

// -- Which vocabulary serves which model --------------------------------------------------------

enum class token_vocabulary : uint8_t { bytes = 0, cl100k_base, o200k_base };

/// "bytes" (no vocabulary at all), "cl100k_base", "o200k_base".
std::string_view to_string(token_vocabulary vocabulary);

/// The vocabulary OpenAI documents for a model; none for every other provider's. A channel prefix
/// ("openai/gpt-4o") and a fine-tune ("ft:gpt-4o:...") are looked through.
std::optional<token_vocabulary> vocabulary_of(std::string_view model);

// -- Sums of measures ---------------------------------------------------------------------------

/// The measures of some messages, added up; a count that is missing is replaced by a careful guess.
struct measure_sum {
  int64_t messages = 0;
  int64_t cl100k = 0, o200k = 0;
  int64_t wide = 0, symbols = 0;
  int64_t images = 0, tiles = 0, patches = 0, areas = 0, crops = 0;
  /// Messages whose count in the vocabulary was guessed.
  int64_t guessed_cl100k = 0, guessed_o200k = 0;

  measure_sum& operator+=(const measure_sum& more);
  measure_sum& operator-=(const measure_sum& less);
};
PARLEY_INSPECT(measure_sum, messages, cl100k, o200k, wide, symbols, images, tiles, patches, areas,
               crops, guessed_cl100k, guessed_o200k)
measure_sum operator+(measure_sum left, const measure_sum& right);
measure_sum operator-(measure_sum left, const measure_sum& right);

/// Of one message.
measure_sum sum_of(const content_measure& measure);
/// True if there is nothing in it that a model could be sent.
bool is_empty(const content_measure& measure);
/// True if the count in the vocabulary is known.
bool is_counted(const content_measure& measure, token_vocabulary vocabulary);

// -- The estimate for models with a closed tokenizer --------------------------------------------

/// What the usage of earlier answers taught about one (provider, model): a prompt's tokens are
/// about weights[0] x o200k tokens + weights[1] x wide characters + weights[2] x symbols +
/// weights[3] x messages + weights[4] x (cl100k - o200k tokens). A plain value to be stored as it
/// is.
struct token_calibration {
  static constexpr size_t terms = 5, entries = terms * terms;
  std::array<double, terms> weights{1.12, 0.12, 0.0, 4.0, 0.0};
  /// Covariance of the weights, row by row; at first each stands alone.
  std::array<double, entries> covariance = [] {
    constexpr std::array<double, terms> variances{0.0225, 0.04, 0.04, 16.0, 0.36};
    std::array<double, entries> diagonal{};
    for (size_t i = 0; i < terms; ++i) diagonal[i * terms + i] = variances[i];
    return diagonal;
  }();
  /// Fading mean square of the relative error each answer found before it was learned from.
  double error_square = 0.0;
  /// Fading maximum of the share by which the estimate was too low.
  double shortfall = 0.0;
  uint32_t samples = 0;
};
PARLEY_INSPECT(token_calibration, weights, covariance, error_square, shortfall, samples)

/// One step of recursive least squares towards the prompt tokens that the provider named for what
/// was sent. Samples that cannot be text alone (images, no content, more than eight times off)
/// change nothing.
token_calibration learned(token_calibration known, const measure_sum& sent, int64_t prompt_tokens);

// -- The rule -----------------------------------------------------------------------------------

/// How the messages of one model are counted. Resolved once a turn, kept by value.
struct token_rule {
  token_vocabulary vocabulary = token_vocabulary::o200k_base;
  bool is_estimated = true;
  token_calibration calibration;  ///< of an estimate
  image_rule images;
};

/// Exact for the models of vocabulary_of, the calibrated estimate for others.
token_rule token_rule_of(std::string_view model, const token_calibration& calibration = {});

/// What a conversation costs beside its messages: the reply's opening (OpenAI cookbook).
inline constexpr int64_t tokens_per_conversation = 3;

/// Tokens of the contents alone, without what the provider adds for each message.
int64_t content_tokens(const token_rule& rule, const measure_sum& sum);
/// The whole messages: with their roles and what the provider adds for each.
int64_t message_tokens_of(const token_rule& rule, const measure_sum& sum);
/// True if some of it is not known exactly.
bool is_estimated(const token_rule& rule, const measure_sum& sum);
/// The share to keep free so that a request of this make is hardly ever longer than planned: 0 for
/// exact counts, otherwise by the residuals and by how little is known of such texts.
double guard_of(const token_rule& rule, const measure_sum& sum);

}  // namespace parley
