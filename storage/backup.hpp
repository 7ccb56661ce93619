/// Copies of a database that may be in use, and a look at one without changing it.
///
/// Both read through connections of their own that can't write, so a running server is neither
/// asked nor stopped; while a copy is made its write-ahead log grows. Blocks on the disk, any
/// thread.
#pragma once

#include <filesystem>
#include <functional>

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

/// Asked now and then, with bytes; false ends the work.
using backup_watch = std::function<bool(int64_t done, int64_t total)>;

/// errc::not_found without a file, errc::corrupt_data for one that is no database. `is_thorough`
/// reads every page, as long as `goes_on` says so.
expected<database_state> examine(const std::filesystem::path& file, bool is_thorough,
                                 const std::function<bool()>& goes_on = {});

/// How large what is.
struct database_figures {
  std::string engine;  ///< the version of SQLite
  int64_t pages = 0;
  int64_t free_pages = 0;
  int64_t page_bytes = 0;
  std::vector<std::pair<std::string, int64_t>> rows;  ///< of each table
};
/// errc::not_found without a file.
expected<database_figures> figures_of(const std::filesystem::path& file);

/// Follows the chain of the audit log from its anchor to its end. The schema must be the newest.
expected<audit_check> check_audit_chain(const std::filesystem::path& file);

/// SHA-256 in hex. `goes_on` is told the bytes read so far; errc::timeout when it says no.
expected<std::string> digest_of(const std::filesystem::path& file,
                                const std::function<bool(int64_t bytes)>& goes_on = {});

struct made_copy {
  std::filesystem::path file;
  uint64_t bytes = 0;
  std::string sha256;  ///< in hex
  int64_t schema = 0;
};

/// One consistent state as the new file `to`, on disk, examined thoroughly and read once more for
/// its digest: the two halves of what `watch` is told. Nothing is left of a copy that failed;
/// errc::storage_full if there is no room, errc::conflict, reason backup_stopped, if `watch` said
/// no.
expected<made_copy> back_up(const std::filesystem::path& from, const std::filesystem::path& to,
                            const backup_watch& watch = {});

}  // namespace parley::storage
