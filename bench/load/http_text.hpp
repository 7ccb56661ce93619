/// The little HTTP/1.1 text that load tools need: heads, chunked bodies, strings in JSON.
///
/// Pure functions and values without I/O. This is not the product's guard (http/guard): it serves
/// tools that talk to programs we chose, yet it never trusts a length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::bench {

/// A head's lines; the views point into the text that was parsed.
struct http_head {
  std::string_view first_line;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  size_t bytes = 0;  ///< up to and with the empty line

  /// The first field of that name (case does not matter), empty if there is none.
  std::string_view field(std::string_view name) const;
};

enum class head_state { incomplete, whole, bad };
head_state parse_head(std::string_view text, http_head& head);

bool equals_ignoring_case(std::string_view left, std::string_view right);
/// Decimal digits only, nothing else around them.
std::optional<uint64_t> parse_number(std::string_view text);

/// Decodes a chunked body piece by piece, with constant memory of its own.
class chunk_decoder {
 public:
  /// Appends what `text` holds of the body to `body`; returns how many bytes of it were used:
  /// fewer than given only once the body is whole or broken.
  size_t decode(std::string_view text, std::string& body);
  bool is_whole() const { return state_ == state::whole; }
  bool is_broken() const { return state_ == state::broken; }
  void reset() { *this = {}; }

 private:
  enum class state { size, extension, size_end, data, data_cr, data_lf, trailer, whole, broken };
  void take_size_byte(char byte);
  void take_frame_byte(char byte);

  state state_ = state::size;
  uint64_t left_ = 0;
  uint32_t line_bytes_ = 0;
};

/// Appends `text` with quotes, escaped as JSON.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

}  // namespace parley::bench
