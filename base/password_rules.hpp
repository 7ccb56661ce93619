/// What a new password must be (NIST SP 800-63B: length and a list of weak ones, no character
/// classes). Pure, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace parley {

constexpr size_t password_length_min = 8;    ///< code points
constexpr size_t password_length_max = 128;  ///< code points

/// All faults of a new password, none if it may be used; `path` is the field's JSON Pointer.
/// Rules: utf8, no_nul, length_min, length_max, bytes_max, not_username, not_weak.
std::vector<field_fault> password_faults(std::string_view password, std::string_view username,
                                         std::string_view path);

/// Among the first guesses of anybody: a listed word, also with a few characters before or after it
/// or written like "p4$$w0rd", one character or group repeated, a run on the keyboard or alphabet.
bool is_weak_password(std::string_view password);

}  // namespace parley
