/// Cuts a JSON text that comes in pieces of any size into values small enough to be parsed: the
/// elements of an array at the top, or the whole of an object there.
///
/// It follows strings and brackets only; whether a value is JSON says who parses it. Pure, one
/// owner, constant memory: a value over `value_bytes_max` is passed over and told without its text.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace parley {

struct json_cut_limits {
  size_t value_bytes_max = 32 << 20;
  size_t depth_max = 1024;
};

struct cut_value {
  int64_t offset = 0;  ///< of its first byte in the text
  int64_t bytes = 0;
  std::string text;  ///< empty if it is too large
};

class json_cutter {
 public:
  using taker = std::function<expected<void>(cut_value&&)>;

  explicit json_cutter(json_cut_limits limits, taker take)
      : limits_(limits), take_(std::move(take)) {}

  /// errc::invalid_input with the position where the text stops being JSON; then it is over.
  /// Errors of the taker are handed on.
  expected<void> feed(std::string_view bytes);
  /// The text is at its end; errc::invalid_input if it ends amid a value.
  expected<void> finish();

 private:
  enum class place : uint8_t { start, before_value, in_value, in_string, after_value, end };

  expected<void> step(char c);
  expected<void> step_in_value(char c);
  expected<void> step_outside(char c);
  expected<void> begin_value(char c);
  expected<void> end_value();
  size_t pass_string(std::string_view bytes);
  void keep(std::string_view bytes);
  error fault(std::string_view what) const;

  json_cut_limits limits_;
  taker take_;
  place at_ = place::start;
  bool is_array_ = false;    ///< at the top
  bool is_escaped_ = false;  ///< the next byte of a string
  bool may_end_ = false;     ///< `]` may stand here: no comma before it
  std::vector<char> open_;   ///< brackets, inside the value
  int64_t position_ = 0;
  cut_value value_;
};

}  // namespace parley
