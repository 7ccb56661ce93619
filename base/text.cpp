#include "base/text.hpp"

#include <openssl/crypto.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace parley {

namespace {

uint8_t byte_at(std::string_view text, size_t at) {
  return static_cast<uint8_t>(text[at]);
}

struct utf8_sequence {
  size_t size;  ///< of the code point, or of the maximal invalid part
  bool is_valid;
};

// Unicode 15, table 3-7: only the second byte has ranges of its own.
utf8_sequence read_sequence(std::string_view text, size_t at) {
  auto first = byte_at(text, at);
  if (first < 0x80) return {1, true};
  if (first < 0xc2 || first > 0xf4) return {1, false};
  size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < size; ++i) {
    if (at + i >= text.size()) return {i, false};
    auto next = byte_at(text, at + i);
    if (next < low || next > high) return {i, false};
    low = 0x80;
    high = 0xbf;
  }
  return {size, true};
}

// Most text is ASCII: eight bytes at once.
size_t skip_ascii(std::string_view text, size_t at) {
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, sizeof word);
    if ((word & 0x8080808080808080) != 0) break;
  }
  while (at < text.size() && byte_at(text, at) < 0x80) ++at;
  return at;
}

constexpr char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char base64url_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using digit_values = std::array<int8_t, 256>;

constexpr digit_values make_values(const char* digits) {
  digit_values values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 64; ++i) values[static_cast<uint8_t>(digits[i])] = static_cast<int8_t>(i);
  return values;
}

constexpr auto base64_values = make_values(base64_digits);
constexpr auto base64url_values = make_values(base64url_digits);

std::string encode_64(std::string_view bytes, const char* digits) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  uint32_t bits = 0;
  int count = 0;
  for (auto c : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(c);
    for (count += 8; count >= 6; count -= 6) text += digits[bits >> (count - 6) & 63];
  }
  if (count > 0) text += digits[bits << (6 - count) & 63];
  return text;
}

std::optional<std::string> decode_64(std::string_view text, const digit_values& values) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (auto c : text) {
    auto value = values[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 255);
    }
  }
  if ((bits & ((1U << count) - 1)) != 0)
    return std::nullopt;  // a second spelling of the same bytes
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int hex_byte(std::string_view text, size_t at) {
  if (at + 2 > text.size()) return -1;
  auto high = hex_value(text[at]);
  auto low = hex_value(text[at + 1]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

std::optional<std::string> decode_form_part(std::string_view text) {
  std::string spaced{text};
  for (auto& c : spaced) {
    if (c == '+') c = ' ';
  }
  auto decoded = percent_decode(spaced);
  if (decoded && !is_utf8(*decoded)) return std::nullopt;
  return decoded;
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (size_t at = skip_ascii(text, 0); at < text.size(); at = skip_ascii(text, at)) {
    auto sequence = read_sequence(text, at);
    if (!sequence.is_valid) return false;
    at += sequence.size;
  }
  return true;
}

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (auto c : text) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return count;
}

std::string_view cut_utf8(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  auto size = bytes_max;
  while (size > 0 && (byte_at(text, size) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

std::string repair_utf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    auto end = skip_ascii(text, at);
    result.append(text.substr(at, end - at));
    if ((at = end) == text.size()) break;
    auto sequence = read_sequence(text, at);
    result.append(sequence.is_valid ? text.substr(at, sequence.size) : "\xef\xbf\xbd");
    at += sequence.size;
  }
  return result;
}

std::string base64(std::string_view bytes) {
  auto text = encode_64(bytes, base64_digits);
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::optional<std::string> parse_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return decode_64(text, base64_values);
}

std::string base64url(std::string_view bytes) {
  return encode_64(bytes, base64url_digits);
}

std::optional<std::string> parse_base64url(std::string_view text) {
  return decode_64(text, base64url_values);
}

std::string hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (auto c : bytes) {
    text += digits[static_cast<uint8_t>(c) >> 4];
    text += digits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

std::optional<std::string> parse_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t at = 0; at < text.size(); at += 2) {
    auto value = hex_byte(text, at);
    if (value < 0) return std::nullopt;
    bytes += static_cast<char>(value);
  }
  return bytes;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      bytes += text[at];
      continue;
    }
    auto value = hex_byte(text, at + 1);
    if (value < 0) return std::nullopt;
    bytes += static_cast<char>(value);
    at += 2;
  }
  return bytes;
}

std::string percent_encode(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  for (auto c : text) {
    auto is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~') {
      result += c;
      continue;
    }
    result += '%';
    result += digits[static_cast<uint8_t>(c) >> 4];
    result += digits[static_cast<uint8_t>(c) & 15];
  }
  return result;
}

expected<std::vector<form_field>> parse_form(std::string_view text, size_t fields_max) {
  std::vector<form_field> fields;
  while (!text.empty()) {
    auto part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (part.empty()) continue;
    if (fields.size() == fields_max)
      return make_error(errc::too_large, "There are too many parameters.");
    auto split = std::min(part.find('='), part.size());
    auto name = decode_form_part(part.substr(0, split));
    auto value = decode_form_part(part.substr(std::min(split + 1, part.size())));
    if (!name || !value)
      return make_error(errc::malformed, "A parameter is not percent-encoded UTF-8.");
    fields.push_back({std::move(*name), std::move(*value)});
  }
  return fields;
}

bool is_equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace parley
