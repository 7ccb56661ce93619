/// Brings a database to the newest schema: numbered forward migrations, each in a transaction.
///
/// Run by whoever opens the database, before anybody else uses it. The number of the last applied
/// migration is the file's user_version.
#pragma once

#include <functional>
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

/// errc::conflict, reason foreign_database or newer_database, unless `migrate` would take it.
expected<void> check_origin(connection& db, const std::vector<migration>& all = migrations());

/// Asked now and then with the bytes that are there; false ends the copy.
using copy_watch = std::function<bool(int64_t bytes)>;

/// Writes a complete copy into a new file that only we may read, and waits until it is on disk; it
/// goes there a piece at a time. errc::timeout when it was ended, and nothing is left.
expected<void> copy_database(connection& db, const std::string& path, copy_watch watch = {});

}  // namespace parley::storage
