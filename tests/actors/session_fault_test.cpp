#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

const auto disk_full = make_error(errc::storage_full);

/// The text of a checkpoint.
std::string text_of(const checkpoint_reply& added) {
  std::string text;
  for (const auto& chunk : added.chunks) text += chunk.text;
  return text;
}

}  // namespace

TEST_CASE("a running reply is checkpointed each 4 KiB and each tick", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  auto& checkpoints = w.script.checkpoints;
  w.say(std::string(4000, 'a'));
  CHECK(checkpoints.empty());
  w.say(std::string(96, 'b'));
  REQUIRE(checkpoints.size() == 1);
  CHECK(checkpoints[0].id == ticket.message);
  REQUIRE(checkpoints[0].chunks.size() == 1);
  CHECK(checkpoints[0].chunks[0].position == 2 + 4096);
  CHECK(checkpoints[0].chunks[0].part_index == 0);
  CHECK(text_of(checkpoints[0]) == std::string(4000, 'a') + std::string(96, 'b'));
  w.tick();
  CHECK(checkpoints.size() == 1);  // nothing new
  w.say("tail");
  w.tick();
  REQUIRE(checkpoints.size() == 2);
  CHECK(checkpoints[1].after == 2 + 4096);
  CHECK(text_of(checkpoints[1]) == "tail");
  CHECK(w.script.commits.size() == 1);
}

TEST_CASE("a checkpoint that is lost is made again at the next tick", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  auto& checkpoints = w.script.checkpoints;
  w.script.fail_commit = disk_full;
  w.say(std::string(5000, 'a'));
  CHECK(checkpoints.size() == 1);
  // Not with each token: a full disk is not asked a hundred times a second.
  w.say("b");
  w.say("c");
  CHECK(checkpoints.size() == 1);
  w.script.fail_commit = {};
  w.tick();
  REQUIRE(checkpoints.size() == 2);
  CHECK(checkpoints[1].after == 0);
  CHECK(text_of(checkpoints[1]) == std::string(5000, 'a') + "bc");
  w.finish();
  CHECK(content_of(w.script.rows[ticket.message].parts).size() == 5002);
}

TEST_CASE("an end that can't be stored is stored later", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  w.say("ab");
  w.script.fail_commit = disk_full;
  w.finish();
  CHECK(w.shown(1) == "start@1 | part@2 'ab'@4 | usage error:storage_full@5 done:interrupted@6");
  CHECK(w.script.turns_ended == 1);
  CHECK(w.script.rows[ticket.message].status == message_status::streaming);
  auto version = w.script.header.version;
  w.advance(200s);
  CHECK(w.script.farewells.empty());
  // Once a second, however long it takes.
  CHECK(w.script.commits.size() > 190);
  CHECK(w.script.commits.size() < 210);

  // Whoever comes meanwhile reads what the database has not got.
  REQUIRE(w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(2)}));
  CHECK(w.shown(2) == "start@1 part@2 'ab'@4 usage done:complete@5");
  w.script.fail_commit = {};
  w.advance(2s);
  CHECK(content_of(w.script.rows[ticket.message].parts) == "ab");
  CHECK(w.script.rows[ticket.message].status == message_status::complete);
  // The record did not move on without the database.
  auto changed = w.ask<session>(change_session{{}, version});
  CHECK(changed);
  w.advance(130s);
  CHECK_FALSE(w.script.farewells.empty());
}

TEST_CASE("rows are stored one at a time, also by a slow database", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  w.script.fail_commit = disk_full;
  w.finish();
  w.script.fail_commit = {};
  w.script.holds_commits = true;
  w.advance(30s);
  CHECK(w.script.held_commits.size() == 1);
  w.release_commit();
  CHECK(w.script.rows[ticket.message].status == message_status::complete);
  w.script.holds_commits = false;
  w.advance(200s);
  CHECK_FALSE(w.script.farewells.empty());
}

TEST_CASE("a row that the database has no place for is given up", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi");
  w.script.fail_commit = make_error(errc::not_found);
  w.finish();
  w.advance(10s);
  auto commits = w.script.commits.size();
  w.advance(200s);
  CHECK(w.script.commits.size() == commits);
  CHECK_FALSE(w.script.farewells.empty());
}

TEST_CASE("a reply left from a crash is interrupted and counted", "[session]") {
  session_world w;
  w.add(message_role::user, "Hi");
  auto id = w.add(message_role::assistant, "as far as it came", 0);
  w.script.rows[id].status = w.script.headers.back().status =
      GENERATE(message_status::streaming, message_status::interrupted);
  w.start();
  REQUIRE(w.script.commits.size() == 1);
  auto row = change_in<finish_message>(w.script.commits[0]).entry;
  CHECK(row.id == id);
  CHECK(row.status == message_status::interrupted);
  CHECK(row.version == 2);
  CHECK(row.tokens.count > 0);
  CHECK(content_of(row.parts) == "as far as it came");
  w.begin("Go on");
  CHECK(w.script.windows.back().ids.size() == 2);
}

TEST_CASE("a SESSION ends with its USER and keeps what there is", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  w.say("Half");
  SECTION("of a running reply") {
    w.kill(w.user);
    CHECK(w.script.cancelled == std::vector{w.last_call()});
    CHECK(w.shown(1) == "start@1 | part@2 'Half'@6 | error:session_lost@0");
    CHECK(w.script.rows[ticket.message].status == message_status::interrupted);
    CHECK(w.script.rows[ticket.message].tokens.count > 0);
  }
  SECTION("of a reply whose end is being stored") {
    w.script.holds_commits = true;
    w.finish();
    w.script.holds_commits = false;
    w.kill(w.user);
    CHECK(w.script.rows[ticket.message].status == message_status::complete);
  }
  SECTION("of a row that waits for the database") {
    w.script.fail_commit = disk_full;
    w.finish();
    w.script.fail_commit = {};
    w.kill(w.user);
    CHECK(w.script.rows[ticket.message].status == message_status::complete);
  }
  CHECK(content_of(w.script.rows[ticket.message].parts) == "Half");
  CHECK(w.has_ended());
}

TEST_CASE("USER going while a turn is being stored", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  w.kill(w.user);
  auto refused = w.answer_of<reply_ticket>(asked);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  CHECK(w.script.cancelled == std::vector{w.last_call()});
  CHECK(w.has_ended());
}

namespace {

/// The handler of M throws: its asker and all others that wait hear of it, the actor ends, and
/// whatever it left is mended by the next one.
template <class M>
void check_throwing(M message) {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  w.say("Half");
  w.tick();
  w.script.holds_models = true;
  change_session waiting;
  waiting.patch = session_patch("{\"modelId\":\"" + to_string(model_id::make()) + "\"}");
  auto waits = w.ask_later(waiting);
  w.run();
  fail_next<M>("session");
  if constexpr (std::is_same_v<M, stop_reply> || std::is_same_v<M, drop_session>) {
    auto asked = w.ask_later(message);
    w.run();
    auto refused = w.template answer_of<done>(asked);
    CHECK_FALSE(refused);
  } else {
    w.tell(message);
  }
  CHECK(w.has_ended());
  auto refused = w.template answer_of<session>(waits);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  w.script.holds_models = false;
  w.release_models();
  w.start();
  CHECK(w.script.rows[ticket.message].status == message_status::interrupted);
  CHECK(content_of(w.script.rows[ticket.message].parts) == "Half");
}

}  // namespace

TEST_CASE("a handler that throws ends the actor and nothing else", "[session]") {
  check_throwing(stop_reply{});
  check_throwing(drop_session{});
  check_throwing(grant_credit{});
  check_throwing(leave_reply{});
  check_throwing(end_streams{});
  check_throwing(reply_delta{});
  check_throwing(reply_finished{});
  check_throwing(reply_failed{});
  check_throwing(reply_tick{});
  check_throwing(idle_check{});
  check_throwing(sleep_now{});
}

TEST_CASE("a question whose handler throws is answered with an error", "[session]") {
  session_world w;
  w.start();
  SECTION("start_turn") {
    fail_next<start_turn>("session");
    CHECK_FALSE(w.ask<reply_ticket>(w.turn("Hi")));
  }
  SECTION("follow_reply") {
    fail_next<follow_reply>("session");
    CHECK_FALSE(w.ask<reply_ticket>(follow_reply{message_id::make(), w.follow(1)}));
  }
  SECTION("change_session") {
    fail_next<change_session>("session");
    CHECK_FALSE(w.ask<session>(change_session{}));
  }
  CHECK(w.has_ended());
}

TEST_CASE("a reply far ahead of what is stored waits for it", "[session]") {
  session_world w;
  w.limits.unstored_bytes = 100;
  w.limits.checkpoint_bytes = 10;
  w.start();
  auto ticket = w.begin("Hi");
  auto& pauses = w.script.pauses;
  w.script.holds_checkpoints = true;
  for (int i = 0; i < 10; ++i) w.say("0123456789");
  CHECK(pauses.empty());
  auto& checkpoints = w.script.checkpoints;
  REQUIRE(checkpoints.size() == 10);
  CHECK_FALSE(checkpoints[3].is_awaited);
  CHECK(checkpoints[4].is_awaited);
  w.say("0123456789");
  REQUIRE(pauses.size() == 1);
  CHECK(pauses[0].is_paused);
  SECTION("until most of it is") {
    w.tell(checkpoint_stored{ticket.message, 2 + 59});
    CHECK(pauses.size() == 1);
    w.tell(checkpoint_stored{ticket.message, 2 + 60});
    REQUIRE(pauses.size() == 2);
    CHECK_FALSE(pauses[1].is_paused);
    // An older answer takes nothing back.
    w.tell(checkpoint_stored{ticket.message, 2 + 10});
    CHECK(pauses.size() == 2);
  }
  SECTION("or can't be: then so much from one tick to the next") {
    w.script.fail_commit = disk_full;
    w.say("0");
    w.tick();
    REQUIRE(pauses.size() == 2);
    CHECK_FALSE(pauses[1].is_paused);
    for (int i = 0; i < 11; ++i) w.say("0123456789");
    REQUIRE(pauses.size() == 3);
    CHECK(pauses[2].is_paused);
    w.tick();
    REQUIRE(pauses.size() == 4);
    CHECK_FALSE(pauses[3].is_paused);
    w.script.fail_commit = {};
    w.tick();
    CHECK(text_of(checkpoints.back()).size() >= 111);
    w.finish();
    CHECK(content_of(w.script.rows[ticket.message].parts).size() == 221);
  }
}

TEST_CASE("a reply waits while its turn is not stored", "[session]") {
  session_world w;
  w.limits.unstored_bytes = 100;
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  w.say(std::string(101, 'a'));
  REQUIRE(w.script.pauses.size() == 1);
  CHECK(w.script.pauses[0].is_paused);
  w.release_commit();
  CHECK(w.answer_of<reply_ticket>(asked));
  w.tick();
  REQUIRE(w.script.pauses.size() == 2);
  CHECK_FALSE(w.script.pauses[1].is_paused);
}
