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
  /// `piece` is not empty.
  bpe_merger(const bpe_tables& tables, bpe_cache& cache, std::string_view piece);

  /// In their order; valid as long as the merger.
  std::span<const uint32_t> tokens() const { return {tokens_, count_}; }

  /// How often a candidate was tried or taken back: at most as often
  /// for each byte as a token has prefixes that are tokens.
  uint64_t steps() const { return steps_; }

 private:
  template <class Matches>
  void merge(const bpe_tables& tables, bpe_cache& cache, std::string_view piece);

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
  size_t count_ = 0;
  uint64_t steps_ = 0;
};

}  // namespace parley
