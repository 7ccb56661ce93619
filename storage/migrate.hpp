/// Brings a database to the newest schema: numbered forward migrations, each in a transaction.
///
/// Run by whoever opens the database, before anybody else uses it. The number of the last applied
/// migration is the file's user_version.
#pragma once

#include <string>
#include <vector>

#include "storage/connection.hpp"

namespace parley::storage {

struct migration {
  int64_t number;
  std::string name;
  std::string sql;
};

/// All of schema/sqlite/, in order; compiled in.
const std::vector<migration>& migrations();

/// Applies what is missing. A database that is neither new nor current is first copied to
/// `<path>.before-NNNN` (the number it is brought to). One from a newer Parley, or of another
/// program, is refused untouched with errc::conflict.
expected<void> migrate(connection& db, const std::string& path,
                       const std::vector<migration>& all = migrations());

/// Writes a complete copy into a new file that only we may read, by the writing connection, and
/// waits until it is on disk.
expected<void> copy_database(connection& db, const std::string& path);

}  // namespace parley::storage
