#include "chat/bpe_tables.hpp"

#include <filesystem>
#include <utility>

namespace parley {

namespace format = bpe_format;

namespace {

constexpr uint32_t no_token = UINT32_MAX;

error fault(std::string_view reason, const std::string& path, const std::string& what) {
  return make_error(reason == "vocabulary_missing" ? errc::unavailable : errc::corrupt_data, reason,
                    "The token table " + path + " " + what +
                        ": run `npm ci` in chat/vocabulary and build again, or set vocabulary_dir"
                        " to none, and all counts are estimates.");
}

size_t section_bytes(const format::file_header& header, format::section which) {
  return header.sections[which].bytes;
}

bool is_power_of_two_words(uint64_t bytes) {
  return bytes >= sizeof(uint64_t) && std::has_single_bit(bytes);
}

// The checksum finds accidents; these keep a file made by another generator from leading a look-up
// out of the mapping's sections.
bool has_sound_sections(const format::file_header& header) {
  uint64_t end = sizeof header;
  for (auto& place : header.sections) {
    if (place.offset % format::section_alignment != 0 || place.offset < end) return false;
    if (place.bytes > header.file_bytes || place.offset > header.file_bytes - place.bytes)
      return false;
    end = place.offset + place.bytes;
  }
  auto trie_bytes = section_bytes(header, format::trie_section);
  auto blocks = section_bytes(header, format::class_block_section);
  return header.tokens >= 256 && header.tokens <= format::token::id_mask &&
         section_bytes(header, format::token_section) == header.tokens * sizeof(uint64_t) &&
         trie_bytes >= 512 * sizeof(uint64_t) && trie_bytes % (256 * sizeof(uint64_t)) == 0 &&
         is_power_of_two_words(section_bytes(header, format::pair_section)) &&
         is_power_of_two_words(section_bytes(header, format::filter_section)) &&
         section_bytes(header, format::class_index_section) ==
             format::character::blocks * sizeof(uint16_t) &&
         blocks > 0 && blocks % (size_t{1} << format::character::block_bits) == 0;
}

const format::file_header* header_of(std::string_view file) {
  return reinterpret_cast<const format::file_header*>(file.data());
}

error check(const std::string& path, std::string_view file) {
  if (file.size() < sizeof(format::file_header))
    return fault("vocabulary_damaged", path, "is truncated");
  const auto& header = *header_of(file);
  if (std::memcmp(header.magic, format::magic, sizeof format::magic) != 0)
    return fault("vocabulary_damaged", path, "is no token table");
  if (header.version != format::version) {
    return fault("vocabulary_version", path,
                 "has version " + std::to_string(header.version) + ", this server reads version " +
                     std::to_string(format::version));
  }
  if (header.file_bytes != file.size()) return fault("vocabulary_damaged", path, "is truncated");
  auto data = reinterpret_cast<const unsigned char*>(&header);
  if (header.checksum != format::checksum(data + sizeof header, file.size() - sizeof header))
    return fault("vocabulary_damaged", path, "does not match its checksum");
  auto is_known = header.split == format::pattern::cl100k || header.split == format::pattern::o200k;
  if (!is_known || !has_sound_sections(header))
    return fault("vocabulary_damaged", path, "has a layout of its own");
  return {};
}

template <class T>
const T* section_at(const format::file_header* header, format::section which) {
  auto bytes = reinterpret_cast<const unsigned char*>(header) + header->sections[which].offset;
  return reinterpret_cast<const T*>(bytes);
}

}  // namespace

expected<bpe_tables> bpe_tables::open(const std::string& path) {
  auto file = mapped_file::open(path);
  if (!file) {
    std::error_code failed;
    auto is_there = std::filesystem::exists(path, failed);
    return fault("vocabulary_missing", path,
                 is_there ? "cannot be read (" + sentence_of(file.error()) + ")" : "is missing");
  }
  if (auto e = check(path, file->bytes())) return e;
  bpe_tables tables{std::move(*file)};
  tables.locate_sections();
  return tables;
}

bpe_tables::bpe_tables(mapped_file file)
    : file_{std::move(file)}, header_{header_of(file_.bytes())} {}

void bpe_tables::locate_sections() {
  tokens_ = section_at<uint64_t>(header_, format::token_section);
  trie_ = section_at<uint64_t>(header_, format::trie_section);
  pairs_ = section_at<uint64_t>(header_, format::pair_section);
  filter_ = section_at<uint64_t>(header_, format::filter_section);
  class_index_ = section_at<uint16_t>(header_, format::class_index_section);
  class_blocks_ = section_at<uint8_t>(header_, format::class_block_section);
  pair_slots_ = section_bytes(*header_, format::pair_section) / sizeof(uint64_t);
  filter_words_ = section_bytes(*header_, format::filter_section) / sizeof(uint64_t);
}

uint32_t bpe_tables::merged(uint32_t left, uint32_t right) const {
  auto key = format::pair::key(left, right);
  auto hash = format::pair::hash(key);
  auto bits = format::pair::filter_bits(hash);
  if ((filter_[format::pair::filter_word(hash, filter_words_)] & bits) != bits) return no_token;
  for (auto at = format::pair::home(hash, pair_slots_);; at = (at + 1) & (pair_slots_ - 1)) {
    auto slot = pairs_[at];
    if (slot == format::pair::empty) return no_token;
    if (format::pair::key_of(slot) == key) return format::pair::merged(slot);
  }
}

// Undoes the merges of both sides from the last one on, and asks each time whether the two tokens
// that meet at the border would have merged earlier. `limit` is the rank of the merge undone last.
// The idea is that of github/rust-gems' crate bpe.
bool bpe_tables::is_stable(uint32_t left, uint32_t right) const {
  uint32_t limit = no_token;
  for (;;) {
    if (merged(left, right) < limit) return false;
    auto inner_left = format::token::right(tokens_[left]);
    auto inner_right = format::token::left(tokens_[right]);
    auto is_left_whole = inner_left == left;
    auto is_right_whole = inner_right == right;
    if (is_left_whole && is_right_whole) return true;
    if ((left > right && !is_left_whole) || is_right_whole) {
      limit = left;
      left = inner_left;
    } else {
      limit = right + 1;
      right = inner_right;
    }
  }
}

}  // namespace parley
