#include <array>

#include "base/text.hpp"
#include "chat/bpe.hpp"
#include "chat/bpe_cache.hpp"
#include "chat/bpe_merger.hpp"
#include "chat/bpe_piece_counter.hpp"
#include "chat/bpe_scanner.hpp"

namespace parley {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// Where the repaired text's byte `repaired_bytes` came from; a walk along both.
size_t original_bytes(std::string_view text, std::string_view repaired, size_t repaired_bytes) {
  size_t from = 0, to = 0;
  while (to < repaired_bytes) {
    auto code_point = cut_utf8(repaired.substr(to), 4);
    auto first = static_cast<unsigned char>(code_point[0]);
    code_point = code_point.substr(0, first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);
    to += code_point.size();
    if (text.substr(from).starts_with(code_point)) {
      from += code_point.size();
      continue;
    }
    size_t invalid_bytes = 3;
    while (repair_utf8(text.substr(from, invalid_bytes)) != replacement) --invalid_bytes;
    from += std::min(invalid_bytes, text.size() - from);
  }
  return from;
}

struct piece_mark {
  const char* begin;
  uint64_t tokens_before;
};

bool is_code_point_start(const char* at, const char* end) {
  return at == end || (*at & 0xc0) != 0x80;
}

// The ends of tokens between `first` and the limit that end a code point, in their order.
std::vector<const char*> possible_cuts(const bpe& engine, std::string_view text, piece_mark first,
                                       uint64_t tokens_max) {
  auto& tables = engine.tables();
  auto end = text.data() + text.size();
  std::vector<const char*> cuts{first.begin};
  bpe_scanner scanner{tables, {first.begin, static_cast<size_t>(end - first.begin)}};
  auto memory = engine.cache();
  auto left = tokens_max - first.tokens_before;
  while (left > 0) {
    auto at = scanner.position();
    const char* piece_end = nullptr;
    if (scanner.next({&piece_end, 1}) == 0) break;
    bpe_merger merger{tables, *memory, {at, static_cast<size_t>(piece_end - at)}};
    for (auto token : merger.tokens()) {
      if (left-- == 0) return cuts;
      at += tables.bytes_of(token);
      if (is_code_point_start(at, end)) cuts.push_back(at);
    }
  }
  return cuts;
}

}  // namespace

size_t bpe::split_at_tokens(std::string_view text, uint64_t tokens_max) const {
  if (!is_utf8(text)) {
    auto repaired = repair_utf8(text);
    return original_bytes(text, repaired, split_at_tokens(repaired, tokens_max));
  }
  // The piece that exceeds the limit and the two before it: a beginning that ends in it may split
  // those otherwise, nothing before them (bpe_growing).
  std::array<piece_mark, 3> marks;
  marks.fill({text.data(), 0});
  bpe_scanner scanner{tables_, text};
  auto memory = cache();
  bpe_piece_counter pieces{tables_, *memory};
  uint64_t total = 0;
  for (;;) {
    auto begin = scanner.position();
    const char* end = nullptr;
    if (scanner.next({&end, 1}) == 0) return text.size();
    marks = {marks[1], marks[2], {begin, total}};
    total += pieces.count(begin, end, scanner.end());
    if (total > tokens_max) break;
  }
  auto cuts = possible_cuts(*this, text, marks[0], tokens_max);
  for (; cuts.size() > 1; cuts.pop_back()) {
    std::string_view part{marks[0].begin, static_cast<size_t>(cuts.back() - marks[0].begin)};
    if (count_up_to(part, tokens_max - marks[0].tokens_before)) break;
  }
  return static_cast<size_t>(cuts.back() - text.data());
}

}  // namespace parley
