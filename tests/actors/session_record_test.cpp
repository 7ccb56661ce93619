#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

change_session titled(std::string title, int64_t if_version = 0) {
  change_session change;
  change.patch = session_patch("{\"title\":\"" + title + "\"}");
  change.if_version = if_version;
  return change;
}

}  // namespace

TEST_CASE("change_session", "[session]") {
  session_world w;
  w.start();
  auto changed = w.ask<session>(titled("New", 1));
  REQUIRE(changed);
  CHECK(changed->title == "New");
  CHECK(changed->title_source == title_source::user);
  CHECK(changed->version == 2);
  CHECK(names_of(w.script.commits[0]) == "update_session");
  CHECK(w.script.header.title == "New");
  auto stale = w.ask<session>(titled("Other", 1));
  REQUIRE_FALSE(stale);
  CHECK(code_of(stale.error()) == errc::conflict);
  CHECK(reason_of(stale.error()) == "version_mismatch");
  CHECK(w.script.commits.size() == 1);
}

TEST_CASE("a leaf or model that is not the user's", "[session]") {
  session_world w;
  w.start();
  change_session change;
  SECTION("leaf") {
    change.patch = session_patch("{\"activeLeafId\":\"" + to_string(message_id::make()) + "\"}");
  }
  SECTION("model") {
    change.patch = session_patch("{\"modelId\":\"" + to_string(model_id::make()) + "\"}");
    w.script.fail_model = make_error(errc::not_found);
  }
  auto changed = w.ask<session>(change);
  REQUIRE_FALSE(changed);
  CHECK(code_of(changed.error()) == errc::not_found);
  CHECK(w.script.commits.empty());
}

TEST_CASE("of two changes on one version the second is refused", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto first = w.ask_later(titled("First", 1));
  auto second = w.ask_later(titled("Second", 1));
  w.run();
  // The second one is built on what the first one stored, so it waits.
  CHECK(w.script.commits.size() == 1);
  w.release_commit();
  CHECK(w.answer_of<session>(first));
  auto refused = w.answer_of<session>(second);
  REQUIRE_FALSE(refused);
  CHECK(reason_of(refused.error()) == "version_mismatch");
  CHECK(w.script.header.title == "First");
}

TEST_CASE("a change that fails is not stored with the next one", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto first = w.ask_later(titled("First"));
  w.run();
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  CHECK(w.script.commits.size() == 1);
  CHECK(w.script.calls.empty());
  w.release_commit(make_error(errc::storage_failed));
  auto refused = w.answer_of<session>(first);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::storage_failed);
  CHECK(w.script.loads == 2);
  REQUIRE(w.script.commits.size() == 2);
  CHECK(change_in<update_session>(w.script.commits[1]).header.title == "Old");
  CHECK(change_in<update_session>(w.script.commits[1]).header.version == 2);
  w.release_commit();
  CHECK(w.answer_of<reply_ticket>(asked));
}

TEST_CASE("a change while a turn is being stored", "[session]") {
  session_world w;
  auto leaf = w.add(message_role::assistant, "Before");
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  auto changing = w.ask_later(titled("New"));
  w.run();
  CHECK(w.script.commits.size() == 1);
  SECTION("that is stored") {
    w.release_commit();
    w.release_commit();
    auto ticket = w.answer_of<reply_ticket>(asked);
    auto changed = w.answer_of<session>(changing);
    REQUIRE(ticket);
    REQUIRE(changed);
    CHECK(changed->active_leaf_id == ticket->message);
    CHECK(changed->message_count == 3);
    CHECK(changed->version == 3);
  }
  SECTION("that fails") {
    w.release_commit(make_error(errc::storage_full));
    w.release_commit();
    CHECK_FALSE(w.answer_of<reply_ticket>(asked));
    auto changed = w.answer_of<session>(changing);
    REQUIRE(changed);
    CHECK(changed->active_leaf_id == leaf);
    CHECK(changed->message_count == 1);
    CHECK(changed->version == 2);
  }
  CHECK(w.script.header.title == "New");
}

TEST_CASE("a change while a reply runs and ends", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  w.say("ab");
  w.script.holds_commits = true;
  auto changing = w.ask_later(titled("New"));
  w.run();
  w.finish();
  w.release_commit();
  w.release_commit();
  auto changed = w.answer_of<session>(changing);
  REQUIRE(changed);
  CHECK(w.script.header.title == "New");
  CHECK(w.script.header.version == 4);
  CHECK(w.script.header.active_leaf_id == ticket.message);
  CHECK(w.shown(1) == "start@1 | part@2 'ab'@4 | usage done:complete@5");
}

TEST_CASE("changes that wait are limited", "[session]") {
  session_world w;
  w.limits.askers_max = 2;
  w.start();
  w.script.holds_commits = true;
  auto first = w.ask_later(titled("1"));
  auto second = w.ask_later(titled("2"));
  auto third = w.ask<session>(titled("3"));
  REQUIRE_FALSE(third);
  CHECK(code_of(third.error()) == errc::unavailable);
  w.release_commit();
  w.release_commit();
  CHECK(w.answer_of<session>(first));
  CHECK(w.answer_of<session>(second));
}

TEST_CASE("drop_session", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi");
  w.say("ab");
  SECTION("while a reply runs") {
    CHECK(w.ask<done>(drop_session{}));
    // What the reply has used is paid for all the same.
    auto last = w.script.commits.end() - 2;
    CHECK(names_of(last[0]) == "erase_session");
    CHECK(names_of(last[1]) == "change_metering");
    CHECK(w.script.cancelled == std::vector{w.last_call()});
    CHECK(w.shown(1) == "start@1 | part@2 'ab'@4 | error:not_found@0");
    CHECK(w.script.turns_ended == 1);
    CHECK(w.has_ended());
  }
  SECTION("of another version") {
    auto refused = w.ask<done>(drop_session{77});
    REQUIRE_FALSE(refused);
    CHECK(reason_of(refused.error()) == "version_mismatch");
    CHECK_FALSE(w.has_ended());
  }
  SECTION("that fails") {
    w.script.fail_commit = make_error(errc::storage_full);
    auto refused = w.ask<done>(drop_session{});
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::storage_full);
    w.script.fail_commit = {};
    w.finish();
    CHECK(w.shown(1) == "start@1 | part@2 'ab'@4 | usage done:complete@5");
  }
}

TEST_CASE("a session is not let go before its removal is stored", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto dropping = w.ask_later(drop_session{});
  w.run();
  auto refused = w.ask<reply_ticket>(w.turn("Hi"));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::not_found);
  w.advance(200s);
  CHECK(w.script.farewells.empty());
  w.tell(sleep_now{});
  CHECK_FALSE(w.has_ended());
  w.release_commit();
  CHECK(w.answer_of<done>(dropping));
  CHECK(w.has_ended());
}

TEST_CASE("sleep", "[session]") {
  session_world w;
  w.start();
  SECTION("comes when nothing was asked for a while") {
    w.advance(59s);
    CHECK(w.script.farewells.empty());
    w.advance(2s);
    REQUIRE(w.script.farewells.size() == 1);
    CHECK(w.script.farewells[0].session == w.script.header.id);
    CHECK(w.script.farewells[0].seen == 0);
    w.tell(sleep_now{});
    CHECK(w.has_ended());
  }
  SECTION("does not come while a reply runs or is kept") {
    w.begin("Hi");
    w.advance(200s);
    CHECK(w.script.farewells.empty());
    w.tell(sleep_now{});
    CHECK_FALSE(w.has_ended());
    w.finish();
    w.advance(58s);
    CHECK(w.script.farewells.empty());
    w.advance(100s);
    REQUIRE_FALSE(w.script.farewells.empty());
    CHECK(w.script.farewells[0].seen == 1);
  }
}

TEST_CASE("a session that is not there", "[session]") {
  session_world w;
  w.script.is_absent = true;
  w.start();
  auto refused = w.ask<reply_ticket>(w.turn("Hi"));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::not_found);
  CHECK(w.script.turns_ended == 1);
  // USER lets go as soon as it hears that its request was seen.
  REQUIRE(w.script.farewells.size() == 2);
  CHECK(w.script.farewells[1].seen == 1);
  w.tell(sleep_now{});
  CHECK(w.has_ended());
}

TEST_CASE("a session that can't be loaded ends", "[session]") {
  session_world w;
  w.script.fail_read = make_error(errc::storage_failed);
  w.start();
  CHECK(w.has_ended());
  auto refused = w.ask<reply_ticket>(w.turn("Hi"));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
}
