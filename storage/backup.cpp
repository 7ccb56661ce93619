#include "storage/backup.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/crypto.hpp"
#include "base/files.hpp"
#include "base/text.hpp"
#include "storage/migrate.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

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

expected<database_figures> read_sizes(connection& db) {
  database_figures found;
  for (auto [sql, to] : {std::pair{"PRAGMA page_count", &found.pages},
                         std::pair{"PRAGMA freelist_count", &found.free_pages},
                         std::pair{"PRAGMA page_size", &found.page_bytes}}) {
    TRY(auto number, db.prepare(sql).number());
    *to = number.value_or(0);
  }
  return found;
}

// The database must be able to grow beside its copy.
expected<void> check_room(const std::filesystem::path& folder, int64_t wanted) {
  struct statvfs found {};
  if (::statvfs(folder.c_str(), &found) != 0) return {};
  auto free = static_cast<uint64_t>(found.f_bavail) * found.f_frsize;
  auto needed = static_cast<uint64_t>(wanted + wanted / 8);
  if (free >= needed) return {};
  return make_error(errc::storage_full, "A backup needs " + std::to_string(needed >> 20U) +
                                            " MiB in " + folder.string() + ", and " +
                                            std::to_string(free >> 20U) + " are free.");
}

expected<made_copy> copy_and_check(const std::filesystem::path& from,
                                   const std::filesystem::path& to, const backup_watch& watch) {
  int64_t bytes = 0;
  auto tell = [&](int64_t done) { return !watch || watch(done, 2 * bytes); };
  {
    TRY(auto source, connection::open({from.string(), false}));
    TRY(auto sizes, read_sizes(*source));
    // Pages that hold nothing are left out.
    bytes = (sizes.pages - sizes.free_pages) * sizes.page_bytes;
    auto folder = to.parent_path();
    TRY_DONE(check_room(folder.empty() ? "." : folder, bytes));
    TRY_DONE(copy_database(*source, to.string(),
                           [&](int64_t there) { return tell(std::min(there, bytes)); }));
  }
  TRY(auto state, examine(to, true, [&] { return tell(bytes); }));
  if (!state.faults.empty())
    return make_error(errc::corrupt_data, "database_damaged",
                      "The copy is damaged, as the database must be: " + state.faults.front());
  TRY(auto digest,
      digest_of(to, [&](int64_t read) { return tell(bytes + std::min(read, bytes)); }));
  // The copy may be smaller than was thought.
  if (!tell(2 * bytes)) return make_error(errc::timeout);
  return made_copy{to, state.bytes, std::move(digest), state.schema};
}

}  // namespace

expected<database_state> examine(const std::filesystem::path& file, bool is_thorough,
                                 const std::function<bool()>& goes_on) {
  std::error_code fault;
  if (!std::filesystem::exists(file, fault))
    return make_error(errc::not_found, "There is no database " + file.string() + ".");
  database_state state;
  state.bytes = file_bytes(file);
  state.log_bytes = file_bytes(file.string() + "-wal");
  if (!migrations().empty()) state.schema_newest = migrations().back().number;
  TRY(auto db, connection::open({file.string(), false}));
  {
    auto version = db->prepare("PRAGMA user_version");
    TRY(auto number, version.number());
    state.schema = number.value_or(0);
  }
  if (!is_thorough) return state;
  std::optional<step_watch> steps;
  if (goes_on) steps.emplace(*db, goes_on);
  TRY_DONE(collect_faults(*db, state));
  return state;
}

expected<database_figures> figures_of(const std::filesystem::path& file) {
  std::error_code fault;
  if (!std::filesystem::exists(file, fault)) return make_error(errc::not_found);
  TRY(auto db, connection::open({file.string(), false}));
  TRY(auto reading, transaction::begin(*db, transaction::kind::read));
  TRY(auto found, read_sizes(*db));
  auto engine = db->prepare("SELECT sqlite_version()");
  TRY(bool is_told, engine.step());
  if (is_told) found.engine = engine.text(0);
  auto tables =
      db->prepare("SELECT name FROM sqlite_schema WHERE type='table' AND rootpage>0 ORDER BY name");
  for (;;) {
    TRY(bool has_row, tables.step());
    if (!has_row) return found;
    std::string name{tables.text(0)};
    // A name of the schema, which no client chooses.
    TRY(auto rows, db->prepare("SELECT COUNT(*) FROM \"" + name + '"').number());
    found.rows.emplace_back(std::move(name), rows.value_or(0));
  }
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

expected<std::string> digest_of(const std::filesystem::path& file,
                                const std::function<bool(int64_t bytes)>& goes_on) {
  sha256_stream digest;
  TRY_DONE(read_pieces(file, [&](std::string_view piece, int64_t at) -> expected<void> {
    digest.add(piece);
    if (goes_on && !goes_on(at + std::ssize(piece))) return make_error(errc::timeout);
    return {};
  }));
  return hex(digest.finish());
}

expected<made_copy> back_up(const std::filesystem::path& from, const std::filesystem::path& to,
                            const backup_watch& watch) {
  std::error_code fault;
  if (!std::filesystem::exists(from, fault))
    return make_error(errc::not_found, "There is no database " + from.string() + ".");
  if (std::filesystem::exists(to, fault))
    return make_error(errc::conflict, to.string() + " is there already.");
  bool is_stopped = false;
  auto made = copy_and_check(from, to, [&](int64_t done, int64_t total) {
    is_stopped = is_stopped || (watch && !watch(done, total));
    return !is_stopped;
  });
  if (made) return made;
  std::filesystem::remove(to, fault);
  if (is_stopped) return make_error(errc::conflict, "backup_stopped", "The backup was stopped.");
  return made;
}

}  // namespace parley::storage
