// Titles that a model makes after the first reply.
#include <catch2/catch.hpp>

#include "chat/title_prompt.hpp"
#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

model_config title_model() {
  model_config model;
  model.id = model_id::make();
  model.name = "Titles";
  model.model = "gpt-4o-mini";
  return model;
}

}  // namespace

TEST_CASE("the first reply is followed by a title", "[session]") {
  session_world w;
  w.script.title_model = title_model();
  w.start_fresh();
  w.begin("What holds a bridge up?");
  w.say("Its piers.");
  CHECK(w.script.calls.size() == 1);
  w.finish();
  // The turn is over before anybody asks for a title.
  CHECK(w.script.turns_ended == 1);
  REQUIRE(w.script.calls.size() == 2);
  auto& call = w.script.calls[1];
  CHECK(call.model.name == "Titles");
  REQUIRE(call.messages.size() == 2);
  auto asked = content_of(call.messages[1].parts);
  CHECK(asked.find("What holds a bridge up?") != std::string::npos);
  CHECK(asked.find("Its piers.") != std::string::npos);
  w.say("\"Bridges ");
  w.say("and piers.\"");
  w.finish();
  CHECK(w.script.header.title == "Bridges and piers");
  CHECK(w.script.header.title_source == title_source::model);
  CHECK(w.script.events.back().name == "session.updated");

  w.begin("And now?", 2);
  w.finish();
  CHECK(w.script.calls.size() == 3);  // no second title
}

TEST_CASE("a title of the user's is never overwritten", "[session]") {
  session_world w;
  w.script.title_model = title_model();
  w.start_fresh();
  w.begin("Hi");
  w.say("Hello");
  w.finish();
  REQUIRE(w.script.calls.size() == 2);
  REQUIRE(w.ask<session>(change_session{session_patch(R"({"title":"Mine"})"), 0, {}}));
  w.say("Greetings");
  w.finish();
  CHECK(w.script.header.title == "Mine");
  CHECK(w.script.header.title_source == title_source::user);

  session_world named;
  named.script.title_model = title_model();
  named.script.header.title_source = title_source::user;
  named.start();
  named.begin("Hi");
  named.finish();
  CHECK(named.script.calls.size() == 1);
}

TEST_CASE("no title model, no call, a failure leaves the title", "[session]") {
  session_world none;
  none.start_fresh();
  none.begin("Hi");
  none.finish();
  CHECK(none.script.calls.size() == 1);

  session_world w;
  w.script.title_model = title_model();
  w.start_fresh();
  w.begin("Hi");
  w.finish();
  REQUIRE(w.script.calls.size() == 2);
  w.fail(make_error(errc::provider_failed));
  CHECK(w.script.header.title == "Hi");
  w.begin("Again", 2);
  w.finish();
  CHECK(w.script.turns_ended == 2);
}

TEST_CASE("a session that is deleted amid its title ends the call", "[session]") {
  session_world w;
  w.script.title_model = title_model();
  w.start_fresh();
  w.begin("Hi");
  w.finish();
  REQUIRE(w.script.calls.size() == 2);
  REQUIRE(w.ask<done>(drop_session{}));
  CHECK(w.script.cancelled == std::vector{w.last_call()});
  CHECK(w.has_ended());
}

TEST_CASE("what a model answers becomes a title") {
  CHECK(title_from_reply("Bridges") == "Bridges");
  CHECK(title_from_reply("\n  \"Steel bridges.\"\nMore") == "Steel bridges");
  CHECK(title_from_reply("# **Steel**") == "Steel");
  CHECK(title_from_reply("Wait ...") == "Wait ...");
  CHECK(title_from_reply(" \n\"\"\n") == "");
  CHECK(title_from_reply(std::string(500, 'x')).size() == title_bytes_max);
}
