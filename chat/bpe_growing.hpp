/// The count of a text that grows at its end, as a reply does while it streams in.
///
/// Keeps the text from the second-to-last piece on and the count of what stands before it: text
/// that follows may change how the last two pieces split, never an earlier one. Owned by whoever
/// receives the text, one thread at a time. Never fails.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "chat/bpe.hpp"

namespace parley {

class bpe_growing {
 public:
  /// The engine outlives the count.
  explicit bpe_growing(const bpe& engine) : engine_{&engine} {}

  /// `text` may begin or end within a code point.
  void append(std::string_view text);
  /// The same as engine.count() of all that was appended. Costs what was appended since the last
  /// call and two pieces; should one of them be endless (ten thousand dashes), that whole piece, so
  /// who receives such a reply asks each second rather than each delta.
  uint64_t count();

 private:
  static constexpr size_t unsettled_bytes_max = 192;

  void settle();

  const bpe* engine_;
  std::string tail_;  ///< from the second-to-last piece on, and what is not looked at yet
  uint64_t settled_tokens_ = 0;  ///< before tail_
  uint64_t tail_tokens_ = 0;     ///< of tail_, while is_counted_
  bool is_counted_ = true;
  /// When append() settles by itself, so that tail_ stays short.
  size_t settle_at_bytes_ = unsettled_bytes_max;
};

}  // namespace parley
