/// Backups as they lie on a disk: each a folder `parley-20261128T181500Z` with the copy and,
/// written last, backup.json, which says what the copy is. A folder without it is unfinished.
///
/// Blocks on the disk, any thread; of several that make one at a time each gets a folder of its
/// own.
#pragma once

#include "schema/job.hpp"
#include "storage/backup.hpp"

namespace parley::storage {

/// A new folder in `inside`, which is made (0700). Nothing is left of one that failed.
expected<kept_backup> make_backup(const std::filesystem::path& database,
                                  const std::filesystem::path& inside, instant now,
                                  const backup_watch& watch = {});

/// backup.json, as it is written.
std::string manifest_of(const kept_backup& made);

/// What one folder's backup.json says. errc::not_found without a folder or the file,
/// errc::corrupt_data when it is none of ours.
expected<kept_backup> read_backup(const std::filesystem::path& folder);

/// The latest 1,000, the latest first; an unfinished one has no version. Empty without the
/// directory.
std::vector<kept_backup> list_backups(const std::filesystem::path& inside);

/// Removes all but the newest `kept_max` verified ones, and what is unfinished for an hour; the
/// names of those. Files that no backup has stay, and their folder with them.
std::vector<std::string> thin_backups(const std::filesystem::path& inside, size_t kept_max);

/// 0 when the name is no backup's.
instant time_of_backup(std::string_view name);

}  // namespace parley::storage
