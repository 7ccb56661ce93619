/// The file secrets.json in the data directory: every key of this installation, made at first
/// start.
///
/// Read or made once by app/node before anything else; it blocks on the disk. Without it no stored
/// API key opens and no password fits, so it belongs into a backup, kept apart from the data.
#pragma once

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

}  // namespace parley
