/// Exact byte-pair counting and encoding with one vocabulary, as tiktoken's encode_ordinary does
/// it.
///
/// Invalid UTF-8 counts as U+FFFD, the text of special tokens is ordinary text. Constant, so every
/// thread may use it; each thread that counts keeps a cache of short pieces (bpe_cache, about
/// half a megabyte).
/// Linear in the text whatever it holds; never fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "chat/bpe_tables.hpp"

namespace parley {

class bpe_cache_use;

class bpe {
 public:
  explicit bpe(bpe_tables tables);

  uint64_t count(std::string_view text) const;
  /// The count if it is at most `limit`; stops at the piece that exceeds it.
  std::optional<uint64_t> count_up_to(std::string_view text, uint64_t limit) const;
  std::vector<uint32_t> encode(std::string_view text) const;
  /// The size of a beginning that ends at a code point and counts at most `tokens_max`; the whole
  /// text if that does. It holds the first `tokens_max` tokens but for those given back so that the
  /// beginning alone, whose last piece may split otherwise, keeps the limit.
  size_t split_at_tokens(std::string_view text, uint64_t tokens_max) const;

  struct growing_count {
    uint64_t tokens;          ///< of the whole text
    size_t settled_bytes;     ///< up to the start of the second-to-last piece
    uint64_t settled_tokens;  ///< of those bytes, whatever text may follow
  };
  /// For bpe_growing: `text` is valid UTF-8 and begins where a piece does.
  growing_count count_growing(std::string_view text) const;

  const bpe_tables& tables() const { return tables_; }
  /// The calling thread's.
  bpe_cache_use cache() const;

 private:
  bpe_tables tables_;
  uint64_t serial_;  ///< tells the threads' caches whose pieces they hold
};

}  // namespace parley
