#include "chat/bpe_growing.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace parley {

namespace {

// The bytes at the end that may be the beginning of a code point whose rest is still to come.
size_t unfinished_bytes(std::string_view text) {
  for (size_t bytes = 1; bytes <= std::min<size_t>(3, text.size()); ++bytes) {
    auto c = static_cast<unsigned char>(text[text.size() - bytes]);
    if (c < 0x80) return 0;
    if (c < 0xc0) continue;
    size_t needed = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return bytes < needed ? bytes : 0;
  }
  return 0;
}

}  // namespace

void bpe_growing::append(std::string_view text) {
  if (text.empty()) return;
  tail_ += text;
  is_counted_ = false;
  if (tail_.size() >= settle_at_bytes_) settle();
}

uint64_t bpe_growing::count() {
  if (!is_counted_) settle();
  return settled_tokens_ + tail_tokens_;
}

void bpe_growing::settle() {
  auto unfinished = unfinished_bytes(tail_);
  std::string_view finished{tail_.data(), tail_.size() - unfinished};
  if (!is_utf8(finished)) {
    tail_ = repair_utf8(finished) + tail_.substr(finished.size());
    finished = {tail_.data(), tail_.size() - unfinished};
  }
  auto counted = engine_->count_growing(finished);
  tail_.erase(0, counted.settled_bytes);
  settled_tokens_ += counted.settled_tokens;
  // An unfinished code point counts as U+FFFD for now.
  tail_tokens_ = unfinished > 0 ? engine_->count(tail_) : counted.tokens - counted.settled_tokens;
  is_counted_ = true;
  // Half as much again: one endless piece is looked at a constant number of times for each byte.
  settle_at_bytes_ = tail_.size() + std::max(unsettled_bytes_max, tail_.size() / 2);
}

}  // namespace parley
