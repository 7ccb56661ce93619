#include "base/log_line.hpp"

#include <array>
#include <charconv>
#include <utility>

namespace parley {

namespace {

using place = std::string_view log_line::*;
constexpr std::array<std::pair<std::string_view, place>, 16> known_fields{{
    {"at", &log_line::at},
    {"level", &log_line::level},
    {"event", &log_line::event},
    {"request", &log_line::request},
    {"method", &log_line::method},
    {"route", &log_line::route},
    {"status", &log_line::status},
    {"user", &log_line::user},
    {"took_ms", &log_line::took_ms},
    {"queue_ms", &log_line::queue_ms},
    {"storage_ms", &log_line::storage_ms},
    {"first_byte_ms", &log_line::first_byte_ms},
    {"stream_ms", &log_line::stream_ms},
    {"reason", &log_line::reason},
    {"model", &log_line::model},
    {"channel", &log_line::channel},
}};

/// Reads from the front of what is left.
struct line_reader {
  std::string_view left;

  bool skip(char wanted) {
    if (left.empty() || left.front() != wanted) return false;
    left.remove_prefix(1);
    return true;
  }

  // The inside of a string whose opening quote is behind.
  std::optional<std::string_view> rest_of_string() {
    size_t end = 0;
    for (;;) {
      end = left.find('"', end);
      if (end == left.npos) return std::nullopt;
      size_t slashes = 0;
      while (slashes < end && left[end - 1 - slashes] == '\\') ++slashes;
      if (slashes % 2 == 0) break;
      ++end;
    }
    auto text = left.substr(0, end);
    left.remove_prefix(end + 1);
    return text;
  }

  std::optional<std::string_view> value(bool& is_text) {
    is_text = skip('"');
    if (is_text) return rest_of_string();
    auto end = left.find_first_of(",}");
    if (end == left.npos || end == 0) return std::nullopt;
    auto text = left.substr(0, end);
    left.remove_prefix(end);
    return text;
  }
};

/// Hands each member to `take(name, value, is_text)`; false if the line is no flat object.
template <class Take>
bool each_member(std::string_view line, Take take) {
  line_reader from{line};
  if (!from.skip('{')) return false;
  do {
    if (!from.skip('"')) return false;
    auto name = from.rest_of_string();
    if (!name || !from.skip(':')) return false;
    bool is_text = false;
    auto value = from.value(is_text);
    if (!value) return false;
    take(*name, *value, is_text);
  } while (from.skip(','));
  return from.skip('}') && from.left.empty();
}

}  // namespace

std::optional<log_line> parse_log_line(std::string_view line) {
  log_line found;
  // The log writes fields mostly in the order of the list.
  size_t next = 0;
  auto is_whole = each_member(line, [&](std::string_view name, std::string_view value, bool) {
    for (size_t tries = 0; tries < known_fields.size(); ++tries) {
      const auto& [known, to] = known_fields[(next + tries) % known_fields.size()];
      if (known != name) continue;
      found.*to = value;
      next += tries + 1;
      return;
    }
  });
  if (!is_whole || found.at.empty() || found.level.empty() || found.event.empty())
    return std::nullopt;
  return found;
}

std::string text_of_log_line(std::string_view line) {
  constexpr size_t level_width = 8;
  std::string text;
  auto is_whole =
      each_member(line, [&](std::string_view name, std::string_view value, bool is_text) {
        if (name == "at" || name == "level" || name == "event") {
          if (!text.empty()) text += ' ';
          text += value;
          if (name == "level" && value.size() < level_width - 1)
            text.append(level_width - 1 - value.size(), ' ');
          return;
        }
        auto is_bare = !is_text || (!value.empty() && value.find_first_of(" =\\") == value.npos);
        text.append(" ").append(name).append("=");
        text.append(is_bare ? "" : "\"").append(value).append(is_bare ? "" : "\"");
      });
  return is_whole ? text : std::string{line};
}

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace parley
