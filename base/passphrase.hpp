/// A text that a passphrase opens, as one JSON object: scrypt makes the key, AES-256-GCM seals.
/// Pure but for the time and the memory (128 MiB) that trying passphrases costs; any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace parley {

constexpr size_t passphrase_bytes_min = 12;

/// `kind` says what it is ("parley.secrets"). errc::invalid_input for a passphrase that is too
/// short.
expected<std::string> seal_with_passphrase(std::string_view kind, const secret_text& text,
                                           const secret_text& passphrase);

/// errc::invalid_input, reason not_sealed for a text of another kind, wrong_passphrase when it does
/// not open: by the passphrase, or because it was changed.
expected<secret_text> open_with_passphrase(std::string_view kind, std::string_view sealed,
                                           const secret_text& passphrase);

}  // namespace parley
