// The tree of messages: edits, another reply, a reply that goes on, notes and removal.
#include <catch2/catch.hpp>

#include "tests/support/session_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

start_turn turn_about(session_world& w, turn_kind kind, message_id target, uint64_t stream = 1) {
  auto wanted = w.turn("", stream);
  wanted.content.parts.clear();
  wanted.content.kind = kind;
  wanted.content.target = target;
  return wanted;
}

/// Gives a stored reply another status.
void end_as(session_world& w, message_id id, message_status status) {
  w.script.rows[id].status = status;
  for (auto& known : w.script.headers)
    if (known.id == id) known.status = status;
}

std::string reason(const error& cause) {
  return to_string(code_of(cause)) + " " + reason_of(cause);
}

}  // namespace

TEST_CASE("another reply is a sibling and asks the same again", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Why?");
  auto old = w.add(message_role::assistant, "So.");
  w.start();
  auto ticket = w.ask<reply_ticket>(turn_about(w, turn_kind::again, old));
  REQUIRE(ticket);
  CHECK(ticket->user_message == question);
  CHECK(ticket->message != old);
  auto& first = w.script.commits[0];
  CHECK(names_of(first) == "update_session create_message");
  auto row = change_in<create_message>(first).entry;
  CHECK(row.parent_id == question);
  CHECK(row.role == message_role::assistant);
  auto header = change_in<update_session>(first).header;
  CHECK(header.active_leaf_id == row.id);
  CHECK(header.message_count == 3);
  REQUIRE(w.script.calls[0].messages.size() == 1);
  CHECK(content_of(w.script.calls[0].messages[0].parts) == "Why?");
  REQUIRE(row.context);
  CHECK(row.context->spans.back().last == question);
  w.say("Because.");
  w.finish();
  CHECK(w.shown(1) == "start@1 | part@2 'Because.'@10 | usage done:complete@11");

  // A message of the user's can be named as well.
  CHECK(w.ask<reply_ticket>(turn_about(w, turn_kind::again, question, 2)));
  w.finish();
  auto absent = w.ask<reply_ticket>(turn_about(w, turn_kind::again, message_id::make()));
  CHECK(code_of(absent.error()) == errc::not_found);
  CHECK(w.script.turns_ended == 3);
}

TEST_CASE("a reply to nothing cannot be made again", "[session]") {
  session_world w;
  auto greeting = w.add(message_role::assistant, "Welcome.");
  w.start();
  auto refused = w.ask<reply_ticket>(turn_about(w, turn_kind::again, greeting));
  CHECK(reason(refused.error()) == "conflict no_question");
}

TEST_CASE("a reply goes on in the same message", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Count.");
  auto cut = w.add(message_role::assistant, "one, ");
  end_as(w, cut, message_status::length);
  usage used;
  used.prompt_tokens = 5;
  used.completion_tokens = 2;
  w.script.rows[cut].usage = used;
  w.start();
  auto ticket = w.ask<reply_ticket>(turn_about(w, turn_kind::go_on, cut));
  REQUIRE(ticket);
  CHECK(ticket->message == cut);
  CHECK(ticket->user_message == question);
  auto& first = w.script.commits[0];
  CHECK(names_of(first) == "update_session finish_message");
  auto row = change_in<finish_message>(first).entry;
  CHECK(row.status == message_status::streaming);
  CHECK(content_of(row.parts) == "one, ");
  CHECK(change_in<update_session>(first).header.message_count == 2);
  // The provider gets the reply so far, and is told to go on.
  auto& sent = w.script.calls[0].messages;
  REQUIRE(sent.size() == 3);
  CHECK(content_of(sent[1].parts) == "one, ");
  CHECK(sent[2].role == message_role::user);

  w.say("two");
  w.tick();
  REQUIRE(w.script.checkpoints.size() == 1);
  CHECK(w.script.checkpoints[0].chunks[0].position == 10);
  CHECK(w.script.checkpoints[0].chunks[0].text == "two");
  used.prompt_tokens = 20;
  used.completion_tokens = 1;
  w.finish(used);
  auto last = change_in<finish_message>(w.script.commits.back()).entry;
  CHECK(content_of(last.parts) == "one, two");
  CHECK(last.status == message_status::complete);
  CHECK(last.version == 3);
  REQUIRE(last.usage);
  CHECK(last.usage->prompt_tokens == 25);
  CHECK(last.usage->completion_tokens == 3);
  CHECK(w.shown(1) == "start@1 part@2 'one, '@7 | 'two'@10 | usage done:complete@11");
  auto again = w.ask<reply_ticket>(turn_about(w, turn_kind::go_on, cut));
  CHECK(reason(again.error()) == "conflict reply_complete");
}

TEST_CASE("a reply that goes on and fails keeps what it had", "[session]") {
  session_world w;
  w.add(message_role::user, "Count.");
  auto cut = w.add(message_role::assistant, "one, ");
  end_as(w, cut, message_status::stopped);
  w.start();
  REQUIRE(w.ask<reply_ticket>(turn_about(w, turn_kind::go_on, cut)));
  w.fail(make_error(errc::provider_failed, "upstream_reset", "The provider hung up."));
  auto last = change_in<finish_message>(w.script.commits.back()).entry;
  CHECK(content_of(last.parts) == "one, ");
  CHECK(last.status == message_status::interrupted);
  // A commit that fails leaves the reply as it was.
  w.script.fail_commit = make_error(errc::storage_full);
  auto refused = w.ask<reply_ticket>(turn_about(w, turn_kind::go_on, cut, 2));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::storage_full);
  w.script.fail_commit = {};
  CHECK(w.script.rows[cut].status == message_status::interrupted);
  auto read = w.ask<reply_ticket>(follow_reply{cut, w.follow(3)});
  REQUIRE(read);
  CHECK(w.shown(3).find("'one, '@7") != std::string::npos);
}

TEST_CASE("only the end of a branch goes on", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Count.");
  auto cut = w.add(message_role::assistant, "one, ");
  end_as(w, cut, message_status::stopped);
  w.add(message_role::user, "Go on.");
  w.start();
  auto refused = w.ask<reply_ticket>(turn_about(w, turn_kind::go_on, cut));
  CHECK(reason(refused.error()) == "conflict reply_answered");
  refused = w.ask<reply_ticket>(turn_about(w, turn_kind::go_on, question));
  CHECK(reason(refused.error()) == "conflict reply_complete");
}

TEST_CASE("an edit begins a branch beside, also at the root", "[session]") {
  session_world w;
  w.add(message_role::user, "First");
  auto reply = w.add(message_role::assistant, "Yes");
  w.add(message_role::user, "Second");
  w.start();
  auto edit = w.turn("Second, better");
  edit.content.parent_id = reply;
  REQUIRE(w.ask<reply_ticket>(edit));
  CHECK(change_in<create_message>(w.script.commits[0]).entry.parent_id == reply);
  w.finish();
  auto root = w.turn("First, better", 2);
  root.content.parent_id = message_id{};
  REQUIRE(w.ask<reply_ticket>(root));
  auto& commit_of_root = w.script.commits[w.script.commits.size() - 1];
  CHECK_FALSE(change_in<create_message>(commit_of_root).entry.parent_id);
  CHECK(w.script.calls.back().messages.size() == 1);
  w.finish();
  auto nowhere = w.turn("x", 3);
  nowhere.content.parent_id = message_id::make();
  CHECK(code_of(w.ask<reply_ticket>(nowhere).error()) == errc::not_found);
}

TEST_CASE("rating and metadata are noted, and what is not given stays", "[session]") {
  session_world w;
  auto id = w.add(message_role::user, "Hi");
  w.start();
  change_message change{id, {}, 0};
  change.patch.set(&message::rating, message_rating::up);
  change.patch.set(&message::metadata, json_text{R"({"a":1})"});
  auto changed = w.ask<message>(change);
  REQUIRE(changed);
  CHECK(changed->rating == message_rating::up);
  CHECK(changed->version == 2);
  change_message pin{id, {}, 0};
  pin.patch.set(&message::pinned, true);
  REQUIRE(w.ask<message>(pin));
  auto& row = w.script.rows[id];
  CHECK(row.pinned);
  CHECK(row.rating == message_rating::up);
  CHECK(row.metadata.text == R"({"a":1})");
}

TEST_CASE("a branch is removed, and the newest one beside it is shown", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Why?");
  auto first = w.add(message_role::assistant, "So.");
  w.script.header.active_leaf_id = question;
  auto second = w.add(message_role::assistant, "Because.");
  auto deeper = w.add(message_role::user, "And?");
  w.script.header.context_begin = second;
  session_summary summary;
  summary.covers = second;
  w.script.summary = summary;
  w.start();
  REQUIRE(w.ask<done>(drop_message{second, 0}));
  auto& removal = w.script.commits.back();
  CHECK(names_of(removal) == "erase_messages update_session erase_summary");
  auto header = change_in<update_session>(removal).header;
  CHECK(header.active_leaf_id == first);
  CHECK(header.message_count == 2);
  CHECK_FALSE(header.context_begin);
  CHECK(w.script.rows.count(deeper) == 0);
  CHECK(code_of(w.ask<session_summary>(get_summary{}).error()) == errc::not_found);
  CHECK(code_of(w.ask<done>(drop_message{deeper, 0}).error()) == errc::not_found);
  // Without a sibling the branch ends where it was answered; in the end nothing is left.
  REQUIRE(w.ask<done>(drop_message{first, 0}));
  CHECK(w.script.header.active_leaf_id == question);
  auto stale = w.ask<done>(drop_message{question, 7});
  CHECK(reason(stale.error()) == "conflict version_mismatch");
  REQUIRE(w.ask<done>(drop_message{question, 1}));
  CHECK_FALSE(w.script.header.active_leaf_id);
  CHECK(w.script.header.message_count == 0);
}

TEST_CASE("nothing is removed where a reply runs", "[session]") {
  session_world w;
  auto question = w.add(message_role::user, "Why?");
  auto old = w.add(message_role::assistant, "So.");
  auto beside = w.add(message_role::user, "Oh.");
  w.start();
  auto edit = w.turn("Really?");
  edit.content.parent_id = old;
  auto ticket = w.ask<reply_ticket>(edit);
  REQUIRE(ticket);
  for (auto id : {question, old, ticket->user_message, ticket->message})
    CHECK(reason(w.ask<done>(drop_message{id, 0}).error()) == "conflict reply_running");
  CHECK(w.ask<done>(drop_message{beside, 0}));
  w.finish();
  CHECK(w.ask<done>(drop_message{old, 0}));
  CHECK(w.script.headers.size() == 1);
  // Whoever still had the reply to read finds it gone.
  CHECK(code_of(w.ask<reply_ticket>(follow_reply{ticket->message, w.follow(9)}).error()) ==
        errc::not_found);
}
