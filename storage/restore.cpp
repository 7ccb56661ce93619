#include "storage/restore.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/crypto.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "storage/migrate.hpp"
#include "storage/sqlite.hpp"

namespace parley::storage {

namespace {

namespace fs = std::filesystem;

/// Gone unless it has taken its place.
class draft_file {
 public:
  explicit draft_file(fs::path path) : path_(std::move(path)) {}
  ~draft_file() { ::unlink(path_.c_str()); }
  draft_file(const draft_file&) = delete;
  draft_file& operator=(const draft_file&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// On the disk; its SHA-256 in hex.
expected<std::string> bring_file(const fs::path& from, const fs::path& to) {
  file_descriptor target{
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!target.is_open()) return file_fault("write", to);
  sha256_stream digest;
  TRY_DONE(read_pieces(from, [&](std::string_view piece, int64_t at) {
    digest.add(piece);
    return target.write_all(piece, at);
  }));
  if (::fsync(target.number()) != 0) return file_fault("write", to);
  return hex(digest.finish());
}

expected<void> check_copy(const fs::path& copy, const kept_backup& wanted) {
  TRY(auto state, examine(copy, true));
  if (!state.faults.empty())
    return make_error(errc::corrupt_data, "database_damaged",
                      "The backup is damaged: " + state.faults.front() + ". Take another one.");
  if (state.schema != wanted.schema)
    return make_error(errc::corrupt_data, "bad_manifest",
                      "The backup has another schema than its backup.json says.");
  TRY(auto db, connection::open({copy.string(), false}));
  return check_origin(*db);
}

error newer(const kept_backup& wanted) {
  return make_error(errc::conflict, "newer_database",
                    "The backup is of Parley " + wanted.version + " with schema " +
                        std::to_string(wanted.schema) + ", and this one knows " +
                        std::to_string(migrations().back().number) +
                        ": restore it with that version.");
}

constexpr std::array side_suffixes{"-wal", "-shm"};

bool move_sides(const fs::path& from, const fs::path& to) {
  return std::all_of(side_suffixes.begin(), side_suffixes.end(), [&](const char* suffix) {
    auto side = from.string() + suffix;
    return ::rename(side.c_str(), (to.string() + suffix).c_str()) == 0 || errno == ENOENT;
  });
}

/// Where what is there is kept; empty if nothing is.
expected<fs::path> make_aside(const fs::path& database, instant now) {
  std::error_code fault;
  auto is_there = fs::exists(database, fault) || fs::exists(database.string() + "-wal", fault);
  if (!is_there) return fs::path{};
  auto stamp = to_string(now).substr(0, 19);
  std::replace(stamp.begin(), stamp.end(), ':', '-');
  auto folder = database.parent_path() / ("before-restore-" + stamp);
  if (::mkdir(folder.c_str(), 0700) != 0) return file_fault("make", folder);
  return folder;
}

/// The database's name is taken all the time: a server that started between would make a new one.
expected<void> exchange(const fs::path& draft, const fs::path& database, const fs::path& aside) {
  auto kept = aside / database.filename();
  if (!aside.empty()) {
    if (::link(database.c_str(), kept.c_str()) != 0 && errno != ENOENT)
      return file_fault("keep", database);
    TRY_DONE(sync_directory(aside));
    // Its log belongs to it, and would be read into whatever stands in its place.
    if (!move_sides(database, kept)) {
      auto cause = file_fault("keep", database);
      (void)move_sides(kept, database);
      return cause;
    }
    TRY_DONE(sync_directory(aside));
  }
  if (::rename(draft.c_str(), database.c_str()) != 0) {
    auto cause = file_fault("put", database);
    if (!aside.empty()) (void)move_sides(kept, database);
    return cause;
  }
  return sync_directory(database.parent_path());
}

}  // namespace

expected<restored_database> restore(const fs::path& folder, const fs::path& data_dir, instant now) {
  TRY(auto wanted, read_backup(folder));
  if (wanted.schema > migrations().back().number) return newer(wanted);
  struct stat owner {};
  if (::geteuid() == 0 && ::stat(data_dir.c_str(), &owner) == 0 && owner.st_uid != 0)
    return make_error(errc::forbidden, data_dir.string() +
                                           " belongs to another user, who could not read what "
                                           "root restores: run this as that user.");
  TRY(auto lock, directory_lock::take(data_dir));
  auto database = data_dir / database_file_name;
  draft_file draft{data_dir / (std::string{database_file_name} + ".restored")};
  TRY(auto digest, bring_file(folder / database_file_name, draft.path()));
  if (digest != wanted.sha256)
    return make_error(errc::corrupt_data, "digest_mismatch",
                      (folder / database_file_name).string() +
                          " is not the copy that was made: its digest is another. Take another "
                          "backup.");
  TRY_DONE(check_copy(draft.path(), wanted));
  restored_database result{std::move(wanted), {}};
  TRY(result.kept_in, make_aside(database, now));
  TRY_DONE(exchange(draft.path(), database, result.kept_in));
  return result;
}

}  // namespace parley::storage
