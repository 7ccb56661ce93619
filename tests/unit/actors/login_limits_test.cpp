#include "actors/impl/login_limits.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace std::chrono_literals;
using outcome = login_limits::outcome;

namespace {

struct fixture {
  manual_wall_clock clock;
  login_limits limits;

  uint32_t begin(const std::string& name, const std::string& address) {
    return limits.begin({name, address}, clock.now());
  }
  void end(const std::string& name, const std::string& address, outcome result) {
    limits.end({name, address}, result, clock.now());
  }
  /// Seconds to wait, 0 if it was let in.
  uint32_t attempt(const std::string& name, const std::string& address, outcome result) {
    auto wait = begin(name, address);
    if (wait == 0) end(name, address, result);
    return wait;
  }
};

}  // namespace

TEST_CASE("networks are what one subscriber holds") {
  CHECK(network_of("203.0.113.9") == "203.0.113.0/24");
  CHECK(network_of("::ffff:203.0.113.9") == "203.0.113.0/24");
  CHECK(network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(network_of("unix") == "unix");
  CHECK(network_of(std::string(1000, 'x')).size() == 64);
}

TEST_CASE("five failures are free, then each doubles the wait up to 15 minutes") {
  fixture world;
  for (int i = 0; i < 5; ++i) CHECK(world.attempt("ada", "203.0.113.9", outcome::wrong) == 0);
  // From anywhere in the network, in any case.
  CHECK(world.begin("ADA", "203.0.113.77") == 1);
  CHECK(world.begin("ada", "203.0.114.9") == 0);
  world.end("ada", "203.0.114.9", outcome::undecided);
  CHECK(world.begin("bob", "203.0.113.9") == 0);
  world.end("bob", "203.0.113.9", outcome::undecided);
  for (uint32_t expected : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}) {
    CHECK(world.begin("ada", "203.0.113.9") == expected);
    world.clock.advance(std::chrono::seconds{expected} - 1ms);
    CHECK(world.begin("ada", "203.0.113.9") == 1);
    world.clock.advance(1ms);
    CHECK(world.attempt("ada", "203.0.113.9", outcome::wrong) == 0);
  }
  world.clock.advance(900s);
  CHECK(world.attempt("ada", "203.0.113.9", outcome::right) == 0);
  for (int i = 0; i < 5; ++i) CHECK(world.attempt("ada", "203.0.113.9", outcome::wrong) == 0);
}

TEST_CASE("as many failures are free as the setting says") {
  fixture world;
  world.limits = login_limits{{.failures_free = 100, .address_failures_max = 1000}};
  for (int i = 0; i < 100; ++i) CHECK(world.attempt("ada", "203.0.113.9", outcome::wrong) == 0);
  CHECK(world.attempt("ada", "203.0.113.9", outcome::wrong) == 1);
  world.clock.advance(1s);
  CHECK(world.attempt("ada", "203.0.113.9", outcome::right) == 0);
}

TEST_CASE("parallel guesses count while they are under way") {
  fixture world;
  int let_in = 0;
  while (world.begin("ada", "203.0.113.9") == 0) ++let_in;
  CHECK(let_in == 20);
  for (int i = 0; i < let_in; ++i) world.end("ada", "203.0.113.9", outcome::wrong);
  CHECK(world.begin("ada", "203.0.113.9") == 900);
  world.clock.advance(900s);
  CHECK(world.begin("ada", "203.0.113.9") == 0);
  CHECK(world.begin("ada", "203.0.113.9") == 1);
}

TEST_CASE("an address may fail 30 times in 10 minutes, whatever the names") {
  fixture world;
  for (int i = 0; i < 30; ++i)
    CHECK(world.attempt("user" + std::to_string(i), "203.0.113.9", outcome::wrong) == 0);
  CHECK(world.begin("ada", "203.0.113.9") == 20);
  CHECK(world.begin("ada", "203.0.113.10") == 0);
  world.clock.advance(20s);
  CHECK(world.attempt("ada", "203.0.113.9", outcome::wrong) == 0);
  CHECK(world.begin("bob", "203.0.113.9") == 20);
  world.clock.advance(600s);
  for (int i = 0; i < 30; ++i)
    CHECK(world.attempt("other" + std::to_string(i), "203.0.113.9", outcome::wrong) == 0);
}

TEST_CASE("an account that has logged in from an address is not held up by others there") {
  fixture world;
  CHECK(world.attempt("ada", "203.0.113.9", outcome::right) == 0);
  for (int i = 0; i < 100; ++i)
    world.attempt("user" + std::to_string(i), "203.0.113.9", outcome::wrong);
  CHECK(world.begin("bob", "203.0.113.9") > 0);
  CHECK(world.attempt("ada", "203.0.113.9", outcome::right) == 0);
  world.clock.advance(29 * 24h);
  CHECK(world.attempt("ada", "203.0.113.9", outcome::right) == 0);
  world.clock.advance(31 * 24h);
  for (int i = 0; i < 100; ++i)
    world.attempt("user" + std::to_string(i), "203.0.113.9", outcome::wrong);
  CHECK(world.begin("ada", "203.0.113.9") > 0);
}

TEST_CASE("there is a ceiling for known accounts too") {
  fixture world;
  for (int i = 0; i < 400; ++i)
    CHECK(world.attempt("user" + std::to_string(i), "203.0.113.9", outcome::right) == 0);
  int let_in = 0;
  for (int i = 0; i < 400; ++i)
    if (world.attempt("user" + std::to_string(i), "203.0.113.9", outcome::wrong) == 0) ++let_in;
  CHECK(let_in == 300);
}

TEST_CASE("an office of 300 logs in within a minute, every fifth mistyping once: none is refused") {
  auto have_been_here = GENERATE(true, false);
  fixture world;
  auto name = [](int i) { return "user" + std::to_string(i); };
  if (have_been_here) {
    for (int i = 0; i < 300; ++i) world.attempt(name(i), "203.0.113.9", outcome::right);
    world.clock.advance(20 * 24h);
  }
  for (int i = 0; i < 300; ++i) {
    if (i % 5 == 0) CHECK(world.attempt(name(i), "203.0.113.9", outcome::wrong) == 0);
    CHECK(world.attempt(name(i), "203.0.113.9", outcome::right) == 0);
    world.clock.advance(200ms);
  }
}

TEST_CASE("what is remembered has a bound, and the oldest goes first") {
  recent_map<int> map{3};
  map.touch("a") = 1;
  map.touch("b") = 2;
  map.touch("c") = 3;
  map.touch("a");
  map.touch("d") = 4;
  CHECK(map.size() == 3);
  CHECK(map.find("b") == nullptr);
  CHECK(*map.find("a") == 1);
  CHECK(*map.find("d") == 4);
}
