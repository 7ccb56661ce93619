#include "chat/bpe_scanner.hpp"

#include <array>
#include <cstdint>

namespace parley {

namespace {

namespace character = bpe_format::character;

constexpr uint8_t beyond_ascii = 128;  ///< the class of the bytes of longer sequences
constexpr int digits_max = 3;

constexpr std::array<uint8_t, 256> make_byte_classes() {
  std::array<uint8_t, 256> classes{};
  for (size_t c = 0; c < 256; ++c) {
    auto is_upper = c >= 'A' && c <= 'Z', is_lower = c >= 'a' && c <= 'z';
    if (c >= 128) {
      classes[c] = beyond_ascii;
    } else if (is_upper) {
      classes[c] = character::upper | character::letter;
    } else if (is_lower) {
      classes[c] = character::lower | character::letter;
    } else if (c >= '0' && c <= '9') {
      classes[c] = character::number;
    } else if (c == '\r' || c == '\n') {
      classes[c] = character::space | character::line_end;
    } else if (c == ' ' || (c >= '\t' && c <= '\f')) {
      classes[c] = character::space;
    } else {
      classes[c] = character::other;
    }
  }
  return classes;
}

constexpr auto byte_classes = make_byte_classes();

struct glyph {
  uint8_t classes;
  uint8_t bytes;
};

class walker {
 public:
  walker(const bpe_tables& tables, const char* end) : tables_{tables}, end_{end} {}

  const char* cl100k_piece(const char* p) const {
    if (*p == '\'') {
      if (auto q = after_contraction(p); q != p) return q;
    }
    auto first = at(p);
    if ((first.classes & character::letter) != 0)
      return after_run<character::letter>(p + first.bytes);
    if ((first.classes & (character::number | character::line_end)) == 0) {
      auto q = p + first.bytes;
      if (auto next = after_one<character::letter>(q); next != q)
        return after_run<character::letter>(next);
    }
    return rest<false>(p, first);
  }

  const char* o200k_piece(const char* p) const {
    auto first = at(p);
    constexpr uint8_t in_word = character::upper | character::lower;
    // A mark is a letter of the word as well as a possible prefix; both readings end alike.
    if ((first.classes & in_word) != 0) return after_word(p);
    if ((first.classes & (character::number | character::line_end)) == 0) {
      auto q = p + first.bytes;
      if (auto word = after_word(q); word != q) return word;
    }
    return rest<true>(p, first);
  }

 private:
  glyph at(const char* p) const {
    auto c = static_cast<uint8_t>(*p);
    auto classes = byte_classes[c];
    if (classes != beyond_ascii) return {classes, 1};
    return decode(p, c);
  }

  glyph decode(const char* p, uint32_t c) const {
    auto low = [&](int i) { return static_cast<uint32_t>(p[i]) & 0x3f; };
    if (c < 0xe0) return {tables_.class_of((c & 0x1f) << 6 | low(1)), 2};
    if (c < 0xf0) return {tables_.class_of((c & 0x0f) << 12 | low(1) << 6 | low(2)), 3};
    return {tables_.class_of((c & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3)), 4};
  }

  template <uint8_t Classes>
  const char* after_one(const char* p) const {
    if (p == end_) return p;
    auto here = at(p);
    return (here.classes & Classes) != 0 ? p + here.bytes : p;
  }

  template <uint8_t Classes>
  const char* after_run(const char* p) const {
    for (;;) {
      while (p < end_ && (byte_classes[static_cast<uint8_t>(*p)] & Classes) != 0) ++p;
      if (p == end_ || static_cast<int8_t>(*p) >= 0) return p;
      auto here = decode(p, static_cast<uint8_t>(*p));
      if ((here.classes & Classes) == 0) return p;
      p += here.bytes;
    }
  }

  // (?i:'s|'t|'re|'ve|'m|'ll|'d) at an apostrophe; U+017F folds to s.
  const char* after_contraction(const char* p) const {
    auto left = end_ - p;
    if (left < 2) return p;
    auto fold = [&](int i) { return static_cast<char>(p[i] | 0x20); };
    auto c = fold(1);
    if (c == 's' || c == 't' || c == 'm' || c == 'd') return p + 2;
    if (left < 3) return p;
    auto is_pair = ((c == 'r' || c == 'v') && fold(2) == 'e') || (c == 'l' && fold(2) == 'l');
    if (is_pair || (p[1] == '\xc5' && p[2] == '\xbf')) return p + 3;
    return p;
  }

  const char* after_suffix(const char* p) const {
    return p < end_ && *p == '\'' ? after_contraction(p) : p;
  }

  // The letters of o200k's first two branches. The first one wins wherever it can end in a lower or
  // caseless letter, so a run of upper letters without a lower one behind it is given back to its
  // last caseless letter.
  const char* after_word(const char* p) const {
    auto begin = p;
    auto after_caseless = p;
    while (p < end_) {
      auto here = at(p);
      if ((here.classes & character::upper) == 0) {
        if ((here.classes & character::lower) == 0) break;
        return after_suffix(after_run<character::lower>(p + here.bytes));
      }
      p += here.bytes;
      if ((here.classes & character::lower) != 0) after_caseless = p;
    }
    if (after_caseless != begin) return after_suffix(after_caseless);
    return p != begin ? after_suffix(p) : p;
  }

  // Numbers, punctuation and space, which the two patterns share but for a slash.
  template <bool HasSlash>
  const char* rest(const char* p, glyph first) const {
    if ((first.classes & character::number) != 0) {
      auto q = p + first.bytes;
      for (int digits = 1; digits < digits_max; ++digits) q = after_one<character::number>(q);
      return q;
    }
    auto q = *p == ' ' ? p + 1 : p;
    if (auto run = after_run<character::other>(q); run != q) {
      while (run < end_ && (*run == '\r' || *run == '\n' || (HasSlash && *run == '/'))) ++run;
      return run;
    }
    return after_space(p);
  }

  const char* after_space(const char* p) const {
    auto before_last = p;
    const char* after_line_end = nullptr;
    auto q = p;
    while (q < end_) {
      auto here = at(q);
      if ((here.classes & character::space) == 0) break;
      before_last = q;
      q += here.bytes;
      if ((here.classes & character::line_end) != 0) after_line_end = q;
    }
    if (after_line_end) return after_line_end;
    return q == end_ || before_last == p ? q : before_last;
  }

  const bpe_tables& tables_;
  const char* end_;
};

}  // namespace

size_t bpe_scanner::next(std::span<const char*> ends) {
  walker walk{tables_, end_};
  size_t count = 0;
  auto p = at_;
  if (tables_.split() == bpe_format::pattern::o200k) {
    while (p < end_ && count < ends.size()) ends[count++] = p = walk.o200k_piece(p);
  } else {
    while (p < end_ && count < ends.size()) ends[count++] = p = walk.cl100k_piece(p);
  }
  at_ = p;
  return count;
}

}  // namespace parley
