#include "chat/bpe_merger.hpp"

#include <algorithm>
#include <cstring>

namespace parley {

namespace {

// Long pieces are nearly always repetitions, and hostile ones make the search stand at each of
// their bytes: a match is remembered for the next place where the same bytes follow.
class match_memo {
 public:
  match_memo(const bpe_tables& tables, const char* end) : tables_{tables}, end_{end} {}

  uint32_t longest_match(const char* at) {
    if (end_ - at < static_cast<std::ptrdiff_t>(sizeof(uint64_t)))
      return tables_.longest_match(at, end_).token;
    uint64_t first_bytes;
    std::memcpy(&first_bytes, at, sizeof first_bytes);
    auto& known = matches_[first_bytes * 0x9e3779b97f4a7c15 >> (64 - slot_bits)];
    if (known.bytes > 0 && static_cast<size_t>(end_ - at) >= known.bytes &&
        std::memcmp(at, known.at, known.bytes) == 0)
      return known.token;
    auto match = tables_.longest_match(at, end_);
    if (match.looked_to < end_)
      known = {at, static_cast<size_t>(match.looked_to - at) + 1, match.token};
    return match.token;
  }

 private:
  static constexpr int slot_bits = 5;
  struct known_match {
    const char* at = nullptr;
    size_t bytes = 0;
    uint32_t token = 0;
  };

  const bpe_tables& tables_;
  const char* end_;
  known_match matches_[size_t{1} << slot_bits];
};

class plain_matches {
 public:
  plain_matches(const bpe_tables& tables, const char* end) : tables_{tables}, end_{end} {}
  uint32_t longest_match(const char* at) { return tables_.longest_match(at, end_).token; }

 private:
  const bpe_tables& tables_;
  const char* end_;
};

}  // namespace

bpe_merger::bpe_merger(const bpe_tables& tables, bpe_cache& cache, std::string_view piece,
                       size_t tokens_kept_max)
    : tokens_kept_max_{tokens_kept_max} {
  if (piece.size() <= short_bytes_max) {
    std::fill_n(short_dead_, piece.size() / 64 + 1, 0);
    dead_ = short_dead_;
    tokens_ = short_tokens_;
    merge<plain_matches>(tables, cache, piece);
    return;
  }
  tokens_max_ = std::min(short_bytes_max, tokens_kept_max_);
  long_tokens_.resize(tokens_max_);
  for (;; tokens_kept_max_ = SIZE_MAX) {
    long_dead_.assign(piece.size() / 64 + 1, 0);
    dead_ = long_dead_.data();
    tokens_ = long_tokens_.data();
    kept_ = 0;
    dropped_ = 0;
    if (merge<match_memo>(tables, cache, piece)) return;
  }
}

// A short piece never has more tokens than its array holds.
void bpe_merger::push(uint32_t token) {
  if (kept_ == tokens_max_ && tokens_max_ >= tokens_kept_max_) {
    auto dropped = kept_ / 2;
    std::copy(tokens_ + dropped, tokens_ + kept_, tokens_);
    kept_ -= dropped;
    dropped_ += dropped;
  } else if (kept_ == tokens_max_) {
    tokens_max_ = std::min(2 * tokens_max_, tokens_kept_max_);
    long_tokens_.resize(tokens_max_);
    tokens_ = long_tokens_.data();
  }
  tokens_[kept_++] = token;
}

// The tokens of a text are the only sequence whose neighbours are all stable (is_stable), so any
// way of finding such a sequence will do: take the longest match, then its shorter prefixes, and
// step back where none fits. A position once left is dead, so none is left twice.
template <class Matches>
bool bpe_merger::merge(const bpe_tables& tables, bpe_cache& cache, std::string_view piece) {
  auto begin = piece.data(), end = begin + piece.size();
  auto at = begin;
  Matches matches{tables, end};
  auto candidate = matches.longest_match(at);
  // tiktoken looks a piece up before it merges.
  if (tables.bytes_of(candidate) == piece.size()) {
    push(candidate);
    return true;
  }
  auto is_dead = [&](size_t position) { return (dead_[position / 64] >> position % 64 & 1) != 0; };
  for (;; ++steps_) {
    auto after = at + tables.bytes_of(candidate);
    if (!is_dead(static_cast<size_t>(after - begin)) &&
        (kept_ == 0 || cache.is_stable(tables, tokens_[kept_ - 1], candidate))) {
      push(candidate);
      at = after;
      if (at == end) return true;
      candidate = matches.longest_match(at);
    } else if (auto prefix = tables.prefix_of(candidate); prefix != candidate) {
      candidate = prefix;
    } else {
      auto position = static_cast<size_t>(at - begin);
      dead_[position / 64] |= uint64_t{1} << position % 64;
      candidate = tokens_[--kept_];
      at -= tables.bytes_of(candidate);
      if (kept_ == 0 && dropped_ > 0) return false;
    }
  }
}

}  // namespace parley
