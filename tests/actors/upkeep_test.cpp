#include "actors/impl/upkeep_actor.hpp"

#include <catch2/catch.hpp>

#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

constexpr instant midnight{1'700'006'400'000};  // 2023-11-15, UTC
constexpr std::chrono::hours day{24};

struct upkeep_world : account_world {
  upkeep_world() {
    clock.set(midnight + 1h);
    ada = add_user("ada", role::admin);
    bob = add_user("bob");
    retain(30);
  }
  ~upkeep_world() { stop(target); }

  void retain(int32_t days, const std::string& zone = "UTC") {
    system_settings settings;
    settings.chat_days = days;
    settings.time_zone = zone;
    store.tables.system = settings;  // ADMIN reads it when it starts
    live->set(settings);
  }
  /// As if nobody had looked at the clock for that long, but for the last minutes.
  void later(std::chrono::milliseconds span) {
    clock.advance(span);
    advance(3min);
  }
  void start() {
    upkeep_parts parts;
    parts.storage = own(store.spawn_storage(system));
    parts.reader = own(store.spawn_reader(system));
    parts.directory = directory();
    parts.live = live;
    parts.clock = &clock;
    parts.delay = 10s;
    parts.chats_per_step_max = 2;
    target = spawn_upkeep(system, parts);
    run();
  }
  session_id add_chat(const user& owner, std::chrono::milliseconds age) {
    session header;
    header.id = session_id::make();
    header.owner_id = owner.id;
    header.version = 7;
    header.updated_at = clock.now() - age;
    store.tables.sessions[header.id] = header;
    return header.id;
  }
  /// What its SESSION was told to go with, if it was woken.
  std::vector<drop_session> drops(session_id of) { return sessions.records[of].drops; }
  std::vector<audit_entry> told() {
    std::vector<audit_entry> found;
    for (const auto& entry : store.tables.audit)
      if (entry.action == "chats.expired") found.push_back(entry);
    return found;
  }

  user ada;
  user bob;
  upkeep_actor target;
};

}  // namespace

TEST_CASE("old chats go by night, by way of their SESSIONs", "[upkeep]") {
  upkeep_world w;
  std::vector<session_id> old;
  for (int i = 0; i < 5; ++i) old.push_back(w.add_chat(i < 3 ? w.ada : w.bob, 31 * day));
  auto young = w.add_chat(w.ada, 29 * day);
  auto pinned = w.add_chat(w.ada, 31 * day);
  w.store.tables.sessions[pinned].pinned = true;
  w.start();
  w.later(50min);
  for (auto id : old) CHECK(w.drops(id).empty());
  w.later(70min);
  for (auto id : old) {
    auto dropped = w.drops(id);
    REQUIRE(dropped.size() == 1);
    // As it was looked at: one that was touched meanwhile stays.
    CHECK(dropped[0].if_version == 7);
  }
  CHECK(w.drops(young).empty());
  CHECK(w.drops(pinned).empty());
  REQUIRE(w.told().size() == 1);
  CHECK(w.told()[0].detail.text == R"({"chats":5,"days":30})");
  CHECK_FALSE(w.told()[0].actor_id);

  SECTION("once a day") {
    w.later(12h);
    CHECK(w.told().size() == 1);
    w.later(13h);
    CHECK(w.told().size() == 2);
  }
}

TEST_CASE("a chat that was touched meanwhile is counted as kept", "[upkeep]") {
  upkeep_world w;
  auto old = w.add_chat(w.ada, 31 * day);
  w.sessions.fail_drop = make_error(errc::conflict, "version_mismatch", "Changed.");
  w.start();
  w.later(3h);
  CHECK(w.drops(old).size() == 1);
  CHECK(w.told().empty());
}

TEST_CASE("without the setting chats stay", "[upkeep]") {
  upkeep_world w;
  w.retain(0);
  auto old = w.add_chat(w.ada, 3000 * day);
  w.start();
  w.later(30h);
  CHECK(w.drops(old).empty());
}

TEST_CASE("the hour is that of the system's time zone, and one that has passed is made up for",
          "[upkeep]") {
  upkeep_world w;
  w.retain(30, "Asia/Tokyo");  // ten o'clock there
  auto old = w.add_chat(w.ada, 31 * day);
  w.start();
  w.advance(5s);
  CHECK(w.drops(old).empty());
  w.advance(10s);
  CHECK(w.drops(old).size() == 1);
}

TEST_CASE("who can't be reached is left for the next night", "[upkeep]") {
  upkeep_world w;
  auto lost = w.add_chat(user{}, 31 * day);
  auto hers = w.add_chat(w.ada, 31 * day);
  w.start();
  w.later(3h);
  CHECK(w.drops(lost).empty());
  CHECK(w.drops(hers).size() == 1);
  CHECK(w.told().size() == 1);
}

TEST_CASE("a run that can't read ends, and the next night has another one", "[upkeep]") {
  upkeep_world w;
  auto old = w.add_chat(w.ada, 31 * day);
  w.start();
  w.store.fail_read = make_error(errc::storage_failed);
  w.later(3h);
  CHECK(w.drops(old).empty());
  w.store.fail_read = {};
  w.later(24h);
  CHECK(w.drops(old).size() == 1);
}
