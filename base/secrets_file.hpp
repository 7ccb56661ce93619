/// The file secrets.json in the data directory: every key of this installation, made at first
/// start.
///
/// Read or made once by app/node before anything else; it blocks on the disk. Without it no stored
/// API key opens and no password fits, so a copy of it is to be kept, apart from the backups.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/crypto.hpp"
#include "base/error.hpp"

namespace parley {

struct secrets {
  key_ring access_tokens;
  key_ring sealing;
  secret_text pepper;   ///< 32 bytes, of passwords
  bool is_new = false;  ///< made right now: an old database beside it has lost its keys
};

/// Makes the directory (0700, its parent must exist) and the file (0600) where they are absent. The
/// file is on the disk before its keys are used; of two processes that start at once both get the
/// same keys.
///
/// Refuses a file that is not ours or root's, that others or a foreign group may read or write, or
/// whose keys are missing, short or obvious. A sentence names the path and the mend.
expected<secrets> load_or_make_secrets(const std::string& directory);

/// Adds a key and seals with it from now on; the older ones still open what they have sealed.
/// Access tokens get another key instead: those that are out end, and clients refresh. For the next
/// start: a running server goes on with what it has read. Refuses a file that is absent, mounted or
/// another user's.
expected<secrets> turn_secrets(const std::string& directory);

/// Takes these sealing keys out of the file, never the active one; likewise.
expected<void> drop_sealing_keys(const std::string& directory,
                                 const std::set<std::string>& unneeded);

// -- A copy under a passphrase (base/passphrase) -------------------------------------------------

/// What is there, none without the file; makes nothing. Refuses what load_or_make_secrets does.
expected<std::optional<secrets>> read_secrets(const std::string& directory);

/// All of them as one text that `passphrase` opens. Refuses an absent file.
expected<std::string> export_secrets(const std::string& directory, const secret_text& passphrase);
/// Marks in the directory that there is such a copy, once it is where it shall be.
expected<void> note_secrets_export(const std::string& directory);

/// Puts what export_secrets has made into the directory. errc::conflict if others are there: those
/// are never overwritten.
expected<void> import_secrets(const std::string& directory, std::string_view exported,
                              const secret_text& passphrase);

enum class secrets_copy : uint8_t {
  none,      ///< never exported
  outdated,  ///< the keys were turned since
  made,
  foreign,  ///< the file is mounted or another user's, who has it from elsewhere
  no_secrets
};
secrets_copy find_secrets_copy(const std::string& directory);

}  // namespace parley
