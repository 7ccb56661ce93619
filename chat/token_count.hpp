/// How many tokens a text costs for a model: exact where the model's vocabulary is public, a
/// calibrated estimate otherwise.
///
/// app/ opens one token_counter and lends it to whoever counts; it is constant and every thread may
/// use it. Nothing here fails: without the table files a count is estimated from bytes and says so.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/inspect.hpp"

namespace parley {

class bpe;
class bpe_growing;

// -- Which vocabulary serves which model --------------------------------------------------------

enum class token_vocabulary : uint8_t { bytes = 0, cl100k_base, o200k_base };

/// "bytes" (no vocabulary at all), "cl100k_base", "o200k_base".
std::string_view to_string(token_vocabulary vocabulary);

/// The vocabulary OpenAI documents for a model; none for every other provider's. A channel prefix
/// ("openai/gpt-4o") and a fine-tune ("ft:gpt-4o:...") are looked through.
std::optional<token_vocabulary> vocabulary_of(std::string_view model);

// -- The estimate for models with a closed tokenizer --------------------------------------------

/// What the usage of earlier answers taught about one (provider, model): its prompt tokens are
/// about `factor` x o200k tokens + `per_message` x messages. A plain value to be stored as it is.
struct token_calibration {
  double factor = 1.2;
  double per_message = 4.0;
  /// Upper half of the 2 x 2 covariance of the two, in units of the residuals' variance.
  double covariance_00 = 25.0, covariance_01 = 0.0, covariance_11 = 10'000.0;
  /// Fading mean square of the relative error each answer found before it was learned from.
  double error_square = 0.0;
  uint32_t samples = 0;
};
PARLEY_INSPECT(token_calibration, factor, per_message, covariance_00, covariance_01, covariance_11,
               error_square, samples)

/// One answer's usage: what was sent, counted in o200k tokens of the contents alone, and what the
/// provider says it was.
struct token_usage_sample {
  uint64_t content_tokens = 0;
  uint32_t messages = 0;
  uint64_t prompt_tokens = 0;
};

/// One step of recursive least squares. Samples that cannot be text alone (no content, more
/// than eight times off) change nothing.
token_calibration learned(token_calibration known, const token_usage_sample& sample);

/// The share to add so that a window planned on the estimate rarely turns out too long: twice the
/// residuals' deviation, within 2 % and 50 %; 25 % while fewer than three samples are known.
double guard_of(const token_calibration& known);

// -- Counting -----------------------------------------------------------------------------------

/// How the texts of one model are counted. Resolved once a turn, kept by value.
struct token_rule {
  token_vocabulary vocabulary = token_vocabulary::o200k_base;
  bool is_estimated = true;
  double factor = 1.0;
  double per_message = 3.0;
  /// Truncate on tokens x (1 + guard).
  double guard = 0.0;
};

/// What a conversation costs beside its messages: the reply's opening (OpenAI cookbook).
inline constexpr uint64_t tokens_per_conversation = 3;

/// Exact for the models of vocabulary_of, the calibrated estimate for others.
token_rule token_rule_of(std::string_view model, const token_calibration& calibration = {});

/// api.md's `tokens` {count, vocabulary, estimated}.
struct token_count {
  uint64_t tokens = 0;
  token_vocabulary vocabulary = token_vocabulary::bytes;
  bool is_estimated = true;
};

/// One message as a model gets it; `name` is empty for nearly all.
struct token_message {
  std::string_view role;
  std::string_view content;
  std::string_view name;
};

/// Counts a reply while it streams in: each byte is looked at about twice, however long the reply.
/// Owned by whoever receives the reply; one thread at a time; outlives its token_counter never.
class token_meter {
 public:
  void append(std::string_view text);
  /// The same as token_counter::count of all that was appended.
  token_count count();

  token_meter(token_meter&&) noexcept;
  token_meter& operator=(token_meter&&) noexcept;
  ~token_meter();

 private:
  friend class token_counter;
  token_meter(const token_rule& rule, token_vocabulary served, std::unique_ptr<bpe_growing> exact);

  token_rule rule_;
  token_vocabulary served_;
  std::unique_ptr<bpe_growing> exact_;
  uint64_t ascii_bytes_ = 0, other_bytes_ = 0;
};

class token_counter {
 public:
  /// No tables: every count is estimated from bytes.
  token_counter();
  /// Maps `folder`/{cl100k_base,o200k_base}.bpe. A missing or damaged table leaves its vocabulary
  /// to the byte estimate; faults() says so.
  explicit token_counter(const std::string& folder);
  token_counter(token_counter&&) noexcept;
  token_counter& operator=(token_counter&&) noexcept;
  ~token_counter();

  /// One sentence for each table that could not be used, for the log and the health page.
  const std::vector<error>& faults() const { return faults_; }
  /// True if texts of this vocabulary are counted exactly.
  bool has(token_vocabulary vocabulary) const;
  /// The engine of a vocabulary, null if has() is false.
  const bpe* engine(token_vocabulary vocabulary) const;

  /// token_rule_of, with the wider guard of the byte estimate where the table is missing.
  token_rule rule_of(std::string_view model, const token_calibration& calibration = {}) const;

  /// The text alone, the rule's factor applied.
  token_count count(const token_rule& rule, std::string_view text) const;
  /// The text, the role and the name, and what the provider adds for each message.
  token_count count(const token_rule& rule, const token_message& message) const;
  /// All messages and the reply's opening.
  token_count count(const token_rule& rule, std::span<const token_message> messages) const;
  /// As for a model whose name is given.
  token_count count(std::string_view model, std::string_view text) const;

  /// The content's tokens without factor or constants: what is stored with a message, so that a
  /// better calibration needs no recount. `vocabulary` and `is_estimated` say what was counted.
  token_count count_content(token_vocabulary vocabulary, std::string_view text) const;

  /// True if the text costs at most `tokens_max`; looks no further than it must.
  bool fits(const token_rule& rule, std::string_view text, uint64_t tokens_max) const;
  /// The longest beginning found that costs at most `tokens_max`, cut at a code point.
  std::string_view cut(const token_rule& rule, std::string_view text, uint64_t tokens_max) const;

  token_meter meter(const token_rule& rule) const;

 private:
  std::unique_ptr<const bpe> cl100k_, o200k_;
  std::vector<error> faults_;
};

/// Content tokens -> tokens of the rule's model: factor x content + per_message x messages.
uint64_t apply(const token_rule& rule, uint64_t content_tokens, uint64_t messages);

}  // namespace parley
