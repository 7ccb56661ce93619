// What SESSION sends and what it makes of the answer: the second try, learning, counting anew,
// previews and pins.
#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"
#include "vocabulary_folder.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

change_message pinning(message_id id, bool is_pinned, int64_t if_version) {
  change_message change{id, {}, if_version};
  change.patch.set(&message::pinned, is_pinned);
  return change;
}

error too_long(const std::string& limit) {
  error_detail detail;
  detail.reason = "context_too_long";
  if (!limit.empty()) detail.fields.push_back({"/messages", "tokens_max", limit, ""});
  return make_error(errc::provider_refused, "The conversation is too long for the model.", detail);
}

void add_turns(session_world& w, std::vector<message_id>& ids, int turns, int32_t tokens = 96) {
  for (int i = 0; i < turns; ++i) {
    ids.push_back(w.add(message_role::user, "asked", tokens));
    ids.push_back(w.add(message_role::assistant, "said", tokens));
  }
}

// As by a node that had no table of this vocabulary.
void forget_cl100k(session_world& w) {
  for (auto& known : w.script.headers) known.measure.cl100k = -1;
  for (auto& [id, row] : w.script.rows) row.measure.cl100k = -1;
}

usage usage_of(int64_t prompt_tokens) {
  usage used;
  used.prompt_tokens = prompt_tokens;
  used.completion_tokens = 1;
  return used;
}

}  // namespace

TEST_CASE("what the provider finds too long is tried once more, shorter", "[session]") {
  session_world w;
  std::vector<message_id> ids;
  add_turns(w, ids, 6);
  w.script.model.context_window = 4000;
  w.script.model.max_tokens = 100;
  w.start();
  auto ticket = w.begin("Hi");
  auto first = w.last_call();
  CHECK(w.script.calls[0].messages.size() == 13);
  SECTION("to the limit that it names") {
    w.fail(too_long("900"));
    REQUIRE(w.script.calls.size() == 2);
    CHECK(w.last_call() != first);
    const auto& again = w.script.calls[1].messages;
    CHECK(again.size() < 9);
    CHECK(content_of(again.back().parts) == "Hi");
    w.say("Yes");
    w.finish();
    auto row = w.script.rows[ticket.message];
    CHECK(row.status == message_status::complete);
    REQUIRE(row.context);
    CHECK(row.context->refused_tokens == 900);
    CHECK(row.context->limit == 800);
    CHECK(row.context->kept == static_cast<int64_t>(again.size()));
    CHECK(w.shown(1) == "start@1 | part@2 'Yes'@5 | usage done:complete@6");
    // The next turn knows the limit.
    w.begin("On", 2);
    CHECK(w.script.slices[2][0].start->context.limit <= 800);
  }
  SECTION("to less than it was, if none is named") {
    w.fail(too_long(""));
    REQUIRE(w.script.calls.size() == 2);
    CHECK(w.script.calls[1].messages.size() < 12);
  }
  SECTION("and no third time") {
    w.fail(too_long("900"));
    w.fail(too_long("900"));
    CHECK(w.script.calls.size() == 2);
    CHECK(w.shown(1) == "start@1 | usage error:context_too_long@2 done:error@3");
  }
  SECTION("not once something was said") {
    w.say("Ye");
    w.fail(too_long("900"));
    CHECK(w.script.calls.size() == 1);
  }
  SECTION("not when it was stopped meanwhile") {
    w.ask<done>(stop_reply{});
    w.fail(too_long("900"));
    CHECK(w.script.calls.size() == 1);
  }
}

TEST_CASE("the second try waits for the first commit", "[session]") {
  session_world w;
  std::vector<message_id> ids;
  add_turns(w, ids, 6);
  w.script.model.context_window = 4000;
  w.script.model.max_tokens = 100;
  w.start();
  w.script.holds_commits = true;
  auto asked = w.ask_later(w.turn("Hi"));
  w.run();
  w.fail(too_long("900"));
  CHECK(w.script.calls.size() == 1);
  w.release_commit();
  w.script.holds_commits = false;
  REQUIRE(w.script.calls.size() == 2);
  CHECK(content_of(w.script.calls[1].messages.back().parts) == "Hi");
  CHECK(w.answer_of<reply_ticket>(asked));
}

TEST_CASE("an answer's usage teaches what a closed tokenizer counts", "[session]") {
  session_world w;
  w.counter = token_counter{vocabulary_folder};
  w.script.model.model = "closed-1";
  w.script.model.base_url = "https://llm.example/v1";
  w.start();
  auto known = [&] {
    return *w.actor_world::ask<token_calibration>(
        w.counting, find_calibration{calibration_key_of(w.script.model)});
  };
  auto before = known();
  w.begin("Tell me about the weather in the mountains, please.");
  CHECK(w.script.slices[1][0].start->context.estimated);
  w.finish(usage_of(40));
  auto after = known();
  CHECK(after.samples == 1);
  CHECK(after.weights != before.weights);
  // It is kept, and another model of the same upstream begins anew.
  w.advance(5s);
  auto stored = change_in<change_metering>(w.script.commits.back()).calibration.value().known;
  CHECK(stored.model == "closed-1");
  CHECK(stored.provider == "openai https://llm.example");
  CHECK(stored.weights == std::vector(after.weights.begin(), after.weights.end()));
  w.script.model.model = "closed-2";
  CHECK(known().samples == 0);
  // A count of our own teaches nothing.
  w.begin("And in the valleys?", 2);
  w.finish();
  CHECK(known().samples == 0);
}

TEST_CASE("messages are counted anew in the background when the vocabulary changes", "[session]") {
  session_world w;
  w.counter = token_counter{vocabulary_folder};
  std::vector<message_id> ids;
  add_turns(w, ids, 10, 50);
  forget_cl100k(w);
  w.script.model.model = "gpt-4";
  w.start();
  w.begin("Hi");
  CHECK(w.script.slices[1][0].start->context.estimated);
  w.say("Yes");
  w.finish();
  for (auto id : ids) {
    const auto& measure = w.script.rows[id].measure;
    CHECK((measure.cl100k == 1 || measure.cl100k == 2));
    CHECK((measure.o200k == 1 || measure.o200k == 2));
  }
  auto commits = w.script.commits.size();
  w.begin("On", 2);
  CHECK_FALSE(w.script.slices[2][0].start->context.estimated);
  CHECK(w.script.slices[2][0].start->context.tokens == 3 + (10 * 6 + 10 * 5) + 3 * 5);
  // Nothing is left to count.
  w.finish();
  CHECK(w.script.commits.size() == commits + 2);
}

TEST_CASE("a model that is chosen finds the messages counted", "[session]") {
  session_world w;
  w.counter = token_counter{vocabulary_folder};
  std::vector<message_id> ids;
  add_turns(w, ids, 10, 50);
  w.script.model.model = "gpt-4";
  w.start();
  auto chosen = R"({"modelId":")" + to_string(w.script.model.id) + "\"}";
  REQUIRE(w.ask<session>(change_session{session_patch(chosen), 0, {}}));
  w.run();
  for (auto id : ids) CHECK(w.script.rows[id].measure.cl100k > 0);
  w.begin("Hi");
  CHECK_FALSE(w.script.slices[1][0].start->context.estimated);
}

TEST_CASE("a long text is counted by COUNTER", "[session]") {
  session_world w;
  w.counter = token_counter{vocabulary_folder};
  w.limits.count_inline_bytes = 1000;
  w.script.model.context_window = 100'000;
  w.start();
  std::string text;
  while (text.size() < 10'000) text += "so it goes on and on, ";
  w.begin(text);
  auto row = change_in<create_message>(w.script.commits[0]).entry;
  CHECK(row.measure == w.counter.measure(token_vocabulary::o200k_base, text));
  CHECK(row.tokens.count == row.measure.o200k);
  CHECK_FALSE(row.tokens.estimated);
  SECTION("and fails when that does") {
    w.finish();
    w.kill(w.counting);
    auto refused = w.ask<reply_ticket>(w.turn(text, 2));
    CHECK_FALSE(refused);
    CHECK(w.ask<reply_ticket>(w.turn("short", 3)));
  }
}

TEST_CASE("a reply is counted in both vocabularies while it comes", "[session]") {
  session_world w;
  w.counter = token_counter{vocabulary_folder};
  w.limits.count_inline_bytes = 1000;
  w.start();
  w.begin("Hi");
  std::string text;
  while (text.size() < 10'000) text += "so it goes on and on, ";
  w.say(text);
  auto commits = w.script.commits.size() + 1;
  w.finish();
  auto row = change_in<finish_message>(w.script.commits.back()).entry;
  CHECK(row.measure == w.counter.measure(token_vocabulary::o200k_base, text));
  CHECK(row.tokens.count == row.measure.o200k);
  // Counted once more it would be written once more.
  w.run();
  CHECK(w.script.commits.size() == commits);
}

TEST_CASE("a preview sends and stores nothing", "[session]") {
  session_world w;
  std::vector<message_id> ids;
  add_turns(w, ids, 3);
  w.script.model.context_window = 800;
  w.script.model.max_tokens = 50;
  w.script.model.prices = model_prices{"EUR", "2", "8", {}};
  w.start();
  preview_turn wanted;
  wanted.content = w.turn("Hi").content;
  auto shown = w.ask<turn_preview>(wanted);
  REQUIRE(shown);
  CHECK(shown->model_name == "Test model");
  CHECK(shown->context.kept == 5);
  CHECK(shown->context.dropped == 2);
  REQUIRE(shown->context.cost);
  CHECK(shown->context.cost->amount == "0.000818");
  CHECK(shown->context.cost->currency == "EUR");
  CHECK(w.script.calls.empty());
  CHECK(w.script.commits.empty());
  // The turn itself is as it was shown.
  w.begin("Hi");
  CHECK(w.script.slices[1][0].start->context.tokens == shown->context.tokens);
  wanted.content.parent_id = message_id::make();
  CHECK_FALSE(w.ask<turn_preview>(wanted));
}

TEST_CASE("a preview of a session that is none leaves none", "[session]") {
  session_world w;
  w.start_fresh();
  preview_turn wanted;
  wanted.content = w.turn("Hi").content;
  auto shown = w.ask<turn_preview>(wanted);
  REQUIRE(shown);
  CHECK(shown->context.kept == 1);
  REQUIRE(w.script.farewells.size() == 1);
  w.tell(sleep_now{});
  CHECK(w.has_ended());
}

TEST_CASE("what is pinned is sent, however old", "[session]") {
  session_world w;
  std::vector<message_id> ids;
  add_turns(w, ids, 6);
  w.script.model.context_window = 800;
  w.script.model.max_tokens = 50;
  w.limits.pinned_max = 1;
  w.limits.texts_bytes_max = 0;
  w.start();
  auto changed = w.ask<message>(pinning(ids[0], true, 0));
  REQUIRE(changed);
  CHECK(changed->pinned);
  CHECK(changed->version == 2);
  w.begin("Hi");
  CHECK(w.script.windows.back().ids.front() == ids[0]);
  auto start = w.script.slices[1][0].start;
  CHECK(start->context.spans[0].reason == context_reason::pinned);
  CHECK(start->context.parts.pinned == 100);
  w.finish();
  auto another = w.ask<message>(pinning(ids[1], true, 0));
  REQUIRE_FALSE(another);
  CHECK(reason_of(another.error()) == "pinned_max");
  auto late = w.ask<message>(pinning(ids[0], false, 7));
  REQUIRE_FALSE(late);
  CHECK(reason_of(late.error()) == "version_mismatch");
  REQUIRE(w.ask<message>(pinning(ids[0], false, 0)));
  w.begin("On", 2);
  CHECK(w.script.windows.back().ids.front() != ids[0]);
}
