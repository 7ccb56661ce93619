/// A tiktoken rank file, read and checked, and what the counting needs to know of its tokens.
///
/// Build tool only: one thread, memory is no concern, a fault is an error with its sentence.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "chat/bpe_format.hpp"

namespace parley {

struct token_halves {
  uint32_t left, right;
};

class rank_table {
 public:
  /// `sha256` in lower-case hex is what tiktoken expects of this file.
  static expected<rank_table> read(const std::string& path, std::string_view sha256);

  /// The tokens' bytes; the index is the rank, which is the id.
  const std::vector<std::string>& tokens() const { return tokens_; }
  uint32_t token_bytes_max() const;

  /// The two tokens whose merge yields `token`; the token itself twice for a single byte and for
  /// one that no merge of lower ranks reaches (it can only be a whole piece).
  token_halves halves_of(uint32_t token) const;
  /// The longest proper prefix that is a token, the token itself if there is none.
  uint32_t prefix_of(uint32_t token) const;
  /// UINT32_MAX if these bytes are no token.
  uint32_t find(std::string_view bytes) const;

 private:
  expected<void> parse(std::string_view text);
  expected<void> check() const;

  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, uint32_t> ids_;  ///< views of tokens_
};

}  // namespace parley
