// SESSION: what its calls use is reserved before, told while tokens come, stored and settled after.
#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

usage usage_of(int64_t prompt, int64_t completion) {
  usage used;
  used.prompt_tokens = prompt;
  used.completion_tokens = completion;
  return used;
}

usage_entry usage_in(const commit& stored) {
  return change_in<change_metering>(stored).usage->used;
}

}  // namespace

TEST_CASE("a reply is reserved before its call and settled with what is stored", "[session]") {
  session_world w;
  w.script.model.name = "gpt";
  w.script.model.prices = model_prices{"USD", "3", "15", {}};
  w.start();
  auto turn = w.turn("Hi");
  turn.by = {api_key_id::make(), "night"};
  auto by = turn.by;
  auto ticket = w.ask<reply_ticket>(std::move(turn));
  REQUIRE(ticket);
  REQUIRE(w.script.reserved.size() == 1);
  CHECK(w.script.reserved[0].by.label == "night");
  CHECK(w.script.reserved[0].prompt_tokens > 0);
  w.say("Hello");
  CHECK(w.script.streamed.empty());  // nobody has a limit
  w.finish(usage_of(7, 3));
  auto stored = usage_in(w.script.commits.back());
  CHECK(stored.owner_id == w.owner);
  CHECK(stored.key_id == by.key);
  CHECK(stored.label == "night");
  CHECK(stored.model_name == "gpt");
  CHECK(stored.prompt_tokens == 7);
  CHECK(stored.completion_tokens == 3);
  CHECK(stored.currency == "USD");
  CHECK(stored.cost == 66'000);
  CHECK(change_in<finish_message>(w.script.commits.back()).entry.usage->cost->amount == "0.000066");
  REQUIRE(w.script.settled.size() == 1);
  CHECK(w.script.settled[0].reply == w.script.reserved[0].reply);
  CHECK(w.script.settled[0].used->cost == 66'000);
}

TEST_CASE("without a budget the turn never happened", "[session]") {
  session_world w;
  w.script.fail_spend = make_error(errc::quota_exceeded, "quota_tokens", "Used up.");
  w.start();
  auto refused = w.ask<reply_ticket>(w.turn("Hi"));
  REQUIRE(!refused);
  CHECK(reason_of(refused.error()) == "quota_tokens");
  CHECK(w.script.calls.empty());
  CHECK(w.script.commits.empty());
  CHECK(w.script.turns_ended == 1);
}

TEST_CASE("a metered reply reports each 50 ms, or as often as it is told to", "[session]") {
  session_world w;
  w.script.is_metered = true;
  w.start();
  w.begin("Hi");
  w.say("one");
  REQUIRE(w.script.streamed.size() == 1);
  auto reply = w.script.streamed[0].reply;
  w.say(" two");
  CHECK(w.script.streamed.size() == 1);  // USER has not answered, 50 ms are not over
  w.wait(60ms);
  w.say(" three");
  REQUIRE(w.script.streamed.size() == 2);
  auto tokens = w.script.streamed[1].tokens;
  CHECK(tokens > w.script.streamed[0].tokens);
  w.tell(spend_ruled{reply, tokens + 1, false});
  w.say(" four five");
  CHECK(w.script.streamed.size() == 3);
}

TEST_CASE("a budget that has run out ends the reply and keeps its text", "[session]") {
  session_world w;
  w.script.is_metered = true;
  w.start();
  w.begin("Hi");
  w.say("Half");
  w.tell(spend_ruled{w.script.reserved[0].reply, 0, true});
  CHECK(w.script.cancelled == std::vector{w.last_call()});
  CHECK(w.shown(1) == "start@1 | part@2 'Half'@6 | usage done:quota@7");
  auto stored = change_in<finish_message>(w.script.commits.back()).entry;
  CHECK(stored.status == message_status::quota);
  CHECK(content_of(stored.parts) == "Half");
  CHECK(usage_in(w.script.commits.back()).completion_tokens > 0);
}

TEST_CASE("a call that failed before it said anything has cost nothing", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi");
  w.fail(make_error(errc::provider_failed, "upstream_reset", "It broke."));
  CHECK(names_of(w.script.commits.back()) == "finish_message update_session");
  REQUIRE(w.script.settled.size() == 1);
  CHECK(!w.script.settled[0].used);
  w.begin("Again", 2);
  w.say("Half");
  w.fail(make_error(errc::provider_failed, "upstream_reset", "It broke."));
  CHECK(usage_in(w.script.commits.back()).completion_tokens > 0);
}

TEST_CASE("a title is paid for as well", "[session]") {
  session_world w;
  w.script.title_model = model_config{};
  w.script.title_model->id = model_id::make();
  w.script.title_model->name = "Titles";
  w.start_fresh();
  w.begin("What holds a bridge up?");
  w.say("Its piers.");
  w.finish();
  w.say("Bridges");
  w.finish(usage_of(20, 2));
  auto titles = w.script.settled.back();
  CHECK(titles.reply.is_none());
  REQUIRE(titles.used);
  CHECK(titles.used->model_name == "Titles");
  CHECK(titles.used->prompt_tokens == 20);
}

TEST_CASE("a reply whose session is removed is paid for and given back", "[session]") {
  session_world w;
  w.start();
  w.begin("Hi");
  w.say("Half");
  REQUIRE(w.ask<done>(drop_session{}));
  REQUIRE(w.script.settled.size() == 1);
  REQUIRE(w.script.settled[0].used);
  CHECK(w.script.settled[0].used->completion_tokens > 0);
}
