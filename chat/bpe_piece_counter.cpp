#include "chat/bpe_piece_counter.hpp"

#include <array>
#include <cstring>
#include <memory>

#include "chat/bpe_merger.hpp"

namespace parley {

namespace {

constexpr size_t slot_count = size_t{1} << bpe_piece_counter::slot_bits;
constexpr int length_shift = 48;
constexpr int count_shift = 56;
constexpr uint64_t key_mask = (uint64_t{1} << count_shift) - 1;

struct piece_cache {
  uint64_t serial;
  std::array<cached_piece, slot_count> slots;
};

// One for each pattern and thread: a memo of a pure function, so nobody can tell that it is there.
thread_local constinit std::unique_ptr<piece_cache> caches[2];

struct piece_masks {
  std::array<uint64_t, 16> low{}, high{};
};

constexpr piece_masks make_masks() {
  piece_masks masks;
  for (size_t bytes = 0; bytes < 16; ++bytes) {
    masks.low[bytes] = bytes >= 8 ? ~uint64_t{0} : (uint64_t{1} << 8 * bytes) - 1;
    masks.high[bytes] = bytes <= 8 ? 0 : (uint64_t{1} << 8 * (bytes - 8)) - 1;
  }
  return masks;
}

constexpr auto masks = make_masks();

cached_piece load(const char* begin, size_t bytes, const char* text_end) {
  cached_piece piece{0, 0};
  if (text_end - begin >= static_cast<std::ptrdiff_t>(sizeof piece)) {
    std::memcpy(&piece, begin, sizeof piece);
    piece.low &= masks.low[bytes];
    piece.high &= masks.high[bytes];
  } else {
    std::memcpy(&piece, begin, bytes);
  }
  piece.high |= uint64_t{bytes} << length_shift;
  return piece;
}

size_t home_of(const cached_piece& piece) {
  auto hash = (piece.low ^ (piece.high * 0x9fb21c651e98df25)) * 0x9e3779b97f4a7c15;
  return (hash ^ hash >> 32) * 0xd6e8feb86659fd93 >> (64 - bpe_piece_counter::slot_bits);
}

}  // namespace

bpe_piece_counter::bpe_piece_counter(const bpe_tables& tables, uint64_t serial) : tables_{tables} {
  auto& cache = caches[tables.split() == bpe_format::pattern::o200k ? 1 : 0];
  if (!cache || cache->serial != serial) {
    cache = std::make_unique<piece_cache>();
    cache->serial = serial;
  }
  slots_ = cache->slots.data();
}

uint64_t bpe_piece_counter::count(const char* begin, const char* end, const char* text_end) {
  auto bytes = static_cast<size_t>(end - begin);
  if (bytes > cached_piece::bytes_max) return merge(begin, end);
  auto piece = load(begin, bytes, text_end);
  auto& slot = slots_[home_of(piece)];
  if (slot.low == piece.low && (slot.high & key_mask) == piece.high)
    return slot.high >> count_shift;
  auto tokens = merge(begin, end);
  slot = {piece.low, piece.high | tokens << count_shift};
  return tokens;
}

uint64_t bpe_piece_counter::merge(const char* begin, const char* end) const {
  bpe_merger merger{tables_, {begin, static_cast<size_t>(end - begin)}};
  return merger.tokens().size();
}

}  // namespace parley
