#include <catch2/catch.hpp>

#include "chat/context.hpp"
#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

/// A session of six messages of 96 tokens, which cost 100, with a window for 750. What is new is
/// guessed, as there is no table: a quarter more is kept free.
void fill(session_world& w, std::vector<message_id>& ids) {
  for (int i = 0; i < 3; ++i) {
    ids.push_back(w.add(message_role::user, "asked", 96));
    ids.push_back(w.add(message_role::assistant, "said", 96));
  }
  w.script.model.context_window = 800;
  w.script.model.max_tokens = 50;
}

}  // namespace

TEST_CASE("what outgrows the window is dropped, the oldest first", "[session]") {
  session_world w;
  std::vector<message_id> ids;
  fill(w, ids);
  w.limits.texts_bytes_max = 0;
  w.start();
  auto ticket = w.begin("Hi");
  REQUIRE(w.script.windows.size() == 1);
  CHECK(w.script.windows[0].ids == std::vector(ids.begin() + 2, ids.end()));
  CHECK(w.script.windows[0].owner_id == w.owner);
  CHECK(w.script.calls[0].messages.size() == 5);
  auto start = w.script.slices[1][0].start;
  REQUIRE(start);
  const auto& used = start->context;
  CHECK(used.kept == 5);
  CHECK(used.dropped == 2);
  CHECK(used.limit == 750);
  // "Hi" is a token, or rather two; the conversation is three.
  CHECK(used.tokens == 4 * 100 + 6 + 3);
  CHECK(used.parts.guard == 103);
  CHECK(used.estimated);
  REQUIRE(used.spans.size() == 3);
  CHECK(used.spans[0].first == ids[0]);
  CHECK(used.spans[0].last == ids[1]);
  CHECK(used.spans[0].reason == context_reason::window);
  CHECK(used.spans[1].messages == 4);
  CHECK(used.spans[2].first == ticket.user_message);
  CHECK(used.spans[2].reason == context_reason::newest);
  // The next turn begins with the same messages.
  w.say("Yes");
  w.finish();
  CHECK(w.script.header.context_begin == ids[2]);
  w.begin("On", 2);
  REQUIRE(w.script.windows[1].ids.size() == 6);
  CHECK(w.script.windows[1].ids[0] == ids[2]);
}

TEST_CASE("a reply that nobody limited has a share of the window", "[session]") {
  session_world w;
  w.script.model.max_tokens.reset();
  w.script.model.context_window = 8000;
  w.start();
  w.begin("Hi");
  CHECK(w.script.slices[1][0].start->context.limit == 6000);
  CHECK_FALSE(w.script.calls[0].params.max_tokens);
  CHECK(reply_budget(1'000'000) == 4096);
}

TEST_CASE("what is stored of a message is counted without the model's factor", "[session]") {
  session_world w;
  w.script.model.model = "a-model-nobody-knows";
  w.start();
  auto text = std::string(400, 'a');
  w.begin(text);
  auto raw = w.counter.count_content(token_vocabulary::bytes, text).tokens;
  auto asked = change_in<create_message>(w.script.commits[0]).entry;
  CHECK(asked.tokens.count == static_cast<int64_t>(raw));
  CHECK(asked.measure.guessed == static_cast<int32_t>(raw));
  // The plan has it: 1.12 is the calibration of a model not seen before.
  CHECK(w.script.slices[1][0].start->context.tokens >
        static_cast<int64_t>(static_cast<double>(raw) * 1.12));
}

TEST_CASE("a turn that does not fit is refused", "[session]") {
  session_world w;
  std::vector<message_id> ids;
  fill(w, ids);
  SECTION("because the message alone is too long") {
    w.start();
    auto refused = w.ask<reply_ticket>(w.turn(std::string(4000, 'x')));
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::invalid_input);
    CHECK(reason_of(refused.error()) == "context_too_long");
  }
  SECTION("because nothing may be dropped") {
    w.script.header.context_strategy = context_strategy::none;
    w.start();
    auto refused = w.ask<reply_ticket>(w.turn("Hi"));
    REQUIRE_FALSE(refused);
    CHECK(reason_of(refused.error()) == "context_too_long");
  }
  CHECK(w.script.turns_ended == 1);
  CHECK(w.script.commits.empty());
  CHECK(w.script.calls.empty());
}

TEST_CASE("parents", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Q");
  auto old = w.add(message_role::assistant, "old");
  w.script.header.active_leaf_id = question;
  auto leaf = w.add(message_role::assistant, "new");
  w.limits.texts_bytes_max = 0;
  w.start();
  auto wanted = w.turn("Hi");
  SECTION("the active leaf, if none is named") {
    auto ticket = w.begin("Hi");
    CHECK(w.script.windows[0].ids == std::vector{question, leaf});
    w.finish();
    w.begin("On", 2);
    CHECK(w.script.windows[1].ids ==
          std::vector{question, leaf, ticket.user_message, ticket.message});
  }
  SECTION("an older one makes a branch, which is active then") {
    wanted.content.parent_id = old;
    auto ticket = w.ask<reply_ticket>(wanted);
    REQUIRE(ticket);
    CHECK(w.script.windows[0].ids == std::vector{question, old});
    CHECK(change_in<create_message>(w.script.commits[0]).entry.parent_id == old);
    CHECK(w.script.header.active_leaf_id == ticket->message);
  }
  SECTION("one that is not here is not found") {
    wanted.content.parent_id = message_id::make();
    auto refused = w.ask<reply_ticket>(wanted);
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::not_found);
    CHECK(w.script.turns_ended == 1);
    CHECK(w.script.commits.empty());
  }
}

TEST_CASE("models", "[session]") {
  session_world w;
  auto of_session = model_id::make();
  w.script.header.model_id = of_session;
  w.start();
  auto wanted = w.turn("Hi");
  SECTION("that of the session") {
    CHECK(w.ask<reply_ticket>(wanted));
    CHECK(w.script.models_asked[0].id == of_session);
  }
  SECTION("that of the turn goes first") {
    wanted.content.model_id = model_id::make();
    CHECK(w.ask<reply_ticket>(wanted));
    CHECK(w.script.models_asked[0].id == *wanted.content.model_id);
    CHECK(w.script.header.model_id == of_session);
  }
  SECTION("that of the session is gone") {
    w.script.fail_model = make_error(errc::not_found);
    auto refused = w.ask<reply_ticket>(wanted);
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::invalid_input);
    CHECK(reason_of(refused.error()) == "model_gone");
    CHECK(w.script.turns_ended == 1);
  }
  SECTION("that of the turn is not there") {
    w.script.fail_model = make_error(errc::not_found);
    wanted.content.model_id = model_id::make();
    auto refused = w.ask<reply_ticket>(wanted);
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::not_found);
  }
}

TEST_CASE("parameters: the turn's, the session's, the model's", "[session]") {
  session_world w;
  w.script.header.params.temperature = 0.5;
  w.script.header.params.seed = 5;
  w.script.model.params.seed = 7;
  w.script.model.params.top_p = 0.7;
  w.start();
  auto wanted = w.turn("Hi");
  wanted.content.params.temperature = 0.3;
  REQUIRE(w.ask<reply_ticket>(wanted));
  CHECK(w.script.calls[0].params.temperature == 0.3);
  CHECK(w.script.calls[0].params.seed == 5);
  CHECK(w.script.calls[0].params.top_p == 0.7);
}

TEST_CASE("a title from the first text", "[session]") {
  session_world w;
  w.script.header.title = "";
  w.start();
  w.begin(" \n  How do I bake bread?\nPlease tell me.");
  CHECK(w.script.header.title == "How do I bake bread?");
  CHECK(w.script.header.title_source == title_source::by_default);
}

TEST_CASE("the first turn makes the session", "[session]") {
  session_world w;
  w.script.header.version = 77;
  w.start_fresh();
  CHECK(w.script.loads == 0);
  w.begin("Hello\nthere");
  CHECK(names_of(w.script.commits[0]) == "create_session create_message create_message");
  auto made = change_in<create_session>(w.script.commits[0]).header;
  CHECK(made.owner_id == w.owner);
  CHECK(made.version == 1);
  CHECK(made.title == "Hello");
  CHECK(made.model_id == w.script.model.id);
  CHECK(made.message_count == 2);
  w.say("Yes");
  w.finish();
  CHECK(w.shown(1) == "start@1 | part@2 'Yes'@5 | usage done:complete@6");
  CHECK(change_in<update_session>(w.script.commits[1]).header.version == 2);
  w.begin("More", 2);
  CHECK(names_of(w.script.commits[2]) == "update_session create_message create_message");
}

TEST_CASE("a session whose first turn fails is none", "[session]") {
  session_world w;
  w.start_fresh();
  SECTION("at the commit") {
    w.script.fail_commit = make_error(errc::storage_full);
    auto refused = w.ask<reply_ticket>(w.turn("Hi"));
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::storage_full);
    CHECK(w.script.cancelled == std::vector{w.last_call()});
  }
  SECTION("before it") {
    w.script.fail_model = make_error(errc::not_found);
    CHECK_FALSE(w.ask<reply_ticket>(w.turn("Hi")));
    CHECK(w.script.commits.empty());
  }
  CHECK(w.script.turns_ended == 1);
  REQUIRE(w.script.farewells.size() == 1);
  CHECK(w.script.farewells[0].seen == 1);
  auto next = w.ask<reply_ticket>(w.turn("Hi"));
  REQUIRE_FALSE(next);
  CHECK(code_of(next.error()) == errc::not_found);
  w.tell(sleep_now{});
  CHECK(w.has_ended());
}

namespace {

/// What the last call was sent, word for word.
std::string sent(const session_world& w) {
  std::string all;
  for (const auto& each : w.script.calls.back().messages) all += content_of(each.parts) + "|";
  return all;
}

}  // namespace

TEST_CASE("what was sent with the last turn is not read again", "[session]") {
  session_world w;
  auto first = w.add(message_role::user, "Q");
  w.add(message_role::assistant, "A");
  w.start();
  auto& windows = w.script.windows;
  auto ticket = w.begin("Hi");
  REQUIRE(windows.size() == 1);
  CHECK(sent(w) == "Q|A|Hi|");
  w.say("well", part_type::reasoning);
  w.say("Hello");
  SECTION("with its reply") {
    w.finish();
    w.begin("On", 2);
    CHECK(windows.size() == 1);
    CHECK(sent(w) == "Q|A|Hi|Hello|On|");
    CHECK(w.script.calls.back().messages[3].parts.size() == 2);
    w.say("and on");
    w.finish();
    w.begin("End", 3);
    CHECK(windows.size() == 1);
    CHECK(sent(w) == "Q|A|Hi|Hello|On|and on|End|");
  }
  SECTION("a reply whose end could not be stored is") {
    w.script.fail_commit = make_error(errc::storage_full);
    w.finish();
    w.script.fail_commit = {};
    w.begin("On", 2);
    REQUIRE(windows.size() == 2);
    CHECK(windows[1].ids == std::vector{ticket.message});
  }
  SECTION("what was deleted is not kept") {
    w.finish();
    REQUIRE(w.ask<done>(drop_message{ticket.user_message, 0}));
    w.begin("On", 2);
    CHECK(windows.size() == 1);
    CHECK(sent(w) == "Q|A|On|");
  }
  SECTION("another branch reads what is new in it") {
    w.finish();
    auto wanted = w.turn("Else", 2);
    wanted.content.parent_id = first;
    REQUIRE(w.ask<reply_ticket>(wanted));
    CHECK(windows.size() == 1);
    CHECK(sent(w) == "Q|Else|");
  }
}

TEST_CASE("of a long window the newest texts are kept", "[session]") {
  session_world w;
  auto first = w.add(message_role::user, std::string(90, 'q'));
  w.add(message_role::assistant, std::string(90, 'a'));
  w.limits.texts_bytes_max = 250;
  w.start();
  w.begin("Hi");
  w.say("Hello");
  w.finish();
  w.begin("On", 2);
  REQUIRE(w.script.windows.size() == 2);
  CHECK(w.script.windows[1].ids == std::vector{first});
  CHECK(sent(w) == std::string(90, 'q') + "|" + std::string(90, 'a') + "|Hi|Hello|On|");
}
