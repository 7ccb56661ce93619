// The summary of a session: what its writer is told, what becomes of it, and that no turn waits.
#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

/// A long session whose first messages hold twenty facts.
struct summary_world : session_world {
  std::vector<message_id> ids;

  summary_world() {
    for (int i = 0; i < 10; ++i) {
      ids.push_back(add(message_role::user, "Fact " + std::to_string(2 * i) + " of 20.", 96));
      ids.push_back(
          add(message_role::assistant, "Fact " + std::to_string(2 * i + 1) + " of 20.", 96));
    }
    for (int i = 0; i < 10; ++i) {
      ids.push_back(add(message_role::user, "asked", 96));
      ids.push_back(add(message_role::assistant, "said", 96));
    }
    script.header.context_strategy = context_strategy::summarise;
    script.model.context_window = 2000;
    script.model.max_tokens = 100;
  }

  std::string request_of(size_t call) const {
    return content_of(script.calls.at(call).messages.back().parts);
  }
  /// A turn from question to answer; what follows it has begun then.
  reply_ticket converse(uint64_t stream = 1) {
    auto ticket = begin("Hi", stream);
    say("Yes");
    finish();
    return ticket;
  }
};

}  // namespace

TEST_CASE("what is dropped is summarised once the turn is over", "[session]") {
  summary_world w;
  w.script.summary_model = w.script.model;
  w.script.summary_model->name = "Writer";
  w.script.summary_model->context_window = 32'000;
  w.start();
  w.converse();
  REQUIRE(w.script.calls.size() == 2);
  CHECK(w.script.calls[1].model.name == "Writer");
  auto told = w.request_of(1);
  for (int i = 0; i < 20; ++i)
    CHECK(told.find("Fact " + std::to_string(i) + " of 20.") != std::string::npos);
  w.say("- twenty facts");
  w.finish();
  REQUIRE(w.script.summary);
  CHECK(w.script.summary->text == "- twenty facts");
  CHECK(w.script.summary->source == summary_source::model);
  CHECK(w.script.summary->model_name == "Writer");
  auto dropped = w.script.slices[1][0].start->context.dropped;
  CHECK(w.script.summary->messages == dropped);
  CHECK(w.script.summary->covers == w.ids[static_cast<size_t>(dropped) - 1]);

  // The next turn has it, in the system message, in place of what it covers.
  w.converse(2);
  const auto& sent = w.script.calls[2].messages;
  CHECK(sent[0].role == message_role::system);
  CHECK(content_of(sent[0].parts).find("- twenty facts") != std::string::npos);
  const auto& used = w.script.slices[2][0].start->context;
  CHECK(used.summarised == dropped);
  CHECK(used.dropped == 0);
  CHECK(used.spans[0].reason == context_reason::summary);
  CHECK(used.parts.summary > 0);
  // Nothing new was dropped: nothing is written.
  CHECK(w.script.calls.size() == 3);
}

TEST_CASE("a summary is written in parts where the writer's window is small", "[session]") {
  summary_world w;
  w.script.summary_model = w.script.model;
  w.script.summary_model->context_window = 4000;
  w.start();
  w.converse();
  std::string told;
  for (size_t call = 1; call < w.script.calls.size(); ++call) {
    told += w.request_of(call);
    w.say("- notes " + std::to_string(call));
    w.finish();
  }
  REQUIRE(w.script.calls.size() > 2);
  for (int i = 0; i < 20; ++i)
    CHECK(told.find("Fact " + std::to_string(i) + " of 20.") != std::string::npos);
  // Each call goes on from the notes of the one before.
  CHECK(w.request_of(2).find("- notes 1") != std::string::npos);
  REQUIRE(w.script.summary);
  CHECK(w.script.summary->text == "- notes " + std::to_string(w.script.calls.size() - 1));
}

TEST_CASE("a message longer than the writer's window is told in pieces, none is lost",
          "[session]") {
  summary_world w;
  w.script.summary_model = w.script.model;
  w.script.summary_model->context_window = 2000;
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += "é" + std::to_string(1000 + i) + " ";
  part one;
  one.type = part_type::text;
  one.text = text;
  w.script.rows[w.ids[3]].parts = {one};
  for (auto& known : w.script.headers)
    if (known.id == w.ids[3]) known.measure.o200k = 900;
  w.start();
  w.converse();
  size_t pieces = 0;
  std::string told;
  for (size_t call = 1; call < w.script.calls.size(); ++call) {
    auto request = w.request_of(call);
    told += request;
    if (request.find("é1") != std::string::npos || request.find("é2") != std::string::npos)
      ++pieces;
    w.say("- notes " + std::to_string(call));
    w.finish();
  }
  CHECK(pieces > 2);
  CHECK(told.find("é1000 ") < told.find("é2999 "));
  // A number may be torn where a piece ends, no byte is lost.
  size_t found = 0;
  for (int i = 0; i < 2'000; ++i)
    if (told.find("é" + std::to_string(1000 + i)) != std::string::npos) ++found;
  CHECK(found + pieces >= 2'000);
  for (int i = 0; i < 20; ++i)
    if (i != 3) CHECK(told.find("Fact " + std::to_string(i) + " of 20.") != std::string::npos);
  REQUIRE(w.script.summary);
  CHECK(w.script.summary->messages == w.script.slices[1][0].start->context.dropped);
}

TEST_CASE("a writer that fails neither delays nor fails a turn", "[session]") {
  summary_world w;
  w.script.summary_model = w.script.model;
  w.script.summary_model->context_window = 32'000;
  w.start();
  w.converse();
  REQUIRE(w.script.calls.size() == 2);
  // While it writes, the next turn comes and goes.
  auto writing = w.last_call();
  w.begin("On", 2);
  w.say("Yes");
  w.finish();
  CHECK(w.shown(2).find("done:complete") != std::string::npos);
  CHECK(w.script.calls.size() == 3);
  w.tell(reply_failed{writing, make_error(errc::provider_failed)});
  CHECK_FALSE(w.script.summary);
  // The turn after that tries again.
  w.converse(3);
  CHECK(w.script.calls.size() == 5);
  SECTION("also one that says nothing") {
    w.finish();
    CHECK_FALSE(w.script.summary);
  }
  SECTION("also one whose notes cannot be stored") {
    w.say("- notes");
    w.script.fail_commit = make_error(errc::storage_full);
    w.finish();
    w.script.fail_commit = {};
    CHECK_FALSE(w.script.summary);
    CHECK_FALSE(w.ask<session_summary>(get_summary{}));
  }
  SECTION("also one that is lost") {
    w.kill(w.provider);
    CHECK_FALSE(w.script.summary);
  }
  w.advance(std::chrono::minutes{5});
  CHECK_FALSE(w.script.farewells.empty());
}

TEST_CASE("only the strategy asks for a summary", "[session]") {
  summary_world w;
  w.script.header.context_strategy = context_strategy::slide;
  w.start();
  w.converse();
  CHECK(w.script.calls.size() == 1);
}

TEST_CASE("a summary is its user's to read, correct and drop", "[session]") {
  summary_world w;
  w.start();
  auto none = w.ask<session_summary>(get_summary{});
  REQUIRE_FALSE(none);
  CHECK(reason_of(none.error()) == "no_summary");
  CHECK_FALSE(w.ask<done>(drop_summary{}));

  auto written = w.ask<session_summary>(write_summary{"My own notes.", 0});
  REQUIRE(written);
  CHECK(written->source == summary_source::user);
  CHECK(written->version == 1);
  // All but the last turn, as nothing was sent yet.
  CHECK(written->covers == w.ids[w.ids.size() - 3]);
  auto corrected = w.ask<session_summary>(write_summary{"Better notes.", 1});
  REQUIRE(corrected);
  CHECK(corrected->version == 2);
  CHECK(corrected->covers == written->covers);
  auto late = w.ask<session_summary>(write_summary{"Late notes.", 1});
  REQUIRE_FALSE(late);
  CHECK(reason_of(late.error()) == "version_mismatch");

  w.begin("Hi");
  CHECK(content_of(w.script.calls[0].messages[0].parts).find("Better notes.") != std::string::npos);
  w.finish();
  CHECK(w.ask<session_summary>(get_summary{})->text == "Better notes.");
  REQUIRE(w.ask<done>(drop_summary{2}));
  CHECK_FALSE(w.script.summary);
  CHECK_FALSE(w.ask<session_summary>(get_summary{}));
}

TEST_CASE("a summary is written on demand", "[session]") {
  summary_world w;
  w.script.model.context_window = 100'000;
  w.start();
  auto first = w.ask_later(make_summary{w.provider});
  auto second = w.ask_later(make_summary{w.provider});
  w.run();
  // Those who ask while it is written get the same one.
  REQUIRE(w.script.calls.size() == 1);
  CHECK(w.request_of(0).find("Fact 19 of 20.") != std::string::npos);
  SECTION("well") {
    w.say("- notes");
    w.finish();
    auto made = w.answer_of<session_summary>(first);
    REQUIRE(made);
    CHECK(made->text == "- notes");
    CHECK(made->messages == 38);
    CHECK(w.answer_of<session_summary>(second));
  }
  SECTION("or not") {
    w.fail(make_error(errc::provider_failed, "upstream_broken", "It broke."));
    auto made = w.answer_of<session_summary>(first);
    REQUIRE_FALSE(made);
    CHECK(reason_of(made.error()) == "upstream_broken");
    CHECK_FALSE(w.answer_of<session_summary>(second));
  }
}

TEST_CASE("what was asked for a summary given up is not for the next", "[session]") {
  summary_world w;
  w.script.model.context_window = 100'000;
  session_summary kept;
  kept.session_id = w.script.header.id;
  kept.text = "- kept notes";
  kept.covers = w.ids[19];
  w.script.summary = kept;
  w.start();
  w.script.holds_models = true;
  auto first = w.ask_later(make_summary{w.provider});
  w.run();
  REQUIRE(w.ask<done>(drop_summary{}));
  auto second = w.ask_later(make_summary{w.provider});
  w.run();
  REQUIRE(w.script.held_models.size() == 2);
  w.release_models();
  REQUIRE(w.script.calls.size() == 1);
  CHECK(w.request_of(0).find("Fact 0 of 20.") != std::string::npos);
  w.say("- new notes");
  w.finish();
  CHECK_FALSE(w.answer_of<session_summary>(first));
  auto made = w.answer_of<session_summary>(second);
  REQUIRE(made);
  CHECK(made->text == "- new notes");
}

TEST_CASE("a summary outlives its SESSION actor", "[session]") {
  summary_world w;
  session_summary kept;
  kept.session_id = w.script.header.id;
  kept.text = "- kept notes";
  kept.covers = w.ids[19];
  kept.messages = 20;
  w.script.summary = kept;
  w.start();
  w.begin("Hi");
  CHECK(content_of(w.script.calls[0].messages[0].parts).find("- kept notes") != std::string::npos);
  CHECK(w.script.slices[1][0].start->context.summarised == 20);
}
