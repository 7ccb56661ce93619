#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"
#include "vocabulary_folder.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

model_config other_model() {
  model_config model;
  model.id = model_id::make();
  model.name = "Other";
  model.model = "other-1";
  model.params.temperature = 0.25;
  model.params.max_tokens = 99;
  return model;
}

}  // namespace

TEST_CASE("the fallback goes along with its own parameters", "[session]") {
  session_world w;
  w.script.fallback = other_model();
  w.script.model.fallback_model_id = w.script.fallback->id;
  w.script.model.params.temperature = 1;
  w.start();
  auto turn = w.turn("Hi");
  turn.content.params.max_tokens = 7;
  REQUIRE(w.ask<reply_ticket>(turn));
  REQUIRE(w.script.calls.size() == 1);
  auto& call = w.script.calls[0];
  CHECK(call.model.id == w.script.model.id);
  CHECK(call.params.temperature == 1);
  REQUIRE(call.fallback);
  CHECK(call.fallback->model.id == w.script.fallback->id);
  CHECK(call.fallback->params.temperature == 0.25);
  CHECK(call.fallback->params.max_tokens == 7);
}

TEST_CASE("without a fallback, or with one that is gone, the model is alone", "[session]") {
  session_world w;
  SECTION("none") {}
  SECTION("gone") {
    w.script.model.fallback_model_id = model_id::make();
  }
  SECTION("itself") {
    w.script.model.fallback_model_id = w.script.model.id;
  }
  w.start();
  w.begin("Hi");
  REQUIRE(w.script.calls.size() == 1);
  CHECK_FALSE(w.script.calls[0].fallback);
}

TEST_CASE("a stored reply tells who answered, a stopped one too", "[session]") {
  session_world w;
  w.start();
  auto ticket = w.begin("Hi");
  reply_source source{model_id::make(), "Other", "second", 2};
  w.tell(reply_delta{w.last_call(), {{part_type::text, "Yes"}}, source});
  w.say("!");
  if (GENERATE(false, true))
    CHECK(w.ask<done>(stop_reply{}));
  else
    w.finish();
  auto row = change_in<finish_message>(w.script.commits.back()).entry;
  CHECK(row.id == ticket.message);
  CHECK(content_of(row.parts) == "Yes!");
  REQUIRE(row.answered_by);
  CHECK(row.answered_by->channel == "second");
  CHECK(row.answered_by->model_id == source.model_id);
  CHECK(row.answered_by->attempts == 2);
}

TEST_CASE("what a fallback used teaches nothing of the model's tokenizer", "[session]") {
  session_world w;
  w.counter = token_counter{vocabulary_folder};
  w.script.model.model = "closed-1";
  w.script.model.base_url = "https://llm.example/v1";
  w.start();
  usage used;
  used.prompt_tokens = 40;
  used.completion_tokens = 1;
  auto is_fallback = GENERATE(false, true);
  w.begin("Tell me about the weather in the mountains, please.");
  auto answering = is_fallback ? model_id::make() : w.script.model.id;
  w.tell(reply_delta{
      w.last_call(), {{part_type::text, "Yes"}}, reply_source{answering, "Whoever", "", 2}});
  w.finish(used);
  auto known = w.actor_world::ask<token_calibration>(
      w.counting, find_calibration{calibration_key_of(w.script.model)});
  REQUIRE(known);
  CHECK(known->samples == (is_fallback ? 0 : 1));
}
