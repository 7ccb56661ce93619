#include <catch2/catch.hpp>

#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : account_world {
  user account = add_user("ada", role::admin);

  expected<login_ticket> attempt(const std::string& name, const std::string& password,
                                 const std::string& address = "203.0.113.9") {
    return ask<login_ticket>(directory(),
                             log_in_by_name{name, secret_text{password}, {address, "test"}});
  }
};

std::string refusal(const error& cause) {
  return to_string(code_of(cause)) + "/" + detail_of(cause).reason;
}

}  // namespace

TEST_CASE("the same user is always the same actor, until it ends") {
  fixture world;
  auto first = world.user_of(world.account.id);
  CHECK(world.user_of(world.account.id) == first);
  world.stop(first);
  auto second = world.user_of(world.account.id);
  CHECK(second != first);
  CHECK(world.ask<login_ticket>(second, open_login{}));
}

TEST_CASE("names are found without regard to case") {
  fixture world;
  CHECK(world.attempt("ADA", good_password));
}

TEST_CASE("an unknown name and a wrong password get the same answer, and both are hashed") {
  fixture world;
  auto wrong = world.attempt("ada", "wrong password");
  auto unknown = world.attempt("nobody", "wrong password");
  REQUIRE_FALSE(wrong);
  REQUIRE_FALSE(unknown);
  CHECK(describe(wrong.error()) == describe(unknown.error()));
  CHECK(code_of(wrong.error()) == errc::unauthenticated);
  CHECK(detail_of(wrong.error()).reason == "invalid_credentials");
}

TEST_CASE("failed log-ins are limited before any reading or hashing, elsewhere it still works") {
  fixture world;
  auto name = GENERATE("ada", "nobody");
  for (int i = 0; i < 5; ++i)
    CHECK(code_of(world.attempt(name, "wrong").error()) == errc::unauthenticated);
  world.store.fail_read = make_error(errc::internal);
  auto refused = world.attempt(name, good_password);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::rate_limited);
  CHECK(detail_of(refused.error()).reason == "login_limited");
  CHECK(detail_of(refused.error()).retry_after_s == 1);
  world.store.fail_read = {};
  CHECK(bool(world.attempt("ada", good_password, "198.51.100.1")));
  world.clock.advance(1s);
  CHECK(code_of(world.attempt(name, "wrong").error()) == errc::unauthenticated);
  CHECK(detail_of(world.attempt(name, "wrong").error()).retry_after_s == 2);
}

TEST_CASE("failures of ours don't count against anybody") {
  fixture world;
  world.store.fail_read = make_error(errc::unavailable);
  for (int i = 0; i < 50; ++i)
    CHECK(code_of(world.attempt("ada", good_password).error()) == errc::unavailable);
  world.store.fail_read = {};
  world.store.fail_commit = make_error(errc::timeout);
  for (int i = 0; i < 50; ++i) {
    auto refused = world.attempt("ada", good_password);
    REQUIRE_FALSE(refused);
    CHECK(code_of(refused.error()) == errc::timeout);
  }
  world.store.fail_commit = {};
  CHECK(world.attempt("ada", good_password));
}

TEST_CASE("an idle user is put to sleep unless it has just been looked up") {
  fixture world;
  auto actor = world.user_of(world.account.id);
  world.self->send(world.directory(), user_idle{world.account.id});
  world.run();
  CHECK(world.user_of(world.account.id) == actor);
  world.advance(11s);
  world.self->send(world.directory(), user_idle{world.account.id});
  world.self->send(world.directory(), user_idle{user_id::make()});
  world.run();
  CHECK(world.user_of(world.account.id) != actor);
}

TEST_CASE("whoever asks while a user falls asleep gets the successor, after the sleeper is down") {
  fixture world;
  auto actor = world.user_of(world.account.id);
  world.advance(11s);
  // In one go: the request is in the sleeper's mailbox behind sleep_now's marker or before it.
  world.self->send(world.directory(), user_idle{world.account.id});
  auto located_later = world.ask_later(world.directory(), locate{world.account.id});
  auto login_later =
      world.ask_later(world.directory(),
                      log_in_by_name{"ada", secret_text{good_password}, {"203.0.113.9", "test"}});
  auto last_question = world.ask_later(actor, open_login{});
  world.run();
  CHECK(world.answer_of<login_ticket>(last_question));
  auto found = world.answer_of<located>(located_later);
  REQUIRE(found);
  CHECK(found->holder != actor);
  CHECK(world.answer_of<login_ticket>(login_later));
  CHECK(world.store.tables.logins.size() == 2);
}

TEST_CASE("a DIRECTORY that ends takes its users along") {
  fixture world;
  auto actor = world.user_of(world.account.id);
  world.stop(world.directory());
  auto refused = world.ask<login_ticket>(actor, open_login{});
  CHECK(refused.error() == caf::sec::request_receiver_down);
}

TEST_CASE("one user more than may be awake is refused, those who are there are not") {
  fixture world;
  world.users_awake_max = 3;
  std::vector<user_id> ids;
  for (auto name : {"u0", "u1", "u2", "u3"}) ids.push_back(world.add_user(name).id);
  std::vector<user_actor> actors;
  for (int i = 0; i < 3; ++i) {
    actors.push_back(world.user_of(ids[static_cast<size_t>(i)]));
    world.advance(1s);
  }
  auto refused = world.ask<located>(world.directory(), locate{ids[3]});
  REQUIRE_FALSE(refused);
  CHECK(refusal(refused.error()) == "unavailable/users_awake_max");
  CHECK(detail_of(refused.error()).retry_after_s == 1);
  CHECK(world.ask<located>(world.directory(), locate{ids[0]}));
}

TEST_CASE("an idle user makes room for who comes next") {
  fixture world;
  world.users_awake_max = 16;  // one is kept free
  std::vector<user_id> ids;
  for (int i = 0; i < 16; ++i) ids.push_back(world.add_user("u" + std::to_string(i)).id);
  auto first = world.user_of(ids[0]);
  world.advance(1s);
  std::vector<user_actor> others;
  for (size_t i = 1; i < 16; ++i) others.push_back(world.user_of(ids[i]));
  world.advance(15s);
  // Only the one that was used longest ago is gone.
  CHECK(world.ask<login_ticket>(others[0], open_login{}));
  CHECK_FALSE(world.ask<login_ticket>(first, open_login{}));
}

TEST_CASE("open sessions that hold too much sleep, those of the least recent users first") {
  fixture world;
  world.session_bytes_max = 1000;
  auto old_user = world.add_user("old").id;
  auto new_user = world.add_user("new").id;
  std::map<user_id, session_id> chats;
  for (auto id : {old_user, new_user}) {
    auto actor = world.user_of(id);
    auto who = world.caller_of(world.log_in(id == old_user ? "old" : "new"));
    auto made = world.ask<session>(actor, add_session{who, {}, {}});
    REQUIRE(made);
    chats[id] = made->id;
    auto opened = world.ask<session>(actor, patch_session{who, made->id, {}});
    (void)opened;
    world.advance(100ms);
  }
  for (auto id : {old_user, new_user})
    caf::anon_send(world.sessions.records[chats[id]].parent, session_weighs{chats[id], 600});
  world.run();
  world.advance(1s);
  CHECK(world.sessions.records[chats[old_user]].rests == 1);
  CHECK(world.sessions.records[chats[new_user]].rests == 0);
}
