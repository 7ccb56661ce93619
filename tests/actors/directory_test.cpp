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
  world.store.fail_commit = make_error(errc::storage_full);
  for (int i = 0; i < 50; ++i)
    CHECK(code_of(world.attempt("ada", good_password).error()) == errc::storage_full);
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
