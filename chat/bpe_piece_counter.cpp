#include "chat/bpe_piece_counter.hpp"

#include <array>
#include <cstring>

#include "chat/bpe_merger.hpp"

namespace parley {

namespace {

constexpr int length_shift = 48;
constexpr int count_shift = 56;
constexpr uint64_t key_mask = (uint64_t{1} << count_shift) - 1;

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
  return (hash ^ hash >> 32) * 0xd6e8feb86659fd93 >> (64 - bpe_cache::piece_slot_bits);
}

}  // namespace

uint64_t bpe_piece_counter::count(const char* begin, const char* end, const char* text_end) {
  auto bytes = static_cast<size_t>(end - begin);
  if (bytes > cached_piece::bytes_max) return merge(begin, end);
  auto piece = load(begin, bytes, text_end);
  auto& slot = cache_.pieces[home_of(piece)];
  if (slot.low == piece.low && (slot.high & key_mask) == piece.high)
    return slot.high >> count_shift;
  auto tokens = merge(begin, end);
  slot = {piece.low, piece.high | tokens << count_shift};
  return tokens;
}

uint64_t bpe_piece_counter::merge(const char* begin, const char* end) {
  std::string_view piece{begin, static_cast<size_t>(end - begin)};
  return bpe_merger{tables_, cache_, piece, bpe_merger::tokens_kept_to_count}.count();
}

}  // namespace parley
