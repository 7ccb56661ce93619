/// One shape of log line: an event name and typed fields. Text on a terminal, JSON lines otherwise,
/// and always JSON lines in files of the server's own (base/log_files.hpp).
///
/// Any thread. A call renders its line and hands it to the log's own thread over a bounded queue:
/// it never waits for the disk or the terminal. When they fail or fall behind, lines are dropped
/// and counted, the server goes on. Below the level a call costs one comparison. Values come from
/// clients, so control characters are escaped: no line can be forged.
///
///   log_info("session.loaded", {{"user", user}, {"messages", count}, {"took", elapsed}});
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"
#include "base/log_files.hpp"

namespace parley {

/// `normal` is written as "info".
enum class log_level : uint8_t { debug, normal, warning, error, off };
enum class log_format : uint8_t { automatic, text, json };
/// Whether the log is also kept in files.
enum class log_keeping : uint8_t { on, off };

std::string_view to_string(log_level level);
std::optional<log_level> parse_log_level(std::string_view text);
std::optional<log_format> parse_log_format(std::string_view text);

/// One field of a line; it borrows, so it lives within the call only. No secret_text fits in.
struct log_field {
  using value_type = std::variant<bool, int64_t, uint64_t, double, std::string_view, uuid_bytes,
                                  instant, std::chrono::microseconds, const error*>;

  std::string_view name;  ///< snake_case; not at, level or event
  value_type value;

  log_field(std::string_view n, bool v) : name(n), value(v) {}
  log_field(std::string_view n, double v) : name(n), value(v) {}
  log_field(std::string_view n, std::string_view v) : name(n), value(v) {}
  log_field(std::string_view n, const std::string& v) : name(n), value(std::string_view{v}) {}
  log_field(std::string_view n, const char* v) : name(n), value(std::string_view{v}) {}
  log_field(std::string_view n, instant v) : name(n), value(v) {}
  log_field(std::string_view n, const error& v) : name(n), value(&v) {}
  /// Shown as milliseconds with "_ms" after the name.
  template <class Rep, class Period>
  log_field(std::string_view n, std::chrono::duration<Rep, Period> v)
      : name(n), value(std::chrono::duration_cast<std::chrono::microseconds>(v)) {}
  template <class Tag>
  log_field(std::string_view n, const basic_id<Tag>& v) : name(n), value(v.bytes) {}
  template <class Integer,
            class = std::enable_if_t<std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>>>
  log_field(std::string_view n, Integer v) : name(n) {
    if constexpr (std::is_signed_v<Integer>)
      value = static_cast<int64_t>(v);
    else
      value = static_cast<uint64_t>(v);
  }
};

using log_fields = std::initializer_list<log_field>;

struct log_options {
  log_level level = log_level::normal;
  log_format format = log_format::automatic;
  int fd = 2;  ///< stays the caller's
  log_files_options files = {};
};

/// Before the first thread and after the last one; until then and after that nothing is logged.
void start_log(const log_options& options);
/// Writes what waits, as far as the sink takes it.
void stop_log();

/// While running.
void set_log_level(log_level level);
/// Lines lost since the start, for each place they were meant for: the queue was full, or it
/// failed.
uint64_t log_lines_dropped();

namespace detail {
inline std::atomic<log_level> log_threshold{log_level::off};
void write_log(log_level level, std::string_view event, std::span<const log_field> fields);
inline void write_log(log_level level, std::string_view event, log_fields fields) {
  write_log(level, event, std::span{fields.begin(), fields.size()});
}
}  // namespace detail

inline bool is_logged(log_level level) {
  return level >= detail::log_threshold.load(std::memory_order_relaxed);
}

/// `event` is "noun.happened".
inline void log_debug(std::string_view event, log_fields fields = {}) {
  if (is_logged(log_level::debug)) detail::write_log(log_level::debug, event, fields);
}
inline void log_info(std::string_view event, log_fields fields = {}) {
  if (is_logged(log_level::normal)) detail::write_log(log_level::normal, event, fields);
}
inline void log_warning(std::string_view event, log_fields fields = {}) {
  if (is_logged(log_level::warning)) detail::write_log(log_level::warning, event, fields);
}
inline void log_error(std::string_view event, log_fields fields = {}) {
  if (is_logged(log_level::error)) detail::write_log(log_level::error, event, fields);
}

/// With as many fields as there happen to be.
inline void log_with(std::string_view event, std::span<const log_field> fields) {
  if (is_logged(log_level::normal)) detail::write_log(log_level::normal, event, fields);
}

}  // namespace parley
