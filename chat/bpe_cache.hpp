/// What one thread remembers of one vocabulary: the counts of short pieces and which neighbours are
/// stable. A memo of pure functions, so nobody can tell that it is there.
///
/// Belongs to its thread, which makes it with the first count and keeps it, `sizeof(bpe_cache)`,
/// until somebody calls release_bpe_caches().
#pragma once

#include <array>
#include <cstdint>

#include "chat/bpe_tables.hpp"

namespace parley {

/// A piece of at most `bytes_max` bytes, padded with zeros, its length, and its count in the last
/// byte. A count of 0 marks an empty slot.
struct cached_piece {
  static constexpr size_t bytes_max = 14;
  uint64_t low, high;
};

struct bpe_cache {
  static constexpr int piece_slot_bits = 15;
  static constexpr int pair_slot_bits = 13;

  uint64_t serial = 0;
  std::array<cached_piece, size_t{1} << piece_slot_bits> pieces{};
  /// left, right, whether they are stable, and a bit that marks a slot in use.
  std::array<uint64_t, size_t{1} << pair_slot_bits> pairs{};

  /// tables.is_stable(), remembered.
  bool is_stable(const bpe_tables& tables, uint32_t left, uint32_t right) {
    auto key = bpe_format::pair::key(left, right) << 2 | 2;
    auto& slot = pairs[key * 0x9e3779b97f4a7c15 >> (64 - pair_slot_bits)];
    if ((slot | 1) == (key | 1)) return (slot & 1) != 0;
    auto result = tables.is_stable(left, right);
    slot = key | (result ? 1 : 0);
    return result;
  }
};

/// The calling thread's cache, held while it counts; uses may be nested.
class bpe_cache_use {
 public:
  /// Emptied if it held other tables'. `serial` is a number that no other tables of this process
  /// have or had.
  bpe_cache_use(const bpe_tables& tables, uint64_t serial);
  bpe_cache_use(const bpe_cache_use&) = delete;
  bpe_cache_use& operator=(const bpe_cache_use&) = delete;

  bpe_cache& operator*() const { return *cache_; }

 private:
  /// Of the calling thread's caches; let go also if there is no memory for one.
  struct hold {
    hold();
    ~hold();
  };

  hold hold_;
  bpe_cache* cache_;
};

/// Frees the caches of all threads that do not count at this moment.
void release_bpe_caches();

}  // namespace parley
