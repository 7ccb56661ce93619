/// Counts the tokens of single pieces, most of them by a look into this thread's cache.
///
/// A value for one walk over one text, on one thread.
#pragma once

#include <cstdint>

#include "chat/bpe_tables.hpp"

namespace parley {

/// A piece of at most `bytes_max` bytes, padded with zeros, its length, and its count in the last
/// byte. A count of 0 marks an empty slot.
struct cached_piece {
  static constexpr size_t bytes_max = 14;
  uint64_t low, high;
};

class bpe_piece_counter {
 public:
  static constexpr int slot_bits = 15;

  /// `serial` is a number that no other tables of this process have or had.
  bpe_piece_counter(const bpe_tables& tables, uint64_t serial);

  /// `text_end` is the end of the memory that may be read.
  uint64_t count(const char* begin, const char* end, const char* text_end);

 private:
  uint64_t merge(const char* begin, const char* end) const;

  const bpe_tables& tables_;
  cached_piece* slots_;
};

}  // namespace parley
