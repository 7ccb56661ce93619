#include "storage/backup.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crypto.hpp"
#include "base/text.hpp"
#include "storage/migrate.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code fault;
  auto bytes = std::filesystem::file_size(path, fault);
  return fault ? 0 : bytes;
}

expected<void> collect_faults(connection& db, database_state& into) {
  auto whole = db.prepare("PRAGMA integrity_check(" + std::to_string(database_faults_max) + ")");
  for (;;) {
    TRY(bool has_row, whole.step());
    if (!has_row) break;
    if (whole.text(0) != "ok") into.faults.emplace_back(whole.text(0));
  }
  auto keys = db.prepare("PRAGMA foreign_key_check");
  while (into.faults.size() < database_faults_max) {
    TRY(bool has_row, keys.step());
    if (!has_row) break;
    into.faults.push_back("a row of " + std::string{keys.text(0)} + " refers to none of " +
                          std::string{keys.text(2)});
  }
  return {};
}

/// Mapped, so that a large file costs no memory of ours.
expected<std::string> digest_of(const std::filesystem::path& file) {
  auto bytes = bytes_of(file);
  auto fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  auto* start =
      fd < 0 || bytes == 0 ? MAP_FAILED : ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
  if (fd >= 0) ::close(fd);
  if (start == MAP_FAILED)
    return make_error(errc::storage_failed, file.string() + ": cannot be read.");
  auto digest = hex(sha256({static_cast<const char*>(start), bytes}));
  ::munmap(start, bytes);
  return digest;
}

expected<made_copy> copy_and_check(const std::filesystem::path& from,
                                   const std::filesystem::path& to) {
  {
    TRY(auto source, connection::open({from.string(), false}));
    TRY_DONE(copy_database(*source, to.string()));
  }
  TRY(auto state, examine(to, true));
  if (!state.faults.empty())
    return make_error(errc::corrupt_data, "database_damaged",
                      "The copy is damaged, as the database must be: " + state.faults.front());
  TRY(auto digest, digest_of(to));
  return made_copy{to, state.bytes, std::move(digest), state.schema};
}

}  // namespace

expected<database_state> examine(const std::filesystem::path& file, bool is_thorough) {
  std::error_code fault;
  if (!std::filesystem::exists(file, fault))
    return make_error(errc::not_found, "There is no database " + file.string() + ".");
  database_state state;
  state.bytes = bytes_of(file);
  state.log_bytes = bytes_of(file.string() + "-wal");
  if (!migrations().empty()) state.schema_newest = migrations().back().number;
  TRY(auto db, connection::open({file.string(), false}));
  {
    auto version = db->prepare("PRAGMA user_version");
    TRY(auto number, version.number());
    state.schema = number.value_or(0);
  }
  if (is_thorough) TRY_DONE(collect_faults(*db, state));
  return state;
}

expected<audit_check> check_audit_chain(const std::filesystem::path& file) {
  TRY(auto db, connection::open({file.string(), false}));
  audit_check all;
  do {
    TRY(auto piece, read(read_context{*db, {}}, check_audit{all.last, all.hash}));
    piece.rows += all.rows;
    all = std::move(piece);
  } while (all.has_more);
  return all;
}

expected<made_copy> back_up(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code fault;
  if (!std::filesystem::exists(from, fault))
    return make_error(errc::not_found, "There is no database " + from.string() + ".");
  if (std::filesystem::exists(to, fault))
    return make_error(errc::conflict, to.string() + " is there already.");
  auto made = copy_and_check(from, to);
  if (!made) std::filesystem::remove(to, fault);
  return made;
}

}  // namespace parley::storage
