/// How the secrets file and the API keys in the database go together, seen once at start.
#pragma once

#include "base/crypto.hpp"
#include "base/error.hpp"

namespace parley::storage {
class database;
}

namespace parley::app {

struct sealing_state {
  bool has_old = false;      ///< some keys are to be sealed anew
  bool has_foreign = false;  ///< some were sealed with a key that the file does not have
};

/// Takes out of the file in `data_dir` the keys with which nothing is sealed any more; if it can't
/// be written they stay. Blocks on the disk.
expected<sealing_state> examine_sealing(storage::database& files, const std::string& data_dir,
                                        const key_ring& ring);

}  // namespace parley::app
