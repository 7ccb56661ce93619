// A backup in the place of a database: checked before anything is touched, and nothing is lost.
#include "storage/restore.hpp"

#include <fstream>

#include "storage/migrate.hpp"
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;
namespace fs = std::filesystem;

namespace {

std::string content_of(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void replace_in(const fs::path& path, const std::string& from, const std::string& to) {
  auto text = content_of(path);
  auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  std::ofstream{path, std::ios::binary} << text;
}

/// A backup with one account; the database has two.
struct restore_world {
  restore_world() {
    db.add_user("ada");
    made = stored::must(make_backup(data / "parley.db", db.folder() / "backups", start_of_test));
    db.add_user("eve");
  }
  fs::path backup() const { return db.folder() / "backups" / made.name; }
  expected<restored_database> restore() { return storage::restore(backup(), data, start_of_test); }
  static int64_t users_in(const fs::path& file) {
    auto opened = stored::must(connection::open({file.string(), false}));
    return stored::must(opened->prepare("SELECT COUNT(*) FROM users").number()).value_or(-1);
  }

  stored db;
  fs::path data = db.folder() / "data";
  kept_backup made;
};

}  // namespace

TEST_CASE("a backup takes the database's place, and what was there is kept") {
  restore_world w;
  CHECK(is_fault(w.restore().error(), errc::conflict, "already_running"));
  w.db.close();
  auto before = content_of(w.data / "parley.db");
  auto restored = stored::must(w.restore());
  CHECK(restored.backup.sha256 == w.made.sha256);
  CHECK(content_of(restored.kept_in / "parley.db") == before);
  CHECK(restore_world::users_in(w.data / "parley.db") == 1);
  CHECK_FALSE(fs::exists(w.data / "parley.db.restored"));
  CHECK((fs::status(w.data / "parley.db").permissions() & fs::perms::mask) ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK(database::open({.directory = w.data}));
  CHECK(restore_world::users_in(restored.kept_in / "parley.db") == 2);
}

TEST_CASE("the log of the database that was there is not read into the restored one") {
  restore_world w;
  auto log = content_of(w.data / "parley.db-wal");
  REQUIRE_FALSE(log.empty());
  w.db.close();
  // As a crash leaves it.
  std::ofstream{w.data / "parley.db-wal", std::ios::binary} << log;
  auto restored = stored::must(w.restore());
  CHECK(content_of(restored.kept_in / "parley.db-wal") == log);
  CHECK_FALSE(fs::exists(w.data / "parley.db-wal"));
  CHECK(examine(w.data / "parley.db", true)->faults.empty());
  CHECK(restore_world::users_in(w.data / "parley.db") == 1);
}

TEST_CASE("a machine that has nothing yet is restored too") {
  restore_world w;
  auto fresh = w.db.folder() / "fresh";
  auto restored = stored::must(storage::restore(w.backup(), fresh, start_of_test));
  CHECK(restored.kept_in.empty());
  CHECK(restore_world::users_in(fresh / "parley.db") == 1);
  CHECK((fs::status(fresh).permissions() & fs::perms::mask) == fs::perms::owner_all);
}

TEST_CASE("what is not the backup that was made is refused, and nothing is touched") {
  restore_world w;
  w.db.close();
  auto before = content_of(w.data / "parley.db");
  auto manifest = w.backup() / "backup.json";
  auto refused = [&](errc code, const std::string& reason) {
    auto restored = w.restore();
    REQUIRE_FALSE(restored);
    CHECK(is_fault(restored.error(), code, reason));
    CHECK(content_of(w.data / "parley.db") == before);
    CHECK_FALSE(fs::exists(w.data / "parley.db.restored"));
    for (const auto& entry : fs::directory_iterator{w.data})
      CHECK(entry.path().filename().string().find("before-restore") == std::string::npos);
  };
  auto newest = std::to_string(migrations().back().number);
  replace_in(manifest, "\"schema\":" + newest, "\"schema\":999");
  refused(errc::conflict, "newer_database");
  replace_in(manifest, "\"schema\":999", "\"schema\":0");
  refused(errc::corrupt_data, "bad_manifest");
  replace_in(manifest, "\"schema\":0", "\"schema\":" + newest);
  auto copy = content_of(w.backup() / "parley.db");
  auto spoiled = copy;
  spoiled.back() = static_cast<char>(spoiled.back() + 1);
  std::ofstream{w.backup() / "parley.db", std::ios::binary} << spoiled;
  refused(errc::corrupt_data, "digest_mismatch");
  std::ofstream{w.backup() / "parley.db", std::ios::binary} << copy.substr(0, copy.size() / 2);
  refused(errc::corrupt_data, "digest_mismatch");
  fs::remove(w.backup() / "parley.db");
  CHECK_FALSE(w.restore());
  fs::remove(manifest);
  CHECK(code_of(w.restore().error()) == errc::not_found);
  CHECK(content_of(w.data / "parley.db") == before);
}
