/// Splits text into the pieces that are merged one by one, as the vocabulary's pattern does:
///
/// cl100k: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|REST
/// o200k:  [^\r\n\p{L}\p{N}]?UPPER*LOWER+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
///         |[^\r\n\p{L}\p{N}]?UPPER+LOWER*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|REST
/// with    UPPER = [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}], LOWER = [\p{Ll}\p{Lm}\p{Lo}\p{M}],
///         REST = \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
///         (o200k's punctuation ends in [\r\n/]*).
///
/// A value for one walk over one text; never fails. Looks at no character more than three times.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "chat/bpe_tables.hpp"

namespace parley {

class bpe_scanner {
 public:
  /// `text` is valid UTF-8 and outlives the scanner, as do the tables.
  bpe_scanner(const bpe_tables& tables, std::string_view text)
      : tables_{tables}, at_{text.data()}, end_{text.data() + text.size()} {}

  /// Where the next piece begins.
  const char* position() const { return at_; }
  /// The end of the text.
  const char* end() const { return end_; }

  /// The ends of the next pieces, each of which begins where the one before ends; how many were
  /// found. 0 at the end of the text.
  size_t next(std::span<const char*> ends);

 private:
  const bpe_tables& tables_;
  const char* at_;
  const char* end_;
};

}  // namespace parley
