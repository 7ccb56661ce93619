#include "storage/migrate.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "base/log.hpp"

namespace parley::storage {

namespace {

constexpr int64_t application_id = 0x50726c79;  // "Prly", set by the first migration

expected<int64_t> pragma_number(connection& db, std::string_view sql) {
  auto q = db.prepare(sql);
  TRY(auto number, q.number());
  return number.value_or(0);
}

expected<void> check_origin(connection& db, int64_t version, int64_t newest) {
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

bool sync_file(const std::string& path, int flags) {
  auto fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return false;
  auto is_synced = ::fsync(fd) == 0;
  ::close(fd);
  return is_synced;
}

}  // namespace

expected<void> migrate(connection& db, const std::string& path, const std::vector<migration>& all) {
  auto newest = all.empty() ? 0 : all.back().number;
  TRY(auto version, pragma_number(db, "PRAGMA user_version"));
  TRY_DONE(check_origin(db, version, newest));
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

expected<void> copy_database(connection& db, const std::string& path) {
  // SQLite would make the file readable to others; it takes an empty one as it is.
  auto fd = ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return make_error(errc::storage_failed, "The copy of the database could not be made.");
  ::close(fd);
  auto q = db.prepare("VACUUM INTO ?");
  q.bind(path);
  auto copied = q.run();
  auto folder = std::filesystem::path{path}.parent_path().string();
  if (copied && sync_file(path, O_RDWR) && sync_file(folder.empty() ? "." : folder, O_RDONLY))
    return {};
  ::unlink(path.c_str());
  if (!copied) return copied;
  return make_error(errc::storage_failed, "The copy of the database could not be made.");
}

}  // namespace parley::storage
