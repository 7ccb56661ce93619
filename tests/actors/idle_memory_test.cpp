#include "app/idle_memory.hpp"

#include <catch2/catch.hpp>

#include "base/metrics.hpp"

using namespace parley;

namespace {

struct idle_world {
  idle_world() { work(0); }
  ~idle_world() { users.set(0); }

  void work(uint64_t requests) {
    metrics()
        .counter("parley_http_requests_total", "", {{"route", "none"}, {"status", "2xx"}})
        .add(requests);
  }
  bool look() { return memory.look({}, {}); }
  /// At which of so many looks it gives back; 0: at none.
  int looks_until_given(int looks) {
    for (int i = 1; i <= looks; ++i)
      if (look()) return i;
    return 0;
  }

  metric_gauge& users = metrics().gauge("parley_users_awake", "");
  token_counter counter;
  app::idle_memory memory{counter};
};

}  // namespace

TEST_CASE("memory goes back once each time the last user fell asleep, and after the start") {
  idle_world world;
  CHECK(world.looks_until_given(5) == 2);
  CHECK(world.looks_until_given(100) == 0);
  world.users.set(1);
  world.work(1000);
  CHECK(world.looks_until_given(1) == 0);
  world.users.set(0);
  CHECK(world.looks_until_given(5) == 2);
}

TEST_CASE("with users awake memory goes back once after a quiet minute") {
  idle_world world;
  world.users.set(3);
  world.work(1000);
  CHECK(world.looks_until_given(100) == 14);
  CHECK(world.looks_until_given(100) == 0);
  // Probes are no work; a busy five seconds are, and the minute begins anew.
  for (int i = 0; i < 30; ++i) {
    world.work(3);
    CHECK_FALSE(world.look());
  }
  world.work(1000);
  CHECK(world.looks_until_given(100) == 14);
  world.users.set(0);
  CHECK(world.looks_until_given(5) == 2);
}
