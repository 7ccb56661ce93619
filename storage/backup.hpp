/// Copies of a database that may be in use, and a look at one without changing it.
///
/// Both read through connections of their own that can't write, so a running server is neither
/// asked nor stopped; while a copy is made its write-ahead log grows. Blocks on the disk, any
/// thread.
#pragma once

#include <filesystem>

#include "actors/storage_messages.hpp"
#include "storage/connection.hpp"

namespace parley::storage {

struct database_state {
  int64_t schema = 0;         ///< number of its last migration
  int64_t schema_newest = 0;  ///< what this program would bring it to
  uint64_t bytes = 0;
  uint64_t log_bytes = 0;           ///< of the write-ahead log
  std::vector<std::string> faults;  ///< what integrity_check and foreign_key_check say
};

constexpr size_t database_faults_max = 20;

/// errc::not_found without a file, errc::corrupt_data for one that is no database. `is_thorough`
/// reads every page.
expected<database_state> examine(const std::filesystem::path& file, bool is_thorough);

/// Follows the chain of the audit log from its anchor to its end. The schema must be the newest.
expected<audit_check> check_audit_chain(const std::filesystem::path& file);

struct made_copy {
  std::filesystem::path file;
  uint64_t bytes = 0;
  std::string sha256;  ///< in hex
  int64_t schema = 0;
};

/// One consistent state as the new file `to`, on disk and examined thoroughly; nothing is left of a
/// copy that failed.
expected<made_copy> back_up(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace parley::storage
