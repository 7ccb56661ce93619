// Backups through the API, over real sockets: a job of an ADMIN, and the list of what is there.
#include <unistd.h>

#include <filesystem>

#include "storage/backup_folder.hpp"
#include "storage/restore.hpp"
#include "tests/support/node_world.hpp"

using namespace parley::test;
namespace fs = std::filesystem;

namespace {

/// The job's last state, once it is over.
stream_event end_of(node_world& world, const account& who, const std::string& job) {
  event_stream events{world.port(),
                      {"GET", "/api/jobs/" + job + "/events", {}, {authorization(who)}}};
  REQUIRE(events.is_stream());
  return events.next("done");
}

fs::path backups_of(const node_world& world) {
  return fs::path{world.values().data_dir} / "backups";
}

}  // namespace

TEST_CASE("an ADMIN has a backup made, follows it, and finds it in the list") {
  node_world world;
  auto& ada = world.ada();
  CHECK(world.get(ada, "/api/admin/backups").body == R"({"items":[],"nextCursor":null})");
  auto begun = world.post(ada, "/api/admin/backup", "");
  INFO(begun.body);
  REQUIRE(begun.status == 202);
  auto job = begun.at("/id");
  CHECK(begun.header("Location") == "/api/jobs/" + job);
  CHECK(begun.at("/kind") == "backup");
  auto over = end_of(world, ada, job);
  INFO(over.data);
  CHECK(over.at("/status") == "done");
  CHECK(over.at("/done") == over.at("/total"));
  CHECK(std::stoll(over.at("/total")) > 0);
  CHECK(over.at("/report/sessions") == "(absent)");

  auto name = over.at("/report/backup/name");
  auto known = parley::storage::read_backup(backups_of(world) / name);
  REQUIRE(known);
  CHECK(over.at("/report/backup/sha256") == known->sha256);
  CHECK(over.at("/report/backup/bytes") == std::to_string(known->bytes));
  CHECK(parley::storage::digest_of(backups_of(world) / name / "parley.db") == known->sha256);
  auto list = world.get(ada, "/api/admin/backups");
  CHECK(list.at("/items/0/name") == name);
  CHECK(list.at("/items/0/verified") == "true");
  CHECK(list.at("/items/0/version") == PARLEY_VERSION);
  CHECK(world.get(ada, "/api/jobs?limit=1").at("/items/0/id") == job);
  auto entry = world.get(ada, "/api/admin/audit?action=backup.started");
  CHECK(entry.at("/items/0/targetId") == job);

  // The copy is the database of that moment: the job itself was running.
  world.add_session(ada);
  world.stop();
  auto restored = parley::storage::restore(backups_of(world) / name, world.values().data_dir, {});
  REQUIRE(restored);
  world.start();
  CHECK(world.get(ada, "/api/sessions?count=true").at("/total") == "0");
  CHECK(world.get(ada, "/api/jobs/" + job).at("/status") == "interrupted");
}

TEST_CASE("a backup is asked for once with one key, and by ADMINs alone") {
  node_world world;
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto first = world.post(ada, "/api/admin/backup", "", {{"Idempotency-Key", "k1"}});
  REQUIRE(first.status == 202);
  auto again = world.post(ada, "/api/admin/backup", "", {{"Idempotency-Key", "k1"}});
  CHECK(again.status == 202);
  CHECK(again.at("/id") == first.at("/id"));
  end_of(world, ada, first.at("/id"));
  CHECK(world.get(ada, "/api/admin/backups").at("/items/1") == "(absent)");
  CHECK(world.post(eve, "/api/admin/backup", "").status == 403);
  CHECK(world.get(eve, "/api/admin/backups").status == 403);
  CHECK(world.get(eve, "/api/jobs/" + first.at("/id")).status == 404);
}

TEST_CASE("the server keeps as many backups as it is told to") {
  node_world world{{{"backups-kept-max", "2"}}};
  auto& ada = world.ada();
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    auto job = world.post(ada, "/api/admin/backup", "").at("/id");
    names.push_back(end_of(world, ada, job).at("/report/backup/name"));
  }
  auto list = world.get(ada, "/api/admin/backups");
  CHECK(list.at("/items/0/name") == names[2]);
  CHECK(list.at("/items/1/name") == names[1]);
  CHECK(list.at("/items/2") == "(absent)");
  CHECK_FALSE(fs::exists(backups_of(world) / names[0]));
}

TEST_CASE("a backup that can't be made says so, and the server goes on") {
  node_world world;
  auto& ada = world.ada();
  // A file where the directory would be.
  fs::create_directories(backups_of(world).parent_path());
  REQUIRE(::symlink("/dev/null", backups_of(world).c_str()) == 0);
  auto over = end_of(world, ada, world.post(ada, "/api/admin/backup", "").at("/id"));
  INFO(over.data);
  CHECK(over.at("/status") == "failed");
  CHECK(over.at("/error/code") == "storage_failed");
  CHECK(world.get(ada, "/api/sessions").status == 200);
}

TEST_CASE("a backup that is due is made by itself") {
  node_world world{{{"backup-delay-s", "0"}}};
  auto& ada = world.ada();
  auto first = [&] { return world.get(ada, "/api/admin/backups").at("/items/0/verified"); };
  for (int i = 0; i < 500 && first() != "true"; ++i) ::usleep(20'000);
  CHECK(first() == "true");
  world.stop();
  world.start();
  for (int i = 0; i < 10; ++i) {
    CHECK(world.get(ada, "/api/admin/backups").at("/items/1") == "(absent)");
    ::usleep(20'000);
  }
}
