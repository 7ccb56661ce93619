/// The request methods Parley knows, and sets of them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley::http {

enum class method : uint8_t { get, head, post, put, patch, erase, options };

constexpr std::array<std::string_view, 7> method_names = {"GET",   "HEAD",   "POST",   "PUT",
                                                          "PATCH", "DELETE", "OPTIONS"};
constexpr size_t method_count = method_names.size();

constexpr std::string_view to_string(method m) {
  return method_names[static_cast<size_t>(m)];
}

/// Methods are case-sensitive (RFC 9110, section 9.1).
constexpr std::optional<method> parse_method(std::string_view name) {
  for (size_t i = 0; i < method_count; ++i)
    if (method_names[i] == name) return static_cast<method>(i);
  return std::nullopt;
}

class method_set {
 public:
  constexpr void add(method m) { bits_ |= bit(m); }
  constexpr void add(method_set other) { bits_ |= other.bits_; }
  constexpr bool has(method m) const { return (bits_ & bit(m)) != 0; }
  constexpr bool is_empty() const { return bits_ == 0; }
  friend constexpr bool operator==(method_set, method_set) = default;

 private:
  static constexpr uint8_t bit(method m) {
    return static_cast<uint8_t>(1u << static_cast<unsigned>(m));
  }
  uint8_t bits_ = 0;
};

/// "GET, HEAD": the value of an Allow header.
inline std::string to_string(method_set methods) {
  std::string text;
  for (size_t i = 0; i < method_count; ++i) {
    if (!methods.has(static_cast<method>(i))) continue;
    if (!text.empty()) text += ", ";
    text += method_names[i];
  }
  return text;
}

}  // namespace parley::http
