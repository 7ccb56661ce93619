#include "bench/load/http_text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace parley::bench {
namespace {

char lower(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int hex_digit(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  const auto letter = lower(byte);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, number);
  if (text.empty() || fault != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::string_view http_head::field(std::string_view name) const {
  for (const auto& [field_name, value] : fields) {
    if (equals_ignoring_case(field_name, name)) return value;
  }
  return {};
}

head_state parse_head(std::string_view text, http_head& head) {
  constexpr size_t head_bytes_max = 64 * 1024;
  const auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return text.size() > head_bytes_max ? head_state::bad : head_state::incomplete;
  }
  head.fields.clear();
  head.bytes = end + 4;
  auto rest = text.substr(0, end + 2);
  const auto first_end = rest.find("\r\n");
  head.first_line = rest.substr(0, first_end);
  rest.remove_prefix(first_end + 2);
  while (!rest.empty()) {
    const auto line_end = rest.find("\r\n");
    const auto line = rest.substr(0, line_end);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return head_state::bad;
    head.fields.emplace_back(line.substr(0, colon), trim(line.substr(colon + 1)));
    rest.remove_prefix(line_end + 2);
  }
  return head_state::whole;
}

void chunk_decoder::take_size_byte(char byte) {
  constexpr uint32_t size_digits_max = 8;
  if (const auto digit = hex_digit(byte); digit >= 0 && line_bytes_ < size_digits_max) {
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    ++line_bytes_;
  } else if (byte == ';' && line_bytes_ > 0) {
    state_ = state::extension;
  } else if (byte == '\r' && line_bytes_ > 0) {
    state_ = state::size_end;
  } else {
    state_ = state::broken;
  }
}

void chunk_decoder::take_frame_byte(char byte) {
  constexpr uint32_t line_bytes_max = 4096;
  switch (state_) {
    case state::size:
      take_size_byte(byte);
      break;
    case state::extension:
      if (byte == '\r')
        state_ = state::size_end;
      else if (++line_bytes_ > line_bytes_max)
        state_ = state::broken;
      break;
    case state::size_end:
      line_bytes_ = 0;
      state_ = byte != '\n' ? state::broken : left_ > 0 ? state::data : state::trailer;
      break;
    case state::data_cr:
      state_ = byte == '\r' ? state::data_lf : state::broken;
      break;
    case state::data_lf:
      state_ = byte == '\n' ? state::size : state::broken;
      break;
    case state::trailer:  // an empty line ends it; the lines before are skipped
      if (byte == '\n' && line_bytes_ == 0)
        state_ = state::whole;
      else if (byte == '\n')
        line_bytes_ = 0;
      else if (byte != '\r' && ++line_bytes_ > line_bytes_max)
        state_ = state::broken;
      break;
    default:
      break;
  }
}

size_t chunk_decoder::decode(std::string_view text, std::string& body) {
  size_t used = 0;
  while (used < text.size() && !is_whole() && !is_broken()) {
    if (state_ == state::data) {
      const auto count = std::min<uint64_t>(left_, text.size() - used);
      body.append(text.substr(used, count));
      used += count;
      left_ -= count;
      if (left_ == 0) state_ = state::data_cr;
    } else {
      take_frame_byte(text[used++]);
    }
  }
  return used;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char byte : text) {
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(byte) < 0x20) {
          char escaped[8];
          std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(byte));
          out += escaped;
        } else {
          out += byte;
        }
    }
  }
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

}  // namespace parley::bench
