/// Puts a backup in the place of a database. Nothing is overwritten: what was there is kept beside.
///
/// The server must not run; blocks on the disk.
#pragma once

#include "storage/backup_folder.hpp"

namespace parley::storage {

struct restored_database {
  kept_backup backup;
  std::filesystem::path kept_in;  ///< what was there; empty if nothing was
};

/// `folder` is one backup. Its copy is brought into `data_dir`, and what has arrived there is held
/// against backup.json and examined thoroughly; only then it takes the database's place.
///
/// errc::corrupt_data when it is not what was made; errc::conflict, reason already_running,
/// newer_database or foreign_database. After any failure the database is as it was.
expected<restored_database> restore(const std::filesystem::path& folder,
                                    const std::filesystem::path& data_dir, instant now);

}  // namespace parley::storage
