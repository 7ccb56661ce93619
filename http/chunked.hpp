/// Decodes a chunked body (RFC 9112, section 7.1) as it arrives, strictly: no extensions, no
/// trailers, sizes of 1 to 8 hex digits, CRLF and nothing else.
///
/// Owned by a guard. Any split of the input gives the same result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace parley::http {

class chunked_decoder {
 public:
  enum class status : uint8_t { needs_more, complete, malformed, too_large };

  explicit chunked_decoder(size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  /// Takes from `input` what belongs to the body, shortening it, and appends the content to `body`.
  /// A chunk that would go over the limit is refused by its size alone.
  status feed(std::string_view& input, std::string& body);
  /// How many more bytes are certain to come.
  size_t bytes_wanted() const;

 private:
  enum class place : uint8_t { size, size_lf, data, data_cr, data_lf, last_cr, last_lf };

  status step(char c, size_t body_bytes);

  size_t body_bytes_max_;
  uint32_t chunk_bytes_ = 0;  ///< of the size line so far, then what the chunk still lacks
  uint8_t digits_ = 0;
  place place_ = place::size;
};

}  // namespace parley::http
