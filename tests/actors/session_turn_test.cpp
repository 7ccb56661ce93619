#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

const auto disk_full = make_error(errc::storage_full);
const auto broken = make_error(errc::provider_failed, "upstream_reset", "The provider hung up.");

request_key key_of(std::string key, std::string body) {
  return {"POST /api/chat", std::move(key), std::move(body)};
}

}  // namespace

TEST_CASE("a turn is stored and called at once, and shown once stored", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  REQUIRE(w.script.commits.size() == 1);
  CHECK(names_of(w.script.commits[0]) == "update_session create_message create_message");
  REQUIRE(w.script.calls.size() == 1);
  w.say("He");
  CHECK(w.shown(1).empty());
  CHECK_FALSE(w.has_answer());

  w.release_commit();
  auto ticket = w.answer_of<reply_ticket>(asked);
  REQUIRE(ticket);
  CHECK_FALSE(ticket->is_stored);
  CHECK(w.shown(1) == "start@1 part@2 'He'@4");
  w.say("llo");
  w.finish();
  CHECK(w.shown(1) == "start@1 part@2 'He'@4 | 'llo'@7");
  CHECK(w.script.turns_ended == 0);
  REQUIRE(w.script.held_commits.size() == 1);
  CHECK(names_of(w.script.commits.back()) == "finish_message update_session change_metering");
  w.release_commit();
  CHECK(w.shown(1) == "start@1 part@2 'He'@4 | 'llo'@7 | usage done:complete@8");
  CHECK(w.script.turns_ended == 1);
  CHECK(w.script.cancelled.empty());
}

TEST_CASE("the rows of a turn", "[session]") {
  session_world w;
  auto leaf = w.add(message_role::user, "Before");
  w.script.header.system_prompt = "Be short.";
  w.start();
  auto ticket = w.begin("Hi");
  auto& first = w.script.commits[0];
  auto header = change_in<update_session>(first).header;
  auto asked = change_in<create_message>(first).entry;
  CHECK(asked.id == ticket.user_message);
  CHECK(asked.parent_id == leaf);
  CHECK(asked.role == message_role::user);
  CHECK(content_of(asked.parts) == "Hi");
  auto row = caf::get<create_message>(first.changes[2]).entry;
  CHECK(row.id == ticket.message);
  CHECK(row.parent_id == asked.id);
  CHECK(row.status == message_status::streaming);
  CHECK(row.model_name == "Test model");
  CHECK(header.version == 2);
  CHECK(header.active_leaf_id == ticket.message);
  CHECK(header.message_count == 3);
  CHECK(header.title == "Old");

  auto& call = w.script.calls[0];
  CHECK(call.caller == w.owner);
  CHECK(call.model.id == w.script.model.id);
  REQUIRE(call.messages.size() == 3);
  CHECK(call.messages[0].role == message_role::system);
  CHECK(content_of(call.messages[1].parts) == "Before");
  CHECK(content_of(call.messages[2].parts) == "Hi");

  w.clock.advance(3s);
  w.say("Yes");
  usage used;
  used.prompt_tokens = 11;
  used.completion_tokens = 2;
  w.finish(used);
  auto stored = change_in<finish_message>(w.script.commits.back()).entry;
  CHECK(content_of(stored.parts) == "Yes");
  CHECK(stored.status == message_status::complete);
  CHECK(stored.version == 2);
  REQUIRE(stored.usage);
  CHECK(stored.usage->prompt_tokens == 11);
  CHECK(stored.usage->source == usage_source::provider);
  CHECK(stored.tokens.count > 0);
  CHECK(change_in<update_session>(w.script.commits.back()).header.version == 3);
}

TEST_CASE("a commit that fails undoes the turn", "[session]") {
  session_world w;
  auto leaf = w.add(message_role::assistant, "Before");
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  w.say("He");
  w.script.fail_commit = disk_full;
  w.release_commit(disk_full);
  auto ticket = w.answer_of<reply_ticket>(asked);
  REQUIRE_FALSE(ticket);
  CHECK(code_of(ticket.error()) == errc::storage_full);
  CHECK(w.script.cancelled == std::vector{w.last_call()});
  CHECK(w.shown(1).empty());
  CHECK(w.script.turns_ended == 1);

  // The record is as it was: the next turn follows the old leaf.
  w.script.fail_commit = {};
  w.script.holds_commits = false;
  w.say("late");
  w.begin("Again", 2);
  auto& next = w.script.commits.back();
  CHECK(change_in<update_session>(next).header.version == 2);
  CHECK(change_in<update_session>(next).header.message_count == 3);
  CHECK(change_in<create_message>(next).entry.parent_id == leaf);
  CHECK(w.shown(2) == "start@1");
}

TEST_CASE("a provider that fails", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  SECTION("before the first token") {
    w.fail(broken);
    CHECK(w.shown(1) == "start@1 | usage error:upstream_reset@2 done:error@3");
    CHECK(w.script.rows[ticket.message].status == message_status::error);
  }
  SECTION("after it") {
    w.say("Half");
    w.fail(broken);
    CHECK(w.shown(1) ==
          "start@1 | part@2 'Half'@6 | usage error:upstream_reset@7 done:interrupted@8");
    CHECK(w.script.rows[ticket.message].status == message_status::interrupted);
    CHECK(content_of(w.script.rows[ticket.message].parts) == "Half");
  }
  SECTION("because the server stops") {
    w.fail(make_error(errc::unavailable, "draining", "The server is stopping."));
    CHECK(w.shown(1) == "start@1 | usage error:draining@2 done:interrupted@3");
  }
  SECTION("by ending") {
    w.say("Half");
    w.kill(w.provider);
    CHECK(w.shown(1) ==
          "start@1 | part@2 'Half'@6 | usage error:provider_lost@7 done:interrupted@8");
  }
  REQUIRE(w.script.rows[ticket.message].error);
  CHECK(w.script.turns_ended == 1);
}

TEST_CASE("a PROVIDER that is not there fails the turn at once", "[session]") {
  session_world w;
  w.start();
  w.kill(w.provider);
  w.begin("Hi");
  CHECK(w.shown(1) == "start@1 | usage error:provider_lost@2 done:error@3");
}

TEST_CASE("a reply that is over before its turn is stored", "[session]") {
  session_world w;
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  w.say("Yes");
  w.finish();
  CHECK(w.shown(1).empty());
  CHECK(w.script.commits.size() == 1);
  w.script.holds_commits = false;
  w.release_commit();
  CHECK(w.answer_of<reply_ticket>(asked));
  CHECK(w.shown(1) == "start@1 part@2 'Yes'@5 | usage done:complete@6");
}

TEST_CASE("what another call says is nobody's", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi");
  auto other = w.last_call() + 1000;
  w.tell(reply_delta{other, {{part_type::text, "foreign"}}});
  w.tell(reply_finished{other, finish_reason::stop, {}});
  w.tell(reply_tick{other});
  w.tell(reply_delta{0, {{part_type::text, "none"}}});
  CHECK(w.shown(1) == "start@1");
  w.finish();
  w.say("after the end");
  CHECK(w.shown(1) == "start@1 | usage done:complete@2");
  CHECK(w.script.commits.size() == 2);
}

TEST_CASE("reasoning and text are parts of their own", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  w.say("hm", part_type::reasoning);
  w.say("A");
  w.tell(reply_finished{w.last_call(), finish_reason::length, {}});
  CHECK(w.shown(1) == "start@1 | reasoning@2 'hm'@4 | part@5 'A'@6 | usage done:length@7");
  CHECK(w.script.rows[ticket.message].parts.size() == 2);
}

TEST_CASE("stop, before the first token", "[session]") {
  session_world w;
  w.start();
  SECTION("while the model is looked up: the message stays, nothing is called") {
    w.script.holds_models = true;
    auto asked = w.ask_later(w.turn("Hi"));
    w.run();
    auto stopped = w.ask_later(stop_reply{});
    w.run();
    CHECK_FALSE(w.has_answer());
    w.release_models();
    CHECK(w.answer_of<reply_ticket>(asked));
    CHECK(w.answer_of<done>(stopped));
    CHECK(w.script.calls.empty());
    CHECK(w.shown(1) == "start@1 | usage done:stopped@2");
  }
  SECTION("before the commit") {
    w.script.holds_commits = true;
    auto asked = w.ask_later(w.turn("Hi"));
    w.run();
    auto stopped = w.ask_later(stop_reply{});
    w.run();
    CHECK(w.script.cancelled == std::vector{w.last_call()});
    w.script.holds_commits = false;
    w.release_commit();
    CHECK(w.answer_of<reply_ticket>(asked));
    CHECK(w.answer_of<done>(stopped));
    CHECK(w.shown(1) == "start@1 | usage done:stopped@2");
  }
  SECTION("before the first token") {
    w.begin("Hi");
    CHECK(w.ask<done>(stop_reply{}));
    CHECK(w.shown(1) == "start@1 | usage done:stopped@2");
    CHECK(w.script.cancelled == std::vector{w.last_call()});
  }
  CHECK(w.script.turns_ended == 1);
}

TEST_CASE("stop, later", "[session]") {
  session_world w;
  w.start();
  SECTION("in the middle: what arrived is kept") {
    auto ticket = w.begin("Hi");
    w.say("Half");
    CHECK(w.ask<done>(stop_reply{ticket.message}));
    w.say("more");
    CHECK(w.shown(1) == "start@1 | part@2 'Half'@6 | usage done:stopped@7");
    CHECK(content_of(w.script.rows[ticket.message].parts) == "Half");
    CHECK(w.script.cancelled.size() == 1);
  }
  SECTION("while the end is being stored") {
    w.begin("Hi");
    w.script.holds_commits = true;
    w.finish();
    auto stopped = w.ask_later(stop_reply{});
    w.run();
    CHECK_FALSE(w.has_answer());
    w.release_commit();
    CHECK(w.answer_of<done>(stopped));
    CHECK(w.shown(1) == "start@1 | usage done:complete@2");
    CHECK(w.script.cancelled.empty());
  }
  SECTION("after the end it is no fault") {
    auto ticket = w.begin("Hi");
    w.finish();
    CHECK(w.ask<done>(stop_reply{ticket.message}));
    CHECK(w.shown(1) == "start@1 | usage done:complete@2");
  }
  SECTION("of a message that is not here") {
    w.begin("Hi");
    auto stopped = w.ask<done>(stop_reply{message_id::make()});
    REQUIRE_FALSE(stopped);
    CHECK(code_of(stopped.error()) == errc::not_found);
    CHECK(w.script.cancelled.empty());
    w.finish();
  }
  CHECK(w.script.turns_ended == 1);
}

TEST_CASE("a second turn waits for nobody", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  auto second = w.ask<reply_ticket>(w.turn("Me too", 2));
  REQUIRE_FALSE(second);
  CHECK(code_of(second.error()) == errc::conflict);
  CHECK(reason_of(second.error()) == "reply_running");
  CHECK(detail_of(second.error()).id == to_string(ticket.message));
  CHECK(w.script.turns_ended == 1);
  CHECK(w.script.commits.size() == 1);
  w.finish();
  CHECK(w.begin("Now", 3).message != ticket.message);
}

TEST_CASE("the same Idempotency-Key joins the reply", "[session]") {
  session_world w;
  w.start();
  auto first = w.turn("Hi");
  first.key = key_of("k", "aa");
  auto again = w.turn("Hi", 2);
  again.key = first.key;
  auto other = w.turn("Ho", 3);
  other.key = key_of("k", "bb");
  w.script.holds_commits = true;
  auto asked = w.ask_later(first);
  w.run();
  CHECK(names_of(w.script.commits[0]) ==
        "update_session create_message create_message remember_key");
  auto twin = w.ask_later(again);
  w.run();
  auto mismatch = w.ask<reply_ticket>(other);
  REQUIRE_FALSE(mismatch);
  CHECK(reason_of(mismatch.error()) == "idempotency_mismatch");
  w.script.holds_commits = false;
  w.release_commit();
  auto ticket = w.answer_of<reply_ticket>(asked);
  auto joined = w.answer_of<reply_ticket>(twin);
  REQUIRE(ticket);
  REQUIRE(joined);
  CHECK(ticket->message == joined->message);
  w.say("Yes");
  auto late = again;
  late.follow = w.follow(4);
  CHECK(w.ask<reply_ticket>(late));
  w.finish();
  CHECK(w.shown(1) == "start@1 | part@2 'Yes'@5 | usage done:complete@6");
  CHECK(w.shown(2) == w.shown(1));
  CHECK(w.shown(3).empty());
  CHECK(w.shown(4) == "start@1 part@2 'Yes'@5 | usage done:complete@6");

  // USER may have looked the key up before it was stored.
  late.follow = w.follow(5);
  auto over = w.ask<reply_ticket>(late);
  REQUIRE(over);
  CHECK(over->is_stored);
  CHECK(w.shown(5) == "start@1 part@2 'Yes'@5 usage done:complete@6");
  CHECK(w.script.calls.size() == 1);
  CHECK(w.script.turns_ended == 5);
}

TEST_CASE("a turn that fails fails its twin", "[session]") {
  session_world w;
  w.start();
  auto first = w.turn("Hi");
  first.key = key_of("k", "aa");
  w.script.holds_commits = true;
  auto asked = w.ask_later(first);
  w.run();
  auto twin = w.ask_later(first);
  w.run();
  w.release_commit(disk_full);
  CHECK(code_of(w.answer_of<reply_ticket>(asked).error()) == errc::storage_full);
  CHECK(code_of(w.answer_of<reply_ticket>(twin).error()) == errc::storage_full);
  CHECK(w.script.turns_ended == 2);
  CHECK(w.shown(1).empty());
}

TEST_CASE("a session that is full", "[session]") {
  session_world w;
  w.limits.messages_max = 3;
  w.start();
  w.begin("Hi");
  w.finish();
  auto second = w.ask<reply_ticket>(w.turn("Ho", 2));
  REQUIRE_FALSE(second);
  CHECK(code_of(second.error()) == errc::quota_exceeded);
  CHECK(w.script.turns_ended == 2);
}
