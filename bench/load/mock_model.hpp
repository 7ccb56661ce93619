/// What a mock model does, told by its name: `mock[-<word>]...`. The words are one table, from
/// which both the parser and the help text come.
///
/// Pure values; `parse_mock_model` refuses every name it does not fully understand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley::bench {

/// What is said. A stamped text is made for measuring, see `token_stamp.hpp`.
enum class mock_script { friendly, echo, stamped };

/// How a stream comes to its end.
enum class mock_ending {
  whole,        ///< finish_reason, usage if asked for, [DONE], last chunk
  hang,         ///< silence after `ending_after` tokens; the connection stays open
  reset,        ///< RST after `ending_after` tokens
  reset_bytes,  ///< RST after `ending_after` bytes of the body
  cut,          ///< FIN after `ending_after` tokens, in the middle of the chunked body
  end,          ///< the body ends properly after `ending_after` tokens, but says nothing of an end
};

enum class line_end { lf, crlf, cr };

struct mock_model {
  mock_script script = mock_script::friendly;
  std::optional<uint32_t> interval_ms;  ///< between tokens
  std::optional<uint32_t> first_ms;     ///< before the first byte of the answer
  uint32_t tokens = 20;                 ///< of a stamped text
  uint32_t token_bytes = 32;            ///< of a stamped text
  uint32_t reasoning_tokens = 0;
  uint32_t split_bytes = 0;  ///< not 0: what is written at once, then 1 ms pause

  uint32_t refuse_status = 0;   ///< not 0: answer this instead
  uint32_t retry_after_s = 1;   ///< sent with 429 and 503
  uint32_t fault_calls = 0;     ///< not 0: only the first so many calls of this name are refused
  uint32_t context_tokens = 0;  ///< not 0: 400 context_length_exceeded with this number

  mock_ending ending = mock_ending::whole;
  uint64_t ending_after = 0;

  line_end lines = line_end::lf;
  bool silent = false;  ///< `hang`: accept and never say a byte
  bool html = false;
  bool endless = false;  ///< tokens without end, as fast as they are read
  bool long_line = false;
  bool garbage = false;
  bool comments = false;
  bool byte_order_mark = false;
  bool no_done = false;
  bool no_usage = false;
  bool usage_in_last = false;  ///< usage stands in the chunk with finish_reason
  bool null_choices = false;
  bool no_choices = false;
  bool null_content = false;
  bool length_stop = false;

  uint32_t interval() const {
    return interval_ms.value_or(script == mock_script::stamped ? 10 : 30);
  }
  uint32_t first() const { return first_ms.value_or(script == mock_script::stamped ? 0 : 150); }
};

/// Nothing if the name is not one of ours.
std::optional<mock_model> parse_mock_model(std::string_view name);

/// The grammar, a line for each word.
std::string mock_model_help();

}  // namespace parley::bench
