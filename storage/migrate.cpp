#include "storage/migrate.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.hpp"
#include "base/log.hpp"

namespace parley::storage {

namespace {

constexpr int64_t application_id = 0x50726c79;  // "Prly", set by the first migration

expected<int64_t> pragma_number(connection& db, std::string_view sql) {
  auto q = db.prepare(sql);
  TRY(auto number, q.number());
  return number.value_or(0);
}

expected<void> check_version(connection& db, int64_t version, int64_t newest) {
  TRY(auto id, pragma_number(db, "PRAGMA application_id"));
  TRY(auto tables, pragma_number(db, "SELECT COUNT(*) FROM sqlite_schema"));
  if (tables > 0 && id != application_id)
    return make_error(errc::conflict, "foreign_database",
                      "The database file was not made by Parley.");
  if (version > newest)
    return make_error(errc::conflict, "newer_database",
                      "The database was written by a newer Parley (schema " +
                          std::to_string(version) + ", this one knows " + std::to_string(newest) +
                          "): start that version, or restore an older copy.");
  return {};
}

expected<void> apply_migration(connection& db, const migration& next) {
  TRY(auto writing, transaction::begin(db, transaction::kind::write));
  TRY_DONE(db.run_script(next.sql));
  {
    auto check = db.prepare("PRAGMA foreign_key_check");
    TRY(bool is_broken, check.step());
    if (is_broken) return make_error(errc::corrupt_data);
  }
  TRY_DONE(db.run_script("PRAGMA user_version = " + std::to_string(next.number)));
  TRY_DONE(writing.commit());
  log_info("storage.migrated", {{"migration", next.name}});
  return {};
}

std::string backup_path(const std::string& path, int64_t number) {
  auto digits = std::to_string(number);
  auto name =
      path + ".before-" + std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
  auto free_name = name;
  for (int i = 2; std::filesystem::exists(free_name); ++i)
    free_name = name + "." + std::to_string(i);
  return free_name;
}

/// A copy on its way to the disk. What is written waits there in pieces of 8 MiB: were it a
/// gigabyte at the end, each commit of the server would wait behind it.
class growing_file {
 public:
  growing_file(file_descriptor file, copy_watch watch)
      : file_(std::move(file)), watch_(std::move(watch)) {}

  bool look() {
    struct stat status {};
    if (::fstat(file_.number(), &status) != 0) return true;
    constexpr unsigned written =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (status.st_size - synced_ >= piece_bytes) {
      // Where the file system can't, the end waits for all of it.
      (void)::sync_file_range(file_.number(), synced_, status.st_size - synced_, written);
      synced_ = status.st_size;
    }
    return !watch_ || watch_(status.st_size);
  }
  /// Whoever reads it after this reads the disk.
  bool finish() const {
    if (::fsync(file_.number()) != 0) return false;
    (void)::posix_fadvise(file_.number(), 0, 0, POSIX_FADV_DONTNEED);
    return true;
  }

 private:
  static constexpr off_t piece_bytes = 8 << 20;
  file_descriptor file_;
  copy_watch watch_;
  off_t synced_ = 0;
};

}  // namespace

expected<void> check_origin(connection& db, const std::vector<migration>& all) {
  TRY(auto version, pragma_number(db, "PRAGMA user_version"));
  return check_version(db, version, all.empty() ? 0 : all.back().number);
}

expected<void> migrate(connection& db, const std::string& path, const std::vector<migration>& all) {
  auto newest = all.empty() ? 0 : all.back().number;
  TRY(auto version, pragma_number(db, "PRAGMA user_version"));
  TRY_DONE(check_version(db, version, newest));
  if (version == newest) return {};
  if (version > 0) {
    auto backup = backup_path(path, newest);
    TRY_DONE(copy_database(db, backup));
    log_info("storage.copied_before_migration", {{"path", backup}});
  }
  // A migration may rebuild a table that others refer to; each checks all references at its end.
  TRY_DONE(db.execute("PRAGMA foreign_keys = OFF"));
  for (const auto& next : all)
    if (next.number > version) TRY_DONE(apply_migration(db, next));
  return db.execute("PRAGMA foreign_keys = ON");
}

expected<void> copy_database(connection& db, const std::string& path, copy_watch watch) {
  // SQLite would make the file readable to others; it takes an empty one as it is. Closing ours
  // while SQLite has the file open would drop its locks.
  file_descriptor made{
      ::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!made.is_open()) return file_fault("make", path);
  growing_file file{std::move(made), std::move(watch)};
  auto copy = [&]() -> expected<void> {
    step_watch steps{db, [&] { return file.look(); }};
    auto q = db.prepare("VACUUM INTO ?");
    q.bind(path);
    return q.run();
  };
  auto copied = copy();
  if (copied && !file.finish()) copied = file_fault("write", path);
  auto folder = std::filesystem::path{path}.parent_path();
  if (copied) copied = sync_directory(folder.empty() ? "." : folder);
  if (!copied) ::unlink(path.c_str());
  return copied;
}

}  // namespace parley::storage
