// Opening: files and their modes, the lock, damage, migrations, replies a stop has cut off.
#include <sys/stat.h>

#include <fstream>

#include "storage/rows.hpp"
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

std::string content_of_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void overwrite(const std::filesystem::path& path, std::streamoff at, const std::string& bytes) {
  std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
  file.seekp(at);
  file << bytes;
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

int64_t number(connection& db, const std::string& sql) {
  return stored::must(db.prepare(sql).number()).value_or(-1);
}

}  // namespace

TEST_CASE("a new database: private files, and pragmas that keep what was acknowledged") {
  stored db;
  auto folder = db.folder() / "data";
  db.add_user("ada");
  CHECK(mode_of(folder) == 0700);
  for (auto name : {"parley.db", "parley.db-wal", "parley.db-shm", "parley.lock"})
    CHECK(mode_of(folder / name) == 0600);
  CHECK(number(db.writer(), "PRAGMA synchronous") == 2);
  CHECK(number(db.writer(), "PRAGMA foreign_keys") == 1);
  CHECK(number(db.writer(), "PRAGMA secure_delete") == 1);
  CHECK(number(db.writer(), "PRAGMA auto_vacuum") == 2);
  CHECK(number(db.writer(), "PRAGMA wal_autocheckpoint") == 0);
  CHECK(number(db.writer(), "PRAGMA user_version") == migrations().back().number);
  auto mode = db.writer().prepare("PRAGMA journal_mode");
  REQUIRE(stored::must(mode.step()));
  CHECK(mode.text(0) == "wal");
  CHECK_FALSE(db.reader().execute("DELETE FROM users"));
}

TEST_CASE("a second server on the same directory is refused") {
  stored db;
  auto folder = db.folder() / "data";
  auto second = database::open({.directory = folder});
  REQUIRE_FALSE(second);
  CHECK(is_fault(second.error(), errc::conflict, "already_running"));
  CHECK(sentence_of(second.error()).find(folder.string()) != std::string::npos);
  db.close();
  CHECK(database::open({.directory = folder}));
}

TEST_CASE("a damaged database is refused and left as it is") {
  stored db;
  auto path = db.folder() / "data" / "parley.db";
  for (int i = 0; i < 50; ++i) db.add_user("user" + std::to_string(i));
  REQUIRE(db.writer().checkpoint(true));
  db.close();
  auto offset = GENERATE(0, 4096 * 2 + 3);
  overwrite(path, offset, std::string(600, '\xA5'));
  auto before = content_of_file(path);
  auto opened = database::open({.directory = path.parent_path()});
  REQUIRE_FALSE(opened);
  CHECK(is_fault(opened.error(), errc::corrupt_data, "database_damaged"));
  CHECK(content_of_file(path) == before);
}

TEST_CASE("a database of another program or a newer Parley is refused") {
  stored db;
  auto folder = db.folder() / "data";
  SECTION("newer") {
    REQUIRE(db.writer().run_script("PRAGMA user_version = 9999"));
    db.close();
    auto opened = database::open({.directory = folder});
    REQUIRE_FALSE(opened);
    CHECK(is_fault(opened.error(), errc::conflict, "newer_database"));
    CHECK(sentence_of(opened.error()).find("9999") != std::string::npos);
  }
  SECTION("foreign") {
    REQUIRE(db.writer().run_script("PRAGMA application_id = 7; PRAGMA user_version = 0"));
    db.close();
    CHECK(is_fault(database::open({.directory = folder}).error(), errc::conflict,
                   "foreign_database"));
  }
}

TEST_CASE("an older database is copied, then migrated, a failed migration changes nothing") {
  stored db;
  auto ada = db.add_user("ada");
  auto path = (db.folder() / "data" / "parley.db").string();
  auto next = migrations().back().number + 1;
  auto all = migrations();
  all.push_back({next, "next", "ALTER TABLE users ADD COLUMN colour TEXT; CREATE TABLE t(a);"});
  auto bad = all;
  bad.back().sql += "INSERT INTO absent VALUES(1);";
  CHECK_FALSE(migrate(db.writer(), path, bad));
  CHECK(number(db.writer(), "PRAGMA user_version") == next - 1);
  CHECK_FALSE(db.writer().execute("SELECT colour FROM users"));
  auto digits = std::to_string(next);
  auto copy_path = path + ".before-" + std::string(4 - digits.size(), '0') + digits;
  std::filesystem::remove(copy_path);

  REQUIRE(migrate(db.writer(), path, all));
  CHECK(number(db.writer(), "PRAGMA user_version") == next);
  CHECK(db.writer().execute("SELECT colour FROM users"));
  CHECK(number(db.writer(), "PRAGMA foreign_keys") == 1);
  CHECK(mode_of(copy_path) == 0600);
  auto copy = stored::must(connection::open({copy_path}));
  CHECK(number(*copy, "PRAGMA user_version") == next - 1);
  CHECK(number(*copy, "SELECT COUNT(*) FROM users") == 1);
  auto again = migrate(db.writer(), path, all);
  CHECK(again);
  CHECK_FALSE(std::filesystem::exists(copy_path + ".2"));
}

TEST_CASE("replies that a stop has cut off keep what was checkpointed") {
  stored db;
  auto ada = db.add_user("ada");
  auto chat = db.add_session(ada.id);
  auto question = make_message(chat.id, {}, "q");
  db.put(create_message{question});
  std::vector<message_id> running;
  // More than one batch of the recovery.
  for (int i = 0; i < 120; ++i) {
    auto reply = make_reply(chat.id, question.id);
    db.put(create_message{reply});
    db.put_checkpoint(reply.id, {{7, 0, part_type::text, "half "}});
    db.put_checkpoint(reply.id, {{11, 0, part_type::text, "a r\xE2"}});
    running.push_back(reply.id);
  }
  auto folder = db.folder() / "data";
  db.close();
  manual_wall_clock clock{start_of_test + std::chrono::hours{1}};
  auto files = stored::must(database::open({.directory = folder}, clock));
  auto reader = stored::must(files->open_reader());
  for (const auto& id : running) {
    auto reply =
        stored::must(read(read_context{*reader, clock.now()}, read_message{ada.id, {}, id}));
    CHECK(reply.status == message_status::interrupted);
    CHECK(content_of(reply.parts) == "half a r\xEF\xBF\xBD");
    CHECK(reply.updated_at == clock.now());
    CHECK(reply.version == 2);
  }
  CHECK(number(*reader, "SELECT COUNT(*) FROM reply_chunks") == 0);
  auto untouched =
      stored::must(read(read_context{*reader, clock.now()}, read_message{ada.id, {}, question.id}));
  CHECK(untouched.version == 1);
}

// As after a ROLLBACK or a COMMIT that there was no memory for.
TEST_CASE("a transaction that was left open costs one question, not all that follow") {
  stored db;
  for (auto* on : {&db.writer(), &db.reader()}) {
    REQUIRE(on->execute("BEGIN"));
    CHECK_FALSE(transaction::begin(*on, transaction::kind::read));
    CHECK(on->is_autocommit());
    CHECK(transaction::begin(*on, transaction::kind::read));
    CHECK(on->is_autocommit());
    CHECK_FALSE(on->is_suspect());
  }
}
