/// Merges the bytes of one piece into tokens: the same tokens as merging pair by pair, lowest rank
/// first, found in linear time by backtracking over longest matches.
///
/// A value for one piece; never fails.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chat/bpe_cache.hpp"
#include "chat/bpe_tables.hpp"

namespace parley {

class bpe_merger {
 public:
  /// What counting keeps: enough to step back as far as any known text demands, little enough to
  /// come from the heap without page faults.
  static constexpr size_t tokens_kept_to_count = 16'384;

  /// `piece` is not empty. Who only counts need not keep all tokens, but at least two; a step back
  /// beyond those kept starts again and keeps all.
  bpe_merger(const bpe_tables& tables, bpe_cache& cache, std::string_view piece,
             size_t tokens_kept_max = SIZE_MAX);

  /// How many tokens there are.
  uint64_t count() const { return dropped_ + kept_; }
  /// The last ones, which are all if all were kept; valid as long as the merger.
  std::span<const uint32_t> tokens() const { return {tokens_, kept_}; }

  /// How often a candidate was tried or taken back: at most as often for each byte as
  /// a token has prefixes that are tokens.
  uint64_t steps() const { return steps_; }

 private:
  /// False if it had to step back beyond the tokens kept.
  template <class Matches>
  bool merge(const bpe_tables& tables, bpe_cache& cache, std::string_view piece);
  void push(uint32_t token);

  // Pieces are rarely longer than a word: short ones need no memory from the heap.
  static constexpr size_t short_bytes_max = 192;
  uint64_t short_dead_[short_bytes_max / 64 + 1];
  uint32_t short_tokens_[short_bytes_max];
  std::vector<uint64_t> long_dead_;
  std::vector<uint32_t> long_tokens_;

  uint64_t* dead_;  ///< a bit for each position from which no tokens lead to the piece's end
  uint32_t* tokens_;
  size_t tokens_max_ = short_bytes_max;
  size_t tokens_kept_max_;
  size_t kept_ = 0;
  uint64_t dropped_ = 0;
  uint64_t steps_ = 0;
};

}  // namespace parley
