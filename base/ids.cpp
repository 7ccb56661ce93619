#include "base/ids.hpp"

#include <sys/random.h>

#include <chrono>
#include <cstdlib>
#include <mutex>

namespace parley {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 48 bits of milliseconds and 12 bits that count within one; RFC 9562 section 6.2, method 1. The
// pair only ever rises, also when the wall clock steps back.
uint64_t next_stamp() {
  static std::mutex mutex;
  static uint64_t last = 0;
  using namespace std::chrono;
  auto now = static_cast<uint64_t>(
                 duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count())
             << 12;
  std::lock_guard guard{mutex};
  last = now > last ? now : last + 1;
  return last;
}

}  // namespace

uuid_bytes make_uuid() {
  uuid_bytes bytes;
  // A short read or an error cannot happen for 16 bytes (getrandom(2)); without randomness we stop.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    std::abort();
  auto stamp = next_stamp();
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<uint8_t>(stamp >> (52 - 8 * i));
  bytes[6] = static_cast<uint8_t>(0x70 | ((stamp >> 8) & 0x0f));
  bytes[7] = static_cast<uint8_t>(stamp);
  bytes[8] = static_cast<uint8_t>(0x80 | (bytes[8] & 0x3f));
  return bytes;
}

std::string uuid_text(const uuid_bytes& bytes) {
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex_digits[bytes[i] >> 4];
    text += hex_digits[bytes[i] & 15];
  }
  return text;
}

std::optional<uuid_bytes> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  uuid_bytes bytes;
  size_t at = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      if (text[at++] != '-') return std::nullopt;
    }
    auto high = hex_value(text[at++]);
    auto low = hex_value(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return bytes;
}

}  // namespace parley
