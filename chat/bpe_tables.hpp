/// The precomputed tables of one vocabulary, mapped read-only from a file and shared by all
/// threads.
///
/// Owned by a `bpe`. open() checks magic, version, size and checksum and fails with one sentence;
/// the look-ups then trust what was checked and never fail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/mapped_file.hpp"
#include "chat/bpe_format.hpp"

namespace parley {

class bpe_tables {
 public:
  /// Reasons: vocabulary_missing, vocabulary_damaged, vocabulary_version.
  static expected<bpe_tables> open(const std::string& path);

  /// mapped_file::release_pages().
  void release_pages() const { file_.release_pages(); }

  bpe_format::pattern split() const { return header_->split; }
  uint32_t tokens() const { return header_->tokens; }
  uint32_t token_bytes_max() const { return header_->token_bytes_max; }

  uint32_t bytes_of(uint32_t token) const { return bpe_format::token::bytes(tokens_[token]); }
  /// The longest proper prefix that is a token; the token itself if there is none.
  uint32_t prefix_of(uint32_t token) const { return bpe_format::token::prefix(tokens_[token]); }

  struct match {
    uint32_t token;
    /// Where the search ended. Before the end of the text it knows all it looked at, the byte here
    /// included: another text that begins with the same bytes has the same match.
    const char* looked_to;
  };
  /// The longest token at the start of a text that is not empty.
  match longest_match(const char* begin, const char* end) const {
    namespace trie = bpe_format::trie;
    uint32_t found = 0;
    uint64_t node = trie_[0];
    for (; begin < end; ++begin) {
      auto label = static_cast<unsigned char>(*begin);
      auto child = trie_[trie::base(node) ^ label];
      if (!trie::is_child(child, label)) break;
      if (auto token = trie::token_or_0(child); token != 0) found = token;
      node = child;
    }
    return {found - 1, begin};
  }

  /// True if merging by rank leaves these two neighbours as they are, whatever stands around them.
  bool is_stable(uint32_t left, uint32_t right) const;

  /// The classes (bpe_format::character) of a code point.
  uint8_t class_of(uint32_t code_point) const {
    namespace character = bpe_format::character;
    auto block = class_index_[code_point >> character::block_bits];
    constexpr auto mask = (1U << character::block_bits) - 1;
    return class_blocks_[(size_t{block} << character::block_bits) | (code_point & mask)];
  }

 private:
  explicit bpe_tables(mapped_file file);
  void locate_sections();
  /// The token that (left, right) merge into, UINT32_MAX if there is none.
  uint32_t merged(uint32_t left, uint32_t right) const;

  mapped_file file_;
  // All point into it.
  const bpe_format::file_header* header_ = nullptr;
  const uint64_t* tokens_ = nullptr;
  const uint64_t* trie_ = nullptr;
  const uint64_t* pairs_ = nullptr;
  const uint64_t* filter_ = nullptr;
  const uint16_t* class_index_ = nullptr;
  const uint8_t* class_blocks_ = nullptr;
  size_t pair_slots_ = 0, filter_words_ = 0;
};

}  // namespace parley
