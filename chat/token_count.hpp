/// How many tokens a text has in the public vocabularies, and the measure of a message.
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
#include "chat/token_rule.hpp"

namespace parley {

class bpe;
class bpe_growing;
class token_counter;

/// api.md's `tokens` {count, vocabulary, estimated}.
struct token_count {
  uint64_t tokens = 0;
  token_vocabulary vocabulary = token_vocabulary::bytes;
  bool is_estimated = true;
};

/// Measures a reply while it streams in, in both vocabularies: each looks at each byte about twice,
/// however long the reply. Owned by whoever receives the reply; one thread at a time; outlives its
/// token_counter never.
class token_meter {
 public:
  void append(std::string_view text);
  /// The same as token_counter::count_content of all that was appended.
  token_count count();
  /// The same as token_counter::measure.
  content_measure measure();

  token_meter(token_meter&&) noexcept;
  token_meter& operator=(token_meter&&) noexcept;
  ~token_meter();

 private:
  friend class token_counter;
  token_meter(const token_counter& counter, token_vocabulary served);

  std::unique_ptr<bpe_growing>& growing(token_vocabulary vocabulary);

  const token_counter* counter_;
  token_vocabulary served_;
  std::unique_ptr<bpe_growing> cl100k_, o200k_;  ///< from the first text on, with a table
  int64_t ascii_bytes_ = 0, other_bytes_ = 0, wide_ = 0, symbols_ = 0;
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

  /// One sentence for each table that could not be used.
  const std::vector<error>& faults() const { return faults_; }
  /// True if texts of this vocabulary are counted exactly.
  bool has(token_vocabulary vocabulary) const;
  /// The engine of a vocabulary, null if has() is false.
  const bpe* engine(token_vocabulary vocabulary) const;

  /// The text's own tokens, whatever a model's rule adds.
  token_count count_content(token_vocabulary vocabulary, std::string_view text) const;
  /// A text, or what of a message's parts is sent: texts, refusals and images, no reasoning.
  content_measure measure(token_vocabulary vocabulary, std::string_view text) const;
  content_measure measure(token_vocabulary vocabulary, const std::vector<part>& parts) const;

  token_meter meter(token_vocabulary vocabulary) const;

  /// Lets go of the tables' pages in memory and of all threads' caches; what counts next maps those
  /// it needs again.
  void release_memory() const;

 private:
  std::unique_ptr<const bpe> cl100k_, o200k_;
  std::vector<error> faults_;
};

/// What of a message's parts is sent as text, joined.
std::string sent_text_of(const std::vector<part>& parts);
/// How many bytes measure() would look at.
size_t measured_bytes_of(const std::vector<part>& parts);

/// What OpenAI's recipe adds for a message's name.
int64_t name_tokens(const token_counter& counter, const token_rule& rule, std::string_view name);

}  // namespace parley
