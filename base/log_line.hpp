/// One line of the log's files (base/log.hpp), taken apart again. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "base/log.hpp"

namespace parley {

/// What is asked for most; all views into the line. Texts are as they stand between their quotes,
/// escapes and all: what the log escapes no id, route or name of ours has.
struct log_line {
  std::string_view at;  ///< an instant's text, whose order is that of time
  std::string_view level;
  std::string_view event;
  std::string_view request;
  std::string_view user;
  std::string_view method;
  std::string_view route;
  std::string_view status;
  std::string_view reason;
  std::string_view model;
  std::string_view channel;
  std::string_view took_ms;
  std::string_view queue_ms;
  std::string_view storage_ms;
  std::string_view first_byte_ms;
  std::string_view stream_ms;
};

/// Nothing if it is no flat JSON object, or has no time, level and event: a line that was cut off.
/// It need not be clean JSON in all the rest; whoever hands it on looks closer.
std::optional<log_line> parse_log_line(std::string_view line);

/// As the log would have written it on a terminal; as it is if it is no flat JSON object.
std::string text_of_log_line(std::string_view line);

/// Empty unless it is a plain number.
std::optional<double> number_of(std::string_view text);

}  // namespace parley
