#include "storage/sqlite.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "storage/migrate.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

constexpr auto lock_name = "parley.lock";

error damage_error(const std::filesystem::path& path) {
  return make_error(
      errc::corrupt_data, "database_damaged",
      "The database " + path.string() + " is damaged. It was left as it is: restore a copy of it.");
}

}  // namespace

database::database(database_options options)
    : options_(std::move(options)), path_(options_.directory / database_file_name) {}

expected<std::shared_ptr<database>> database::open(database_options options,
                                                   const wall_clock& clock) {
  // Shared by the writer and all readers: the lock goes with the last of them.
  std::shared_ptr<database> opened{new database{std::move(options)}};
  TRY_DONE(opened->make_files());
  TRY_DONE(opened->check());
  TRY_DONE(opened->prepare(clock.now()));
  return opened;
}

expected<directory_lock> directory_lock::take(const std::filesystem::path& directory) {
  std::error_code fault;
  std::filesystem::create_directories(directory.parent_path(), fault);
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return file_fault("make the directory", directory);
  auto path = directory / lock_name;
  file_descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (!file.is_open()) return file_fault("open", path);
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  // Of the open file, not of the process: ends with it however the process ends.
  if (::fcntl(file.number(), F_OFD_SETLK, &whole) == 0) return directory_lock{std::move(file)};
  if (errno != EAGAIN && errno != EACCES) return file_fault("lock", path);
  return make_error(errc::conflict, "already_running",
                    "Another Parley server uses " + directory.string() + ".");
}

expected<void> database::make_files() {
  TRY(auto lock, directory_lock::take(options_.directory));
  lock_.emplace(std::move(lock));
  // Made by us so that nobody else can read it; SQLite gives its side files the same mode.
  auto fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return file_fault("open", path_);
  auto is_private = ::fchmod(fd, 0600) == 0;
  // Closing this descriptor later would drop SQLite's own locks; none are held yet.
  ::close(fd);
  if (!is_private) return file_fault("protect", path_);
  return {};
}

// By a connection that can't write, before one that can touches the file.
expected<void> database::check() const {
  auto bytes = file_bytes(path_);
  if (bytes == 0) return {};
  auto log_bytes = file_bytes(path_.string() + "-wal");
  auto bytes_max = log_bytes > 0 ? options_.check_bytes_max_after_crash : options_.check_bytes_max;
  auto opened = open_reader();
  if (!opened)
    return code_of(opened.error()) == errc::corrupt_data ? damage_error(path_) : opened.error();
  auto q = (*opened)->prepare(bytes <= bytes_max ? "PRAGMA quick_check(1)"
                                                 : "SELECT 'ok' FROM sqlite_schema LIMIT 1");
  auto has_row = q.step();
  if (!has_row && code_of(has_row.error()) != errc::corrupt_data) return has_row.error();
  if (!has_row || (*has_row && q.text(0) != "ok")) return damage_error(path_);
  return {};
}

expected<void> database::prepare(instant now) const {
  TRY(auto writer, open_writer());
  if (file_bytes(path_) == 0) {
    // Only before the first page is written; the write-ahead log stays on for ever.
    TRY_DONE(writer->execute("PRAGMA auto_vacuum = INCREMENTAL"));
  }
  TRY_DONE(writer->execute("PRAGMA journal_mode = WAL"));
  TRY_DONE(migrate(*writer, path_.string()));
  int64_t replies = 0;
  for (;;) {
    TRY(auto writing, transaction::begin(*writer, transaction::kind::write));
    TRY(auto some, interrupt_replies(*writer, now));
    TRY_DONE(writing.commit());
    if (some == 0) break;
    replies += some;
  }
  if (replies > 0) log_warning("storage.replies_interrupted", {{"replies", replies}});
  return {};
}

expected<std::unique_ptr<connection>> database::open_writer() const {
  TRY(auto opened, connection::open({path_.string(), true, options_.busy_timeout}));
  TRY_DONE(define_search(*opened));
  return opened;
}

expected<std::unique_ptr<connection>> database::open_reader() const {
  return connection::open({path_.string(), false, options_.busy_timeout});
}

}  // namespace parley::storage
