/// Counts the tokens of single pieces, most of them by a look into this thread's cache.
///
/// A value for one walk over one text, on one thread.
#pragma once

#include <cstdint>

#include "chat/bpe_cache.hpp"
#include "chat/bpe_tables.hpp"

namespace parley {

class bpe_piece_counter {
 public:
  /// Both outlive the counter.
  bpe_piece_counter(const bpe_tables& tables, bpe_cache& cache) : tables_{tables}, cache_{cache} {}

  /// `text_end` is the end of the memory that may be read.
  uint64_t count(const char* begin, const char* end, const char* text_end);

 private:
  uint64_t merge(const char* begin, const char* end);

  const bpe_tables& tables_;
  bpe_cache& cache_;
};

}  // namespace parley
