/// Pieces of text: UTF-8, base64, hex, URL parts. Pure functions, any thread.
///
/// Every decoder is strict: each value has one accepted spelling, everything else is nullopt.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace parley {

// -- UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) ----------------

bool is_utf8(std::string_view text);
/// Of valid UTF-8.
size_t count_code_points(std::string_view text);
/// The longest beginning of at most `bytes_max` bytes that cuts no code point of valid UTF-8.
std::string_view cut_utf8(std::string_view text, size_t bytes_max);
/// Each maximal invalid part becomes one U+FFFD (Unicode 15, section 3.9, as browsers do).
std::string repair_utf8(std::string_view text);

// -- Bytes as text (RFC 4648) -------------------------------------------------------------------

std::string base64(std::string_view bytes);
/// Padding is required, stray bits and line breaks are refused.
std::optional<std::string> parse_base64(std::string_view text);
/// Without padding, here and in parse_base64url.
std::string base64url(std::string_view bytes);
std::optional<std::string> parse_base64url(std::string_view text);
/// Lower case.
std::string hex(std::string_view bytes);
/// Either case.
std::optional<std::string> parse_hex(std::string_view text);

// -- URL parts (RFC 3986) -----------------------------------------------------------------------

/// A '%' without two hex digits is refused; '+' stays '+'. The result may hold any byte.
std::optional<std::string> percent_decode(std::string_view text);
/// Leaves the unreserved characters A-Z a-z 0-9 - . _ ~ as they are.
std::string percent_encode(std::string_view text);

struct form_field {
  std::string name;
  std::string value;
};
/// "a=b&c=d" in its order, '+' read as a space; a field without '=' has an empty value, empty
/// fields are skipped. Bad escapes and bad UTF-8 are malformed, more than `fields_max` fields
/// too_large.
expected<std::vector<form_field>> parse_form(std::string_view text, size_t fields_max = 64);

// -- Secrets ------------------------------------------------------------------------------------

/// Takes as long for a wrong text as for the right one of that length.
bool is_equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace parley
