/// The database of one data directory: locked, checked, migrated and recovered before it is used.
///
/// Opened once at start, by app/. STORAGE and READERs then open their connections through it, each
/// on its own thread; the lock on the directory lasts as long as the object. Exactly one connection
/// writes and checkpoints: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when two do at the
/// same moment.
#pragma once

#include <filesystem>
#include <memory>

#include "base/files.hpp"
#include "storage/connection.hpp"

namespace parley::storage {

inline constexpr auto database_file_name = "parley.db";

struct database_options {
  std::filesystem::path directory;
  std::chrono::milliseconds busy_timeout{2000};
  /// A file up to this size is checked at each start (150 MB take about 0.4 s) …
  uint64_t check_bytes_max = uint64_t{64} << 20;
  /// … and one up to this size after a stop that was not clean.
  uint64_t check_bytes_max_after_crash = uint64_t{512} << 20;
};

/// The lock on a data directory, which is made (0700): one server, or one command that writes, at a
/// time. Lasts as long as the object, however the process ends.
class directory_lock {
 public:
  /// errc::conflict, reason already_running.
  static expected<directory_lock> take(const std::filesystem::path& directory);

 private:
  explicit directory_lock(file_descriptor file) : file_(std::move(file)) {}
  file_descriptor file_;
};

class database {
 public:
  /// Makes the directory (0700) and the file (0600) if there are none. Fails with errc::conflict,
  /// reason already_running, newer_database or foreign_database; with errc::corrupt_data and the
  /// file untouched when it is damaged.
  static expected<std::shared_ptr<database>> open(database_options options,
                                                  const wall_clock& clock = system_wall_clock());
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  /// One at a time, only for STORAGE.
  expected<std::unique_ptr<connection>> open_writer() const;
  expected<std::unique_ptr<connection>> open_reader() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit database(database_options options);
  expected<void> make_files();
  expected<void> check() const;
  expected<void> prepare(instant now) const;

  database_options options_;
  std::filesystem::path path_;
  std::optional<directory_lock> lock_;
};

}  // namespace parley::storage
