#include <catch2/catch.hpp>

#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : account_world {
  fixture() {
    limits.sessions_max = 5;
    limits.streams_max = 2;
    limits.sessions_open_max = 4;
    limits.idle_max = 300s;
  }
  user account = add_user("ada", role::admin);

  void begin() {
    who = caller_of(log_in("ada"));
    actor = user_of(account.id);
  }
  template <class R, class M>
  expected<R> ask_user(M message) {
    return ask<R>(actor, std::move(message));
  }
  session_id add() {
    auto header = ask_user<session>(add_session{who, {}, {}});
    REQUIRE(header);
    return header->id;
  }
  expected<reply_ticket> post(std::optional<session_id> in, std::optional<request_key> key = {},
                              bool follows = false) {
    return ask_user<reply_ticket>(turn(in, std::move(key), follows));
  }
  post_message turn(std::optional<session_id> in, std::optional<request_key> key = {},
                    bool follows = false) {
    post_message message{who, in, {}};
    message.turn.key = std::move(key);
    if (follows) message.turn.follow = follower{{}, 7, 3, 4096, who.login, false};
    return message;
  }
  /// A stored reply of a session of this user.
  message add_reply(session_id in) {
    message reply;
    reply.id = message_id::make();
    reply.session_id = in;
    reply.parent_id = message_id::make();
    reply.role = message_role::assistant;
    store.tables.messages[reply.id] = reply;
    return reply;
  }
  session_record& record(session_id id) { return sessions.records.at(id); }
  /// As the real one says it.
  void say_idle(session_id id, uint64_t seen) {
    auto sender = caf::actor_cast<caf::strong_actor_ptr>(record(id).holder);
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        sender, caf::make_message_id(), caf::make_message(session_idle{id, seen}), nullptr);
    run();
  }
  void end_turn(session_id id) {
    caf::anon_send(record(id).parent, turn_ended{id});
    run();
  }

  caller who;
  user_actor actor;
};

template <class R>
std::string refusal(const expected<R>& answer) {
  if (answer) return "none";
  auto reason = detail_of(answer.error()).reason;
  return to_string(code_of(answer.error())) + (reason.empty() ? "" : "/" + reason);
}

}  // namespace

TEST_CASE("sessions are made, counted, listed and read") {
  fixture world;
  world.begin();
  add_session wish{world.who, {}, {}};
  give(wish.patch, &session::title, std::string{"Plans"});
  auto named = world.ask_user<session>(wish);
  REQUIRE(named);
  CHECK(named->owner_id == world.account.id);
  CHECK(named->title_source == title_source::user);
  CHECK(world.ask_user<session>(add_session{world.who, {}, {}})->title_source ==
        title_source::by_default);
  CHECK(world.ask_user<page_of<session>>(list_sessions{world.who, {}})->items.size() == 2);
  CHECK(world.ask_user<session>(get_session{world.who, named->id})->title == "Plans");
  CHECK(refusal(world.ask_user<session>(get_session{world.who, session_id::make()})) ==
        "not_found");
  world.store.fail_commit = make_error(errc::storage_full);
  CHECK(refusal(world.ask_user<session>(wish)) == "storage_full");
  world.store.fail_commit = {};
  for (int i = 0; i < 3; ++i) world.add();
  CHECK(refusal(world.ask_user<session>(wish)) == "quota_exceeded/sessions_max");
  CHECK(world.ask_user<done>(remove_session{world.who, named->id, {}}));
  CHECK(world.ask_user<session>(wish));
}

TEST_CASE("messages are read by READER, with the owner in the question") {
  fixture world;
  world.begin();
  auto id = world.add();
  auto reply = world.add_reply(id);
  CHECK(world.ask_user<page_of<message>>(list_messages{world.who, id, {}, {}})->items.size() == 1);
  CHECK(world.ask_user<message>(get_message{world.who, id, reply.id})->id == reply.id);
  world.add_user("bob");
  auto bob = world.caller_of(world.log_in("bob"));
  auto bob_actor = world.user_of(bob.user);
  CHECK(refusal(world.ask<message>(bob_actor, get_message{bob, id, reply.id})) == "not_found");
  CHECK(world.ask<page_of<message>>(bob_actor, list_messages{bob, id, {}, {}})->items.empty());
  CHECK(refusal(world.ask<reply_ticket>(bob_actor, join_reply{bob, reply.id, {}})) == "not_found");
  CHECK(refusal(world.ask<done>(bob_actor, stop_turn{bob, reply.id, {}})) == "not_found");
  CHECK(world.sessions.starts == 0);
}

TEST_CASE("one SESSION serves all requests for its session") {
  fixture world;
  world.begin();
  auto id = world.add();
  patch_session wish{world.who, id, {}};
  give(wish.change.patch, &session::title, std::string{"New"});
  CHECK(world.ask_user<session>(wish)->title == "New");
  CHECK(world.post(id)->holder == world.record(id).holder);
  auto reply = world.add_reply(id);
  auto joined = world.ask_user<reply_ticket>(
      join_reply{world.who, reply.id, follower{{}, 1, 5, 100, world.who.login, false}});
  CHECK(joined->message == reply.id);
  CHECK(world.record(id).follows.at(0).follow.after == 5);
  CHECK(world.ask_user<done>(stop_turn{world.who, reply.id, {}}));
  CHECK(world.ask_user<done>(stop_turn{world.who, {}, id}));
  CHECK(world.record(id).stops.at(0).message == reply.id);
  CHECK(world.record(id).stops.at(1).message.is_none());
  CHECK(world.sessions.starts == 1);
  CHECK(world.record(id).got == 5);
  CHECK(world.record(id).owner == world.account.id);
  CHECK_FALSE(world.record(id).fresh);
}

TEST_CASE("running replies are counted by grants and given back by ends") {
  fixture world;
  world.begin();
  auto first = world.add();
  auto second = world.add();
  CHECK(world.post(first));
  CHECK(world.post(second));
  CHECK(refusal(world.post(first)) == "rate_limited/streams_max");
  world.end_turn(first);
  world.end_turn(first);  // told twice, it still gives back one
  CHECK(world.post(first));
  CHECK(refusal(world.post(first)) == "rate_limited/streams_max");
  world.stop(world.record(second).holder);
  CHECK(world.post(second));
  CHECK(world.sessions.starts == 3);
}

TEST_CASE("a first turn makes its session, which counts once it is stored") {
  fixture world;
  world.begin();
  auto ticket = world.post(std::nullopt);
  REQUIRE(ticket);
  auto& record = world.record(ticket->session);
  REQUIRE(record.fresh);
  CHECK(record.fresh->id == ticket->session);
  CHECK(record.fresh->owner_id == world.account.id);
  world.end_turn(ticket->session);

  world.sessions.fail_turn = make_error(errc::storage_full);
  auto starts = world.sessions.starts;
  for (int i = 0; i < 10; ++i) CHECK(refusal(world.post(std::nullopt)) == "storage_full");
  CHECK(world.sessions.starts == starts + 10);
  world.sessions.fail_turn = {};
  for (int i = 0; i < 4; ++i) world.add();
  CHECK(refusal(world.post(std::nullopt)) == "quota_exceeded/sessions_max");
}

TEST_CASE("an Idempotency-Key that was used leads to what it made") {
  fixture world;
  world.begin();
  auto id = world.add();
  auto reply = world.add_reply(id);
  request_key key{"chat", "key-1", "body-1"};
  world.store.tables.keys.push_back(
      {world.account.id, "chat", "key-1", "body-1", id, reply.id, {}, {}, {}, {}, {}, {}, {}, {}});
  auto followed = world.post(std::nullopt, key, true);
  REQUIRE(followed);
  CHECK(followed->message == reply.id);
  CHECK(world.record(id).follows.at(0).follow.stream == 7);
  auto named = world.post(std::nullopt, key);
  REQUIRE(named);
  CHECK(named->session == id);
  CHECK(named->user_message == *reply.parent_id);
  CHECK(named->is_stored);
  key.body_sha256 = "body-2";
  CHECK(refusal(world.post(std::nullopt, key)) == "invalid_input/idempotency_mismatch");
  CHECK(world.record(id).turns.empty());
  world.store.fail_read = make_error(errc::unavailable);
  CHECK(refusal(world.post(std::nullopt, key)) == "unavailable");
  world.store.fail_read = {};
  key.key = "key-2";
  CHECK(world.post(id, key));
  CHECK(world.record(id).turns.at(0).key->key == "key-2");
}

TEST_CASE("a repeated first turn joins the one that is still being stored") {
  fixture world;
  world.begin();
  world.sessions.holds_turns = true;
  request_key key{"chat", "key-1", "body-1"};
  auto first = world.ask_later(world.actor, world.turn(std::nullopt, key));
  world.run();
  auto second = world.ask_later(world.actor, world.turn(std::nullopt, key));
  world.run();
  CHECK(world.sessions.starts == 1);
  auto id = world.sessions.records.begin()->first;
  CHECK(world.record(id).turns.size() == 2);
  key.body_sha256 = "body-2";
  CHECK_FALSE(world.has_answer());
  CHECK(refusal(world.post(std::nullopt, key)) == "invalid_input/idempotency_mismatch");
  world.stop(world.record(id).holder);
  CHECK(refusal(world.answer_of<reply_ticket>(first)) == "unavailable");
  CHECK(refusal(world.answer_of<reply_ticket>(second)) == "unavailable");
  world.sessions.holds_turns = false;
  CHECK(world.post(std::nullopt, key));
}

TEST_CASE("a login that ends while its stream is being opened opens none") {
  fixture world;
  world.begin();
  auto reply = world.add_reply(world.add());
  join_reply join{world.who, reply.id, {{}, 7, 3, 4096, world.who.login, false}};
  auto joining = world.ask_later(world.actor, join);
  auto leaving = world.ask_later(world.actor, log_out{world.who});
  world.run();
  CHECK(world.answer_of<done>(leaving));
  CHECK(refusal(world.answer_of<reply_ticket>(joining)) == "unauthenticated/token_revoked");
  CHECK(world.sessions.records.empty());
}

TEST_CASE("a turn whose key is looked up begins before the login ends, and ends with it") {
  fixture world;
  world.begin();
  auto posting = world.ask_later(world.actor, world.turn({}, request_key{"r", "k", "hash"}, true));
  auto leaving = world.ask_later(world.actor, log_out{world.who});
  world.run();
  CHECK(world.answer_of<done>(leaving));
  CHECK(world.answer_of<reply_ticket>(posting));
  REQUIRE(world.sessions.records.size() == 1);
  CHECK(world.sessions.records.begin()->second.ended_logins == std::vector{world.who.login});
}

TEST_CASE("only so many sessions are open at a time") {
  fixture world;
  world.begin();
  std::vector<session_id> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(world.add());
    CHECK(world.ask_user<session>(patch_session{world.who, ids.back(), {}}));
    if (i == 1) CHECK(world.ask_user<session>(patch_session{world.who, ids[0], {}}));
  }
  // Near the limit whoever was used longest ago is asked to sleep.
  CHECK(world.record(ids[0]).rests == 0);
  CHECK(world.record(ids[1]).rests == 1);
  auto refused = world.ask_user<session>(patch_session{world.who, world.add(), {}});
  CHECK(refusal(refused) == "rate_limited/sessions_open_max");
  CHECK(detail_of(refused.error()).retry_after_s == 1);
}

TEST_CASE("a session sleeps if nothing was sent to it since it said so") {
  fixture world;
  world.begin();
  auto id = world.add();
  CHECK(world.post(id));
  CHECK(world.post(id));
  world.say_idle(id, 1);
  CHECK(world.post(id).error() == errc::rate_limited);
  world.say_idle(id, 2);
  auto asleep = world.record(id).holder;
  CHECK(world.ask<done>(asleep, stop_reply{}).error() == caf::sec::request_receiver_down);
  CHECK(world.post(id)->holder != asleep);
  CHECK(world.sessions.starts == 2);
}

TEST_CASE("a user sleeps after a quiet time without open sessions, never before") {
  fixture world;
  world.begin();
  auto id = world.add();
  CHECK(world.post(id));
  world.advance(1000s);
  CHECK(world.ask_user<done>(admit{world.who}));
  world.say_idle(id, 1);
  world.advance(290s);
  CHECK(world.ask_user<done>(admit{world.who}));
  world.advance(500s);
  CHECK(world.ask_user<done>(admit{world.who}).error() == caf::sec::request_receiver_down);
  auto successor = world.user_of(world.account.id);
  CHECK(successor != world.actor);
  CHECK(world.ask<session>(successor, get_session{world.who, id}));
}

TEST_CASE("a user's sessions end with it") {
  fixture world;
  world.begin();
  auto id = world.add();
  CHECK(world.post(id));
  auto holder = world.record(id).holder;
  world.stop(world.actor);
  CHECK(world.ask<done>(holder, stop_reply{}).error() == caf::sec::request_receiver_down);
}

TEST_CASE("a session and a model are made once for each key") {
  fixture world;
  world.begin();
  add_session wanted{world.who, {}, request_key{"POST /api/sessions", "k", "body"}};
  auto made = world.ask_user<session>(wanted);
  REQUIRE(made);
  auto again = world.ask_user<session>(wanted);
  REQUIRE(again);
  CHECK(again->id == made->id);
  CHECK(world.store.tables.sessions.size() == 1);
  wanted.key->body_sha256 = "other";
  CHECK(refusal(world.ask_user<session>(wanted)) == "invalid_input/idempotency_mismatch");

  add_model model{world.who, model_patch("mine", "https://a.example"),
                  request_key{"POST /api/models", "k", "body"}};
  auto first = world.ask_user<model_config>(model);
  REQUIRE(first);
  auto second = world.ask_user<model_config>(model);
  REQUIRE(second);
  CHECK(second->id == first->id);
  CHECK(world.store.tables.models.size() == 1);
  // One commit holds both: what failed can be sent again with its key.
  world.store.fail_commit = make_error(errc::storage_failed);
  wanted.key = request_key{"POST /api/sessions", "k2", "body"};
  CHECK(refusal(world.ask_user<session>(wanted)) == "storage_failed");
  world.store.fail_commit = {};
  CHECK(world.ask_user<session>(wanted));
}

TEST_CASE("no turn is begun while the database takes nothing") {
  fixture world;
  world.begin();
  auto id = world.add();
  error_detail detail;
  detail.retry_after_s = 1;
  world.storage_fault = make_error(errc::storage_full, "The disk is full.", detail);
  for (auto in : {std::optional<session_id>{id}, std::optional<session_id>{}}) {
    auto refused = world.post(in);
    CHECK(refusal(refused) == "storage_full");
    CHECK(detail_of(refused.error()).retry_after_s == 1);
  }
  CHECK(world.sessions.starts == 0);
  CHECK(world.ask_user<session>(get_session{world.who, id}));
  world.storage_fault = {};
  CHECK(world.post(id));
}
