#include "chat/search_text.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace parley {

namespace {

struct code_range {
  char32_t first;
  char32_t last;
};

template <size_t Size>
bool is_in(const std::array<code_range, Size>& ranges, char32_t code) {
  auto next = std::upper_bound(ranges.begin(), ranges.end(), code,
                               [](char32_t c, const code_range& r) { return c < r.first; });
  return next != ranges.begin() && code <= std::prev(next)->last;
}

// Scripts that put no spaces between words, and Korean, whose words carry endings.
constexpr std::array<code_range, 22> unspaced_ranges{
    {{0xe01, 0xe3a},   {0xe40, 0xe4e},    {0xe81, 0xecd},   {0x1000, 0x109f}, {0x1100, 0x11ff},
     {0x1780, 0x17d3}, {0x2e80, 0x2fdf},  {0x3005, 0x3007}, {0x3041, 0x3096}, {0x3099, 0x309a},
     {0x309d, 0x309f}, {0x30a1, 0x30fa},  {0x30fc, 0x30ff}, {0x3105, 0x312f}, {0x3131, 0x318e},
     {0x31a0, 0x31bf}, {0x31f0, 0x31ff},  {0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xac00, 0xd7ff},
     {0xf900, 0xfaff}, {0x20000, 0x3ffff}}};

// Above ASCII: spaces, punctuation, symbols, what is private or unassigned.
constexpr std::array<code_range, 31> separators{
    {{0x80, 0xa9},      {0xab, 0xb4},     {0xb6, 0xb9},     {0xbb, 0xbf},     {0xd7, 0xd7},
     {0xf7, 0xf7},      {0x2c2, 0x2df},   {0x37e, 0x37e},   {0x384, 0x385},   {0x387, 0x387},
     {0x55a, 0x55f},    {0x589, 0x58a},   {0x5be, 0x5be},   {0x5c0, 0x5c0},   {0x5f3, 0x5f4},
     {0x600, 0x60f},    {0x61b, 0x61f},   {0x66a, 0x66d},   {0x6d4, 0x6d4},   {0x964, 0x965},
     {0xe3f, 0xe3f},    {0x1680, 0x1680}, {0x1fbd, 0x1fbd}, {0x2000, 0x20cf}, {0x2190, 0x2bff},
     {0x2e00, 0x2e7f},  {0x3000, 0x3104}, {0xd800, 0xf8ff}, {0xfe10, 0xfe6f}, {0xff00, 0xffff},
     {0x1f000, 0x1faff}}};

enum class character_kind : uint8_t { separator, spaced, unspaced };

character_kind kind_of(char32_t code) {
  if (code < 0x80) {
    auto is_word = (code >= 'a' && code <= 'z') || (code >= '0' && code <= '9');
    return is_word ? character_kind::spaced : character_kind::separator;
  }
  if (is_in(unspaced_ranges, code)) return character_kind::unspaced;
  if (is_in(separators, code) || code >= 0xe0000) return character_kind::separator;
  return character_kind::spaced;
}

void append(std::string& to, char32_t code) {
  auto tail = [&](int shift) { to += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    to += static_cast<char>(code);
  } else if (code < 0x800) {
    to += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    to += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    to += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

search_token word_of(const folded_character* first, const folded_character* last) {
  search_token token{{}, first->begin, last[-1].end, first->end, false};
  for (; first != last && token.text.size() + 4 <= search_word_bytes_max; ++first)
    append(token.text, first->code);
  return token;
}

void add_run(std::vector<search_token>& to, const folded_character* first,
             const folded_character* last) {
  for (; first != last; ++first) {
    auto& token = to.emplace_back();
    auto count = last - first > 1 ? 2 : 1;
    for (int i = 0; i < count; ++i) append(token.text, first[i].code);
    token.begin = first->begin;
    token.first_end = first->end;
    token.end = first[count - 1].end;
    token.is_unspaced = true;
  }
}

bool is_one_character(const search_token& token) {
  return token.end == token.first_end;
}

// Letters and digits only, so that it means nothing to FTS5 and ends before the point.
std::string mark_of(int64_t owner) {
  constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string mark(1, '.');
  do mark.insert(mark.begin(), digits[static_cast<size_t>(owner % 36)]);
  while ((owner /= 36) > 0);
  return mark;
}

// One piece between spaces or quotes; `at_end`: the question ends behind it.
void add_phrase(search_query& to, std::string_view piece, bool is_excluded, bool at_end) {
  auto tokens = search_tokens(piece);
  if (tokens.empty()) return;
  search_phrase phrase;
  phrase.is_excluded = is_excluded;
  auto& last = tokens.back();
  if (last.is_unspaced) {
    // In a text its last character need not end the run.
    if (tokens.size() > 1 && tokens[tokens.size() - 2].end == last.end &&
        tokens[tokens.size() - 2].is_unspaced)
      tokens.pop_back();
    else
      phrase.is_beginning = true;
  } else {
    phrase.is_unfinished = at_end && !is_excluded && last.end == piece.size() &&
                           count_code_points(last.text) >= search_prefix_min;
  }
  for (auto& token : tokens) phrase.words.push_back(std::move(token.text));
  to.phrases.push_back(std::move(phrase));
}

}  // namespace

std::vector<search_token> search_tokens(std::string_view text) {
  auto characters = fold_text(cut_utf8(text, search_text_bytes_max));
  std::vector<search_token> tokens;
  auto at = characters.data();
  auto end = at + characters.size();
  while (at != end) {
    auto kind = kind_of(at->code);
    auto first = at++;
    while (at != end && kind_of(at->code) == kind) ++at;
    if (kind == character_kind::spaced) tokens.push_back(word_of(first, at));
    if (kind == character_kind::unspaced) add_run(tokens, first, at);
  }
  return tokens;
}

namespace {

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char byte) { return (byte & 0x80) != 0; });
}

void add_word(std::string& to, std::string_view mark, std::string_view word) {
  if (!to.empty()) to += ' ';
  to.append(mark).append(word);
}

// As search_tokens finds them: ASCII loses its case and nothing else.
void add_ascii_words(std::string& to, std::string_view mark, std::string_view piece) {
  std::array<char, search_word_bytes_max> word{};
  size_t size = 0;
  for (char byte : piece) {
    auto folded = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
    if (kind_of(static_cast<unsigned char>(folded)) == character_kind::spaced) {
      if (size + 4 <= word.size()) word[size++] = folded;
      continue;
    }
    if (size > 0) add_word(to, mark, {word.data(), size});
    size = 0;
  }
  if (size > 0) add_word(to, mark, {word.data(), size});
}

}  // namespace

// Piece by piece, each but the first from a space on: folded, a text takes 24 times its bytes.
std::string indexed_text(int64_t owner, std::string_view text) {
  constexpr size_t piece_bytes_min = 4096;
  auto mark = mark_of(owner);
  std::string out;
  text = cut_utf8(text, search_text_bytes_max);
  out.reserve(text.size() * 2);
  while (!text.empty()) {
    auto piece = text.substr(0, text.find_first_of(" \n", piece_bytes_min));
    text.remove_prefix(piece.size());
    if (is_ascii(piece)) {
      add_ascii_words(out, mark, piece);
      continue;
    }
    for (const auto& token : search_tokens(piece)) add_word(out, mark, token.text);
  }
  return out;
}

// -- The question -------------------------------------------------------------------------------

bool search_query::has_wanted() const {
  return std::any_of(phrases.begin(), phrases.end(),
                     [](const search_phrase& one) { return !one.is_excluded; });
}

bool search_query::has_unfinished() const {
  return std::any_of(phrases.begin(), phrases.end(),
                     [](const search_phrase& one) { return one.is_unfinished; });
}

search_query parse_search(std::string_view question) {
  question = cut_utf8(question, search_question_bytes_max);
  constexpr std::string_view spaces = " \t\r\n\f\v";
  search_query query;
  for (;;) {
    auto begin = question.find_first_not_of(spaces);
    if (begin == std::string_view::npos) return query;
    question.remove_prefix(begin);
    auto is_excluded = question.starts_with('-');
    if (is_excluded) question.remove_prefix(1);
    auto is_quoted = question.starts_with('"');
    if (is_quoted) question.remove_prefix(1);
    auto end = is_quoted ? question.find('"') : question.find_first_of(" \t\r\n\f\v\"");
    auto piece = question.substr(0, end);
    add_phrase(query, piece, is_excluded, !is_quoted && end == std::string_view::npos);
    if (end == std::string_view::npos) return query;
    question.remove_prefix(end + (is_quoted ? 1 : 0));
  }
}

std::string match_expression(const search_query& query, int64_t owner, bool completes) {
  auto mark = mark_of(owner);
  std::string wanted;
  std::string excluded;
  for (const auto& phrase : query.phrases) {
    std::string words;
    for (const auto& word : phrase.words) {
      if (!words.empty()) words += ' ';
      words.append(mark).append(word);
    }
    auto text = '"' + words + '"';
    if (phrase.is_beginning || (completes && phrase.is_unfinished)) text += " *";
    if (phrase.is_excluded)
      excluded += " NOT " + text;
    else
      wanted += (wanted.empty() ? "" : " AND ") + text;
  }
  return '(' + wanted + ')' + excluded;
}

// -- The excerpt --------------------------------------------------------------------------------

namespace {

constexpr size_t excerpt_bytes = 240;
constexpr size_t excerpt_lead_bytes = 60;
constexpr std::string_view ellipsis = "\u2026";

struct found_span {
  size_t begin;
  size_t end;
  size_t phrase;
};

bool is_hit(const search_phrase& phrase, const search_token* at) {
  for (size_t i = 0; i < phrase.words.size(); ++i) {
    auto may_go_on = i + 1 == phrase.words.size() && (phrase.is_beginning || phrase.is_unfinished);
    auto& word = phrase.words[i];
    if (may_go_on ? !at[i].text.starts_with(word) : at[i].text != word) return false;
  }
  return true;
}

// Where what is asked stands, by place.
std::vector<found_span> find_spans(std::string_view text, const search_query& query) {
  auto tokens = search_tokens(text);
  std::vector<found_span> spans;
  for (size_t at = 0; at < tokens.size(); ++at)
    for (size_t i = 0; i < query.phrases.size(); ++i) {
      const auto& phrase = query.phrases[i];
      auto count = phrase.words.size();
      if (phrase.is_excluded || at + count > tokens.size() || !is_hit(phrase, &tokens[at]))
        continue;
      const auto& last = tokens[at + count - 1];
      auto is_half = last.is_unspaced && phrase.is_beginning && !is_one_character(last);
      spans.push_back({tokens[at].begin, is_half ? last.first_end : last.end, i});
    }
  return spans;
}

// The beginning of the part with the most phrases in it; the first of several.
size_t best_place(const std::vector<found_span>& spans, size_t phrases) {
  size_t best = 0;
  size_t most = 0;
  for (size_t first = 0; first < spans.size(); ++first) {
    std::vector<bool> seen(phrases);
    size_t count = 0;
    for (auto at = first; at < spans.size(); ++at) {
      if (spans[at].end > spans[first].begin + excerpt_bytes - excerpt_lead_bytes) break;
      if (!seen[spans[at].phrase]) ++count;
      seen[spans[at].phrase] = true;
    }
    if (count > most) best = spans[first].begin;
    most = std::max(most, count);
    if (most == phrases) break;
  }
  return best;
}

// The first beginning of a character at `at` or behind it, behind a space if one is near.
size_t cut_place(std::string_view text, size_t at) {
  constexpr size_t near_bytes = 20;
  if (at == 0 || at >= text.size()) return std::min(at, text.size());
  auto space = text.substr(at, near_bytes).find(' ');
  if (space != std::string_view::npos) return at + space + 1;
  while (at < text.size() && (text[at] & 0xc0) == 0x80) ++at;
  return at;
}

void add_piece(std::vector<excerpt_piece>& to, std::string_view text, bool hit) {
  if (text.empty()) return;
  if (!to.empty() && to.back().hit == hit)
    to.back().text += text;
  else
    to.push_back({std::string{text}, hit});
}

}  // namespace

std::vector<excerpt_piece> search_excerpt(std::string_view text, const search_query& query) {
  text = cut_utf8(text, search_text_bytes_max);
  auto spans = find_spans(text, query);
  auto place = best_place(spans, query.phrases.size());
  auto begin = place <= excerpt_lead_bytes ? 0 : cut_place(text, place - excerpt_lead_bytes);
  begin = std::min(begin, place);
  auto shown = cut_utf8(text.substr(begin), excerpt_bytes);
  auto end = begin + shown.size();
  std::vector<excerpt_piece> pieces;
  if (begin > 0) add_piece(pieces, ellipsis, false);
  auto at = begin;
  for (const auto& span : spans) {
    auto hit_end = std::min(span.end, end);
    if (span.begin < begin || hit_end <= at || span.begin >= end) continue;
    if (span.begin > at) add_piece(pieces, text.substr(at, span.begin - at), false);
    at = std::max(at, span.begin);
    add_piece(pieces, text.substr(at, hit_end - at), true);
    at = hit_end;
  }
  add_piece(pieces, text.substr(at, end - at), false);
  if (end < text.size()) add_piece(pieces, ellipsis, false);
  return pieces;
}

}  // namespace parley
