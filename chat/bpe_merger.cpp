#include "chat/bpe_merger.hpp"

#include <algorithm>

namespace parley {

bpe_merger::bpe_merger(const bpe_tables& tables, std::string_view piece) {
  if (piece.size() <= short_bytes_max) {
    std::fill_n(short_dead_, piece.size() / 64 + 1, 0);
    dead_ = short_dead_;
    tokens_ = short_tokens_;
  } else {
    long_dead_.resize(piece.size() / 64 + 1);
    long_tokens_.resize(piece.size());
    dead_ = long_dead_.data();
    tokens_ = long_tokens_.data();
  }
  merge(tables, piece);
}

// The tokens of a text are the only sequence whose neighbours are all stable (is_stable), so any
// way of finding such a sequence will do: take the longest match, then its shorter prefixes, and
// step back where none fits. A position once left is dead, so none is left twice.
void bpe_merger::merge(const bpe_tables& tables, std::string_view piece) {
  auto begin = piece.data(), end = begin + piece.size();
  auto at = begin;
  auto candidate = tables.longest_match(at, end);
  // tiktoken looks a piece up before it merges.
  if (tables.bytes_of(candidate) == piece.size()) {
    tokens_[count_++] = candidate;
    return;
  }
  auto is_dead = [&](size_t position) { return (dead_[position / 64] >> position % 64 & 1) != 0; };
  for (;; ++steps_) {
    auto after = at + tables.bytes_of(candidate);
    if (!is_dead(static_cast<size_t>(after - begin)) &&
        (count_ == 0 || tables.is_stable(tokens_[count_ - 1], candidate))) {
      tokens_[count_++] = candidate;
      at = after;
      if (at == end) return;
      candidate = tables.longest_match(at, end);
    } else if (auto prefix = tables.prefix_of(candidate); prefix != candidate) {
      candidate = prefix;
    } else {
      auto position = static_cast<size_t>(at - begin);
      dead_[position / 64] |= uint64_t{1} << position % 64;
      candidate = tokens_[--count_];
      at -= tables.bytes_of(candidate);
    }
  }
}

}  // namespace parley
