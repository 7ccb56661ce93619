#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

constexpr auto whole = "start@1 part@2 'Grüße'@9 usage done:complete@10";

/// A session with one finished reply; `is_forgotten`: it is in the database alone.
reply_ticket finished(session_world& w, bool is_forgotten) {
  w.start();
  auto ticket = w.begin("Hi", 0);
  w.say("Grüße");
  w.finish();
  if (is_forgotten) {
    w.kill(w.target);
    w.start();
  }
  return ticket;
}

}  // namespace

TEST_CASE("a reader gets no more text than it has credit for", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi", 1, 3);
  w.say("ab");
  w.say("cd");
  w.say("ef");
  CHECK(w.shown(1) == "start@1 | part@2 'ab'@4 | 'c'@5");
  w.tell(grant_credit{w.edge, 1, 2});
  CHECK(w.shown(1) == "start@1 | part@2 'ab'@4 | 'c'@5 | 'de'@7");
  // What a slow reader missed comes as one event.
  w.say("gh");
  w.say("ij");
  w.finish();
  w.tell(grant_credit{w.edge, 1, 100});
  CHECK(w.shown(1) ==
        "start@1 | part@2 'ab'@4 | 'c'@5 | 'de'@7 | 'fghij'@12 usage done:complete@13");
  w.tell(grant_credit{w.edge, 1, 100});
  CHECK(w.script.slices[1].size() == 5);
}

TEST_CASE("credit given before the turn is stored shows nothing", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi", 1, 0));
  w.run();
  w.say("ab");
  w.tell(grant_credit{w.edge, 1, 10});
  CHECK(w.shown(1).empty());
  w.release_commit();
  CHECK(w.answer_of<reply_ticket>(asked));
  CHECK(w.shown(1) == "start@1 part@2 'ab'@4");
}

TEST_CASE("two readers at different positions", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi", 1);
  w.say("abc");
  auto joined = w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(2, 4)});
  REQUIRE(joined);
  CHECK(joined->holder == w.target);
  CHECK(joined->user_message == ticket.user_message);
  CHECK_FALSE(joined->is_stored);
  w.say("d");
  w.finish();
  CHECK(w.shown(1) == "start@1 | part@2 'abc'@5 | 'd'@6 | usage done:complete@7");
  CHECK(w.shown(2) == "'c'@5 | 'd'@6 | usage done:complete@7");
}

TEST_CASE("a reply is resumed at each position", "[session]") {
  session_world w;
  auto ticket = finished(w, GENERATE(false, true));
  auto resume = [&](int64_t after) {
    auto stream = static_cast<uint64_t>(100 + after);
    auto joined = w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(stream, after)});
    REQUIRE(joined);
    CHECK(joined->is_stored);
    return w.shown(stream);
  };
  CHECK(resume(0) == whole);
  CHECK(resume(1) == "part@2 'Grüße'@9 usage done:complete@10");
  CHECK(resume(2) == "'Grüße'@9 usage done:complete@10");
  CHECK(resume(4) == "'üße'@9 usage done:complete@10");
  // Inside a character, or where nothing ever was: nobody was told of such a position.
  CHECK(resume(5) == "snapshot'Grüße'@9 usage done:complete@10");
  CHECK(resume(11) == "snapshot'Grüße'@9 usage done:complete@10");
  CHECK(resume(6) == "'ße'@9 usage done:complete@10");
  CHECK(resume(9) == "usage done:complete@10");
  // All of it is known: the stream ends at once, it does not hang.
  CHECK(resume(10) == "usage done:complete@10");
}

TEST_CASE("what a reader saw of a lost tail is replaced", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Hi");
  auto id = w.add(message_role::assistant, "stored", 2);
  w.script.rows[id].status = message_status::interrupted;
  w.script.headers.back().status = message_status::interrupted;
  w.start();
  auto joined = w.ask<reply_ticket>(follow_reply{id, w.follow(1, 30)});
  REQUIRE(joined);
  CHECK(joined->user_message == question);
  CHECK(w.shown(1) == "snapshot'stored'@8 done:interrupted@9");
}

TEST_CASE("messages that can't be followed", "[session]") {
  session_world w;
  auto ticket = finished(w, false);
  auto refused = [&](message_id id) {
    auto joined = w.ask<reply_ticket>(follow_reply{id, w.follow(9)});
    return joined ? errc::internal : code_of(joined.error());
  };
  CHECK(refused(message_id::make()) == errc::not_found);
  CHECK(refused(ticket.user_message) == errc::not_found);
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Again", 0));
  w.run();
  // Nobody knows this id yet, and its turn may still fail.
  auto preparing = change_in<update_session>(w.script.commits.back()).header.active_leaf_id;
  REQUIRE(preparing);
  CHECK(refused(*preparing) == errc::not_found);
  w.release_commit();
  CHECK(w.answer_of<reply_ticket>(asked));
  CHECK(w.shown(9).empty());
}

TEST_CASE("a client that leaves", "[session]") {
  session_world w;
  w.start();
  auto wanted = w.turn("Hi");
  bool stops = GENERATE(false, true);
  wanted.follow->stops_on_leave = stops;
  auto ticket = w.ask<reply_ticket>(wanted);
  REQUIRE(ticket);
  w.say("ab");
  w.tell(leave_reply{w.edge, 7});
  CHECK(w.script.cancelled.empty());
  w.tell(leave_reply{w.edge, 1});
  CHECK(w.script.cancelled.size() == (stops ? 1 : 0));
  w.say("cd");
  w.finish();
  CHECK(w.shown(1) == "start@1 | part@2 'ab'@4");
  auto& row = w.script.rows[ticket->message];
  CHECK(content_of(row.parts) == (stops ? "ab" : "abcd"));
  CHECK(row.status == (stops ? message_status::stopped : message_status::complete));
}

TEST_CASE("a login that ends takes its streams along", "[session]") {
  session_world w;
  w.start();
  auto wanted = w.turn("Hi");
  auto ticket = w.ask<reply_ticket>(wanted);
  REQUIRE(ticket);
  REQUIRE(w.ask<reply_ticket>(follow_reply{ticket->message, w.follow(2)}));
  SECTION("one") {
    w.tell(end_streams{wanted.follow->login});
    w.say("ab");
    CHECK(w.shown(1) == "start@1 | error:token_revoked@0");
    CHECK(w.shown(2) == "start@1 | part@2 'ab'@4");
  }
  SECTION("all") {
    w.tell(end_streams{});
    w.say("ab");
    CHECK(w.shown(1) == "start@1 | error:token_revoked@0");
    CHECK(w.shown(2) == "start@1 | error:token_revoked@0");
  }
  // The reply itself goes on.
  w.finish();
  CHECK(content_of(w.script.rows[ticket->message].parts) == "ab");
}

TEST_CASE("a reply for one client alone ends with its login", "[session]") {
  session_world w;
  w.start();
  auto wanted = w.turn("Hi");
  wanted.follow->stops_on_leave = true;
  REQUIRE(w.ask<reply_ticket>(wanted));
  w.tell(end_streams{});
  CHECK(w.script.cancelled == std::vector{w.last_call()});
}

TEST_CASE("readers are limited", "[session]") {
  session_world w;
  w.limits.readers_max = 2;
  w.start();
  auto ticket = w.begin("Hi");
  CHECK(w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(2)}));
  auto third = w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(3)});
  REQUIRE_FALSE(third);
  CHECK(code_of(third.error()) == errc::rate_limited);
  w.tell(leave_reply{w.edge, 2});
  CHECK(w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(3)}));
}

TEST_CASE("stored replies stay in memory only while they are read", "[session]") {
  session_world w;
  auto ticket = finished(w, true);
  auto before = w.script.farewells.size();
  REQUIRE(w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(1, 0, 2)}));
  CHECK(w.shown(1) == "start@1 part@2 'Gr'@4");
  w.advance(200s);
  CHECK(w.script.farewells.size() == before);
  w.tell(grant_credit{w.edge, 1, 100});
  CHECK(w.shown(1) == "start@1 part@2 'Gr'@4 | 'üße'@9 usage done:complete@10");
  w.advance(61s);
  CHECK(w.script.farewells.size() > before);
}

TEST_CASE("a session says what it weighs when that changes", "[session]") {
  session_world w;
  for (int i = 0; i < 3; ++i) w.add(message_role::user, "Before");
  w.start();
  w.run();
  REQUIRE(w.script.weights.size() == 1);
  auto before = w.script.weights.back();
  CHECK(before >= static_cast<int64_t>(3 * sizeof(message_header)));
  for (int i = 0; i < 4; ++i) {
    w.begin("Hi");
    w.finish();
  }
  REQUIRE(w.script.weights.size() > 1);
  CHECK(w.script.weights.back() >= static_cast<int64_t>(11 * sizeof(message_header)));
}

TEST_CASE("when memory is short an idle session sleeps, a busy one goes on", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi");
  w.say("He");
  w.tell(rest{});
  CHECK(w.script.farewells.empty());
  w.finish();
  CHECK(w.script.turns_ended == 1);
  // Whoever resumes within the time for it finds the reply in memory.
  w.advance(15min);
  auto before = w.script.farewells.size();
  w.tell(rest{});
  CHECK(w.script.farewells.size() == before + 1);
}

TEST_CASE("a reply waits for the first of its readers", "[session]") {
  session_world w;
  w.limits.unread_bytes = 100;
  w.start();
  auto ticket = w.begin("Hi", 1, 30);
  auto& pauses = w.script.pauses;
  for (int i = 0; i < 13; ++i) w.say("0123456789");
  CHECK(pauses.empty());  // 100 bytes beyond what the reader has room for
  w.say("0");
  REQUIRE(pauses.size() == 1);
  CHECK(pauses[0].call == w.last_call());
  CHECK(pauses[0].is_paused);
  // What was on its way is taken, and nobody told again.
  w.say("1");
  CHECK(pauses.size() == 1);
  w.tell(grant_credit{w.edge, 1, 51});
  CHECK(pauses.size() == 1);
  w.tell(grant_credit{w.edge, 1, 1});
  REQUIRE(pauses.size() == 2);
  CHECK_FALSE(pauses[1].is_paused);

  SECTION("another one that keeps up is not held up by the slow one") {
    REQUIRE(w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(2)}));
    for (int i = 0; i < 20; ++i) w.say("0123456789");
    CHECK(pauses.size() == 2);
    w.tell(leave_reply{w.edge, 2});
    REQUIRE(pauses.size() == 3);
    CHECK(pauses[2].is_paused);
    REQUIRE(w.ask<reply_ticket>(follow_reply{ticket.message, w.follow(3)}));
    REQUIRE(pauses.size() == 4);
    CHECK_FALSE(pauses[3].is_paused);
  }
  SECTION("one that nobody reads goes on") {
    for (int i = 0; i < 6; ++i) w.say("0123456789");
    REQUIRE(pauses.size() == 3);
    CHECK(pauses[2].is_paused);
    w.tell(leave_reply{w.edge, 1});
    REQUIRE(pauses.size() == 4);
    CHECK_FALSE(pauses[3].is_paused);
    for (int i = 0; i < 20; ++i) w.say("0123456789");
    CHECK(pauses.size() == 4);
    w.finish();
    CHECK(content_of(w.script.rows[ticket.message].parts).size() == 392);
  }
  SECTION("one that is over is not told of") {
    for (int i = 0; i < 6; ++i) w.say("0123456789");
    REQUIRE(pauses.size() == 3);
    w.finish();
    w.tell(grant_credit{w.edge, 1, 1000});
    CHECK(pauses.size() == 3);
  }
}
