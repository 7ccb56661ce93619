/// Keeps an API key out of what a provider answers: some echo the request, its headers included.
///
/// One call's, on the thread of its PROVIDER. Pure. The key itself is not kept (decision 48): its
/// first characters show where it might begin, a digest whether it was it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "actors/provider_messages.hpp"
#include "base/secret.hpp"

namespace parley::providers {

class key_mask {
 public:
  /// Masks nothing; and neither does one of a key so short that words may look like it.
  key_mask() = default;
  explicit key_mask(const secret_text& key);

  /// Masks the key wherever it stands, also across calls. What might be its beginning is held back
  /// until more comes: a few characters of a text in a hundred thousand.
  void apply(std::vector<text_delta>& deltas);
  /// What is held back, when nothing more comes.
  void release(std::vector<text_delta>& deltas);
  /// A whole text.
  std::string masked(std::string_view text) const;

  static constexpr std::string_view mask = "[API key]";

 private:
  static constexpr size_t length_min = 16;
  static constexpr size_t head_length = 5;
  // Looks at a digest, for the whole call: no text costs more, however often a key seems to begin.
  static constexpr size_t tries_max = 10'000;

  std::string read(std::string_view text);
  size_t next_start(std::string_view text, size_t from) const;
  bool is_key(std::string_view candidate);

  std::string head_;
  std::string digest_;
  size_t length_ = 0;
  size_t tries_left_ = tries_max;
  std::string open_;  // the text since a beginning of the key
  size_t shown_ = 0;  // of it, already passed on: never more than a part of the head
  part_type type_ = part_type::text;
};

}  // namespace parley::providers
