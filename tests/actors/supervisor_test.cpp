#include "actors/impl/supervisor.hpp"

#include <catch2/catch.hpp>

#include "actors/hasher.hpp"
#include "actors/storage.hpp"
#include "tests/support/actor_world.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

using echo_actor = caf::typed_actor<ask<hash_password, hashed_password>, tell<flush>>;

struct echo_state {
  static inline const char* name = "echo";
  explicit echo_state(echo_actor::pointer) {}

  caf::result<hashed_password> on(const hash_password&) {
    return hashed_password{"child " + std::to_string(number)};
  }
  void on(const flush&) { ++*told; }

  int number = 0;
  int* told = nullptr;
};

echo_actor::behavior_type run_echo(echo_actor::stateful_pointer<echo_state> self, int number,
                                   int* told) {
  harden(self);
  self->state.number = number;
  self->state.told = told;
  return {handle<hash_password>(self), handle<flush>(self)};
}

/// One that hands its question to the supervised actor.
echo_actor::behavior_type run_front(echo_actor::pointer self, echo_actor behind) {
  harden(self);
  return {[=](const hash_password& message) -> caf::result<hashed_password> {
            return self->delegate(behind, message);
          },
          [=](const flush& message) { self->send(behind, message); }};
}

/// Tells its test when an actor it watches ends.
caf::behavior run_watcher(caf::event_based_actor* self, const echo_actor& watched, int* ends) {
  harden(self);
  self->monitor(watched);
  self->set_down_handler([ends, watched](caf::down_msg& down) {
    if (down.source == watched.address()) ++*ends;
  });
  return {[](const flush&) {}};
}

struct fixture : tests::actor_world {
  std::vector<echo_actor> children;
  int told = 0;
  bool can_start = true;
  echo_actor handle;

  fixture() : handle(make({"echo"})) {}
  ~fixture() {
    stop(handle);
    children.clear();
    handle = nullptr;
  }

  echo_actor make(const supervision& rule) {
    return supervise<echo_actor>(system, rule, [this]() -> echo_actor {
      if (!can_start) return {};
      children.push_back(system.spawn(run_echo, static_cast<int>(children.size()) + 1, &told));
      return children.back();
    });
  }
  expected<hashed_password> question() { return ask<hashed_password>(handle, hash_password{}); }
  /// The child fails within a handler, as in production.
  void crash() {
    tests::fail_next<hash_password>("echo");
    REQUIRE_FALSE(question());
  }
};

}  // namespace

TEST_CASE("a supervised actor is asked, told and delegated to as if it stood alone") {
  fixture world;
  CHECK(world.question()->hash == "child 1");
  world.self->send(world.handle, flush{});
  caf::anon_send(world.handle, flush{});
  auto front = world.own(world.system.spawn(run_front, world.handle));
  CHECK(world.ask<hashed_password>(front, hash_password{})->hash == "child 1");
  caf::anon_send(front, flush{});
  world.run();
  CHECK(world.told == 3);
  auto types = world.handle->message_types();
  CHECK(types == world.children[0]->message_types());
}

TEST_CASE("while there is no child, requests fail as unavailable, then the handle works again") {
  fixture world;
  world.crash();
  auto refused = world.question();
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  caf::anon_send(world.handle, flush{});
  auto front = world.own(world.system.spawn(run_front, world.handle));
  CHECK(code_of(world.ask<hashed_password>(front, hash_password{}).error()) == errc::unavailable);
  world.wait(99ms);
  CHECK(world.children.size() == 1);
  world.wait(1ms);
  CHECK(world.question()->hash == "child 2");
  CHECK(world.told == 0);
}

TEST_CASE("the back-off doubles to its maximum and is forgotten after a calm time") {
  fixture world;
  std::vector<int64_t> delays;
  for (int i = 0; i < 8; ++i) {
    world.crash();
    int64_t waited = 0;
    for (; !world.question(); waited += 100) world.wait(100ms);
    delays.push_back(waited);
  }
  CHECK(delays == std::vector<int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000});
  world.wait(61s);
  world.crash();
  world.wait(100ms);
  CHECK(world.question());
}

TEST_CASE("more restarts in a minute than allowed wait for the minute to pass") {
  fixture world;
  world.stop(world.handle);
  world.children.clear();
  world.handle = world.make({"echo", 100ms, 100ms, 60'000ms, 3});
  for (int i = 0; i < 3; ++i) {
    world.crash();
    world.wait(100ms);
    CHECK(world.question());
  }
  world.crash();
  world.wait(59s);
  CHECK_FALSE(world.question());
  world.wait(1s);
  CHECK(world.question());
}

TEST_CASE("a start that fails is tried again") {
  fixture world;
  world.can_start = false;
  world.crash();
  world.wait(100ms);
  CHECK_FALSE(world.question());
  world.can_start = true;
  world.wait(200ms);
  CHECK(world.question());
}

TEST_CASE("who monitors the handle hears of each child's end") {
  fixture world;
  int ends = 0;
  auto watcher = world.own(world.system.spawn(run_watcher, world.handle, &ends));
  world.run();
  world.crash();
  CHECK(ends == 1);
  int at_once = 0;
  auto late = world.own(world.system.spawn(run_watcher, world.handle, &at_once));
  world.run();
  CHECK(at_once == 1);
  world.wait(100ms);
  CHECK(world.question());
  CHECK(ends == 1);
}

TEST_CASE("an exit ends child and handle for good, any other reason is refused") {
  fixture world;
  caf::anon_send_exit(world.handle, caf::exit_reason::unhandled_exception);
  CHECK(world.question()->hash == "child 1");
  auto reason = GENERATE(caf::exit_reason::user_shutdown, caf::exit_reason::kill);
  bool is_waiting = GENERATE(false, true);
  if (is_waiting) world.crash();
  caf::anon_send_exit(world.handle, reason);
  world.run();
  world.wait(10s);
  auto refused = world.question();
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  CHECK(world.children.size() == 1);
  auto of_child = world.ask<hashed_password>(world.children[0], hash_password{});
  CHECK(of_child.error() == caf::sec::request_receiver_down);
}
