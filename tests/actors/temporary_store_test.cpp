#include "actors/impl/temporary_store.hpp"

#include <catch2/catch.hpp>

#include "tests/support/actor_world.hpp"
#include "tests/support/scripted_storage.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

struct fixture : actor_world {
  fixture() {
    kept.clock = &clock;
    store = own(spawn_temporary_store(system, own(kept.spawn_storage(system)), 20'000));
    header.id = session_id::make();
    header.temporary = true;
    REQUIRE(put({create_session{header}}));
  }
  expected<done> put(std::vector<change> changes) {
    return ask<done>(store, commit{std::move(changes)});
  }
  message entry(std::optional<message_id> parent, std::string text) {
    message made;
    made.id = message_id::make();
    made.session_id = header.id;
    made.parent_id = parent;
    made.parts.emplace_back().text = std::move(text);
    return made;
  }
  std::vector<message> page(page_messages asked) {
    auto found = ask<page_of<message>>(store, std::move(asked));
    REQUIRE(found);
    return found->items;
  }

  scripted_storage kept;
  temporary_store_actor store;
  session header;
};

}  // namespace

TEST_CASE("a temporary store answers what it was told, and knows its siblings") {
  fixture world;
  auto first = world.entry({}, "one");
  auto a = world.entry(first.id, "a");
  auto b = world.entry(first.id, "b");
  REQUIRE(world.put({create_message{first}, create_message{a}}));
  REQUIRE(world.put({create_message{b}}));
  auto loaded = world.ask<session_loaded>(world.store, load_session{});
  REQUIRE(loaded);
  CHECK(loaded->messages.size() == 3);
  auto second = world.ask<message>(world.store, read_message{{}, {}, b.id});
  REQUIRE(second);
  CHECK(second->siblings.index == 1);
  CHECK(second->siblings.count == 2);

  page_request newest_first;
  newest_first.limit = 2;
  auto all = world.page({{}, world.header.id, newest_first, {}, {}});
  REQUIRE(all.size() == 2);
  CHECK(all[0].id == b.id);
  auto path = world.page({{}, world.header.id, {}, a.id, {}});
  REQUIRE(path.size() == 2);
  CHECK(path[1].id == first.id);
  CHECK(world.page({{}, world.header.id, {}, {}, a.id}).size() == 1);

  REQUIRE(world.put({erase_messages{world.header.id, first.id}}));
  CHECK(world.page({{}, world.header.id, {}, {}, {}}).empty());
}

TEST_CASE("a temporary store keeps its bound, and a commit is whole or not at all") {
  fixture world;
  auto small = world.entry({}, "small");
  auto large = world.entry({}, std::string(30'000, 'x'));
  auto refused = world.put({create_message{small}, create_message{large}});
  REQUIRE_FALSE(refused);
  CHECK(detail_of(refused.error()).reason == "temporary_bytes_max");
  CHECK(world.page({{}, world.header.id, {}, {}, {}}).empty());
  // A reply that runs is taken whole.
  REQUIRE(world.put({create_message{small}}));
  small.parts.front().text = std::string(30'000, 'x');
  CHECK(world.put({finish_message{small}}));
  CHECK_FALSE(world.put({create_message{world.entry({}, "more")}}));

  remember_key key;
  key.key = "k";
  CHECK(world.put({key}));
  auto again = world.put({key});
  REQUIRE_FALSE(again);
  CHECK(detail_of(again.error()).reason == "key_known");
}

TEST_CASE("what a temporary session has used goes on to the database, and nothing else") {
  fixture world;
  auto asked = world.entry({}, "asked");
  usage_entry used;
  used.prompt_tokens = 7;
  REQUIRE(world.put({create_message{asked}, change_metering{add_usage{used}}}));
  REQUIRE(world.kept.commits.size() == 1);
  REQUIRE(world.kept.commits[0].changes.size() == 1);
  auto* told = caf::get_if<change_metering>(&world.kept.commits[0].changes[0]);
  REQUIRE(told != nullptr);
  CHECK(told->usage->used.prompt_tokens == 7);
}
