/// What search sees of a text: words, folded, with their places; what is asked; excerpts. Pure.
///
/// Index and question go through the same rule, so they meet. Words of scripts that are written
/// without spaces (Chinese, Japanese, Korean, Thai …) are unknown: their runs become overlapping
/// pairs of characters and, at its end, the last one alone. A run in a question is a phrase of
/// pairs; one character is the beginning of a pair.
///
/// Whoever changes the rule writes a migration that fills the index anew: rows leave it by their
/// text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/search.hpp"

namespace parley {

/// What of a message is indexed and shown in excerpts.
constexpr size_t search_text_bytes_max = size_t{128} << 10;
/// A longer word is cut.
constexpr size_t search_word_bytes_max = 64;
/// The longest question.
constexpr size_t search_question_bytes_max = 256;
/// A word that is being typed is completed from this many characters on.
constexpr size_t search_prefix_min = 3;

struct search_token {
  std::string text;      ///< without case and diacritics
  size_t begin = 0;      ///< its bytes in the text it came from
  size_t end = 0;        ///
  size_t first_end = 0;  ///< where its first character ends
  bool is_unspaced = false;
};

/// Characters of a text after folding, with their places in it.
struct folded_character {
  char32_t code = 0;
  size_t begin = 0;
  size_t end = 0;
};
/// Without case and diacritics (Latin, Greek, Cyrillic), width (Japanese, Latin) and the other
/// spellings of one text that Unicode knows for these and for Korean.
std::vector<folded_character> fold_text(std::string_view text);

std::vector<search_token> search_tokens(std::string_view text);

/// The text as it goes into the index: words behind a mark of their owner's, with a space between
/// them. Each owner has words of their own, so a question costs what its owner has.
std::string indexed_text(int64_t owner, std::string_view text);

/// Words that stand side by side.
struct search_phrase {
  std::vector<std::string> words;
  bool is_excluded = false;
  bool is_beginning = false;   ///< the last word goes on with any character
  bool is_unfinished = false;  ///< the last word may be typed still
};

struct search_query {
  std::vector<search_phrase> phrases;
  /// Without one nothing is found.
  bool has_wanted() const;
  bool has_unfinished() const;
};

/// Words, "phrases" and -exclusions; all must hold. Nothing in a question is a fault.
search_query parse_search(std::string_view question);

/// As an expression of SQLite's FTS5; words are all that goes into it.
std::string match_expression(const search_query& query, int64_t owner, bool completes);

/// The part of the text in which most of what is asked stands, in pieces: hits and what is between.
std::vector<excerpt_piece> search_excerpt(std::string_view text, const search_query& query);

}  // namespace parley
