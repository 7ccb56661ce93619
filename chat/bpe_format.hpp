/// The table file of one vocabulary: written by chat/vocabulary/make_bpe_tables, mapped by
/// chat/bpe_tables. Little-endian, sections in the order of `bpe_section`, each aligned to 64
/// bytes.
///
/// Bump `version` with every change of layout, of a hash or of a class.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace parley::bpe_format {

static_assert(std::endian::native == std::endian::little, "table files are mapped as they are");

inline constexpr char magic[8] = {'p', 'a', 'r', 'l', 'e', 'y', '\x1a', '\n'};
inline constexpr uint32_t version = 1;
inline constexpr size_t section_alignment = 64;

/// Which split pattern the vocabulary was trained with; the values of token_vocabulary.
enum class pattern : uint32_t { cl100k = 1, o200k = 2 };

enum section : uint32_t {
  token_section,        ///< uint64_t a token, see `token`
  trie_section,         ///< uint64_t a unit, see `trie`
  pair_section,         ///< uint64_t a slot, a power of two of them, see `pair`
  filter_section,       ///< uint64_t a word, a power of two of them
  class_index_section,  ///< uint16_t: the block of code point >> class_block_bits
  class_block_section,  ///< uint8_t a code point, see `character`
  section_count
};

struct section_place {
  uint64_t offset;
  uint64_t bytes;
};

struct file_header {
  char magic[8];
  uint32_t version;
  pattern split;
  uint64_t file_bytes;
  uint64_t checksum;  ///< of everything behind the header
  uint32_t tokens;
  uint32_t token_bytes_max;
  section_place sections[section_count];
};

/// A token in 64 bits: the two tokens that merge into it (itself for a single byte), its longest
/// proper prefix that is a token (itself if there is none) and its length.
namespace token {
inline constexpr int id_bits = 18;
inline constexpr uint32_t id_mask = (1U << id_bits) - 1;
inline constexpr uint32_t bytes_max = 1023;

constexpr uint64_t pack(uint32_t left, uint32_t right, uint32_t prefix, uint32_t bytes) {
  return uint64_t{left} | uint64_t{right} << id_bits | uint64_t{prefix} << (2 * id_bits) |
         uint64_t{bytes} << (3 * id_bits);
}
constexpr uint32_t left(uint64_t token) {
  return static_cast<uint32_t>(token) & id_mask;
}
constexpr uint32_t right(uint64_t token) {
  return static_cast<uint32_t>(token >> id_bits) & id_mask;
}
constexpr uint32_t prefix(uint64_t token) {
  return static_cast<uint32_t>(token >> (2 * id_bits)) & id_mask;
}
constexpr uint32_t bytes(uint64_t token) {
  return static_cast<uint32_t>(token >> (3 * id_bits));
}
}  // namespace token

/// The tokens' bytes as a double array (Aoe 1989): the child of a node by byte b is unit base ^ b
/// and bears the label b. No two nodes share a base; the first 256 units bear no label, so a node
/// without children has base 0. The root is unit 0.
namespace trie {
inline constexpr uint32_t has_label = 0x100;
inline constexpr int base_shift = 9;
inline constexpr int base_bits = 26;
inline constexpr int token_shift = base_shift + base_bits;

/// `token_or_0` is the id + 1 of the token that ends here.
constexpr uint64_t pack(uint32_t label, uint32_t base, uint32_t token_or_0) {
  return uint64_t{label | has_label} | uint64_t{base} << base_shift |
         uint64_t{token_or_0} << token_shift;
}
constexpr bool is_child(uint64_t unit, uint32_t label) {
  return (static_cast<uint32_t>(unit) & 0x1ff) == (label | has_label);
}
constexpr uint32_t base(uint64_t unit) {
  return static_cast<uint32_t>(unit >> base_shift) & ((1U << base_bits) - 1);
}
constexpr uint32_t token_or_0(uint64_t unit) {
  return static_cast<uint32_t>(unit >> token_shift);
}
}  // namespace trie

/// (left, right) -> the token they merge into: open addressing, linear probing, behind a filter of
/// two bits in one word that answers most misses.
namespace pair {
inline constexpr uint64_t empty = ~uint64_t{0};

constexpr uint64_t key(uint32_t left, uint32_t right) {
  return uint64_t{left} << token::id_bits | right;
}
constexpr uint64_t hash(uint64_t key) {
  key *= 0x9e3779b97f4a7c15;
  return (key ^ key >> 32) * 0xd6e8feb86659fd93;
}
constexpr uint64_t pack(uint64_t key, uint32_t merged) {
  return key << token::id_bits | merged;
}
constexpr uint64_t key_of(uint64_t slot) {
  return slot >> token::id_bits;
}
constexpr uint32_t merged(uint64_t slot) {
  return static_cast<uint32_t>(slot) & token::id_mask;
}
constexpr size_t home(uint64_t hash, size_t slots) {
  return (hash >> 20) & (slots - 1);
}
constexpr size_t filter_word(uint64_t hash, size_t words) {
  return (hash >> 44) & (words - 1);
}
constexpr uint64_t filter_bits(uint64_t hash) {
  return uint64_t{1} << (hash & 63) | uint64_t{1} << (hash >> 6 & 63);
}
}  // namespace pair

/// The classes the split patterns tell apart, as bits; Unicode 16.0.
namespace character {
inline constexpr uint8_t upper = 1;      ///< [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
inline constexpr uint8_t lower = 2;      ///< [\p{Ll}\p{Lm}\p{Lo}\p{M}]
inline constexpr uint8_t letter = 4;     ///< \p{L}
inline constexpr uint8_t number = 8;     ///< \p{N}
inline constexpr uint8_t space = 16;     ///< \s, which is White_Space
inline constexpr uint8_t line_end = 32;  ///< [\r\n]
inline constexpr uint8_t other = 64;     ///< [^\s\p{L}\p{N}]

inline constexpr int block_bits = 7;
inline constexpr uint32_t code_points = 0x110000;
inline constexpr uint32_t blocks = code_points >> block_bits;
}  // namespace character

/// Finds accidents, not attackers: four lanes of multiply and fold, some gigabytes a second.
inline uint64_t checksum(const unsigned char* data, size_t bytes) {
  constexpr uint64_t prime = 0x9fb21c651e98df25;
  uint64_t lanes[4] = {bytes, 1, 2, 3};
  auto fold = [&](uint64_t& lane, uint64_t word) {
    lane = (lane ^ word) * prime;
    lane ^= lane >> 29;
  };
  size_t at = 0;
  for (; at + 32 <= bytes; at += 32) {
    for (size_t i = 0; i < 4; ++i) {
      uint64_t word;
      std::memcpy(&word, data + at + 8 * i, sizeof word);
      fold(lanes[i], word);
    }
  }
  for (; at < bytes; ++at) fold(lanes[0], data[at]);
  for (size_t i = 1; i < 4; ++i) fold(lanes[0], lanes[i]);
  return lanes[0];
}

}  // namespace parley::bpe_format
