#include "actors/impl/hasher_actor.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "tests/support/actor_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

/// Hashes until the test says that it is done, by a `verify_password`.
struct slow_state {
  static inline const char* name = "slow_worker";
  explicit slow_state(hash_worker_actor::pointer actor) : self(actor) {}

  caf::result<hashed_password> on(const hash_password& message) {
    started->push_back(message.password.reveal());
    if (message.password.reveal() == "crash") throw std::runtime_error("crash");
    busy->push_back(self);
    return answers.hold<hashed_password>(self).second;
  }
  caf::result<password_verdict> on(const verify_password&) {
    answers.deliver<hashed_password>(++answered, hashed_password{"hash"});
    return password_verdict{};
  }

  hash_worker_actor::pointer self;
  held_answers answers;
  uint64_t answered = 0;
  std::vector<std::string>* started = nullptr;
  std::deque<hash_worker_actor>* busy = nullptr;
};

struct fixture : actor_world {
  std::vector<std::string> started;
  std::deque<hash_worker_actor> busy;
  size_t workers = 0;
  hasher_actor hasher;

  explicit fixture(size_t threads = 2) {
    hasher_parts parts;
    parts.threads = threads;
    parts.queue_max = 10s;
    parts.first_estimate = 1000ms;
    parts.start_worker = [this]() -> hash_worker_actor {
      ++workers;
      auto run = [this](hash_worker_actor::stateful_pointer<slow_state> self)
          -> hash_worker_actor::behavior_type {
        harden(self);
        self->state.started = &started;
        self->state.busy = &busy;
        return {handle<hash_password>(self), handle<verify_password>(self)};
      };
      return system.spawn(run);
    };
    hasher = spawn_hasher(system, std::move(parts));
    run();
  }
  ~fixture() {
    stop(hasher);
    hasher = nullptr;
    busy.clear();
  }

  auto begin(const std::string& password) {
    auto question = ask_later(hasher, hash_password{secret_text{password}});
    run();
    return question;
  }
  /// The oldest running one is done.
  void finish() {
    caf::anon_send(busy.front(), verify_password{});
    busy.pop_front();
    run();
  }
};

}  // namespace

TEST_CASE("as many hashes run as there are threads, the others wait their turn") {
  fixture world;
  auto a = world.begin("a");
  auto b = world.begin("b");
  auto c = world.begin("c");
  CHECK(world.started == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(world.has_answer());
  world.finish();
  CHECK(world.started == std::vector<std::string>{"a", "b", "c"});
  CHECK(world.answer_of<hashed_password>(a)->hash == "hash");
  world.finish();
  world.finish();
  CHECK(world.answer_of<hashed_password>(b));
  CHECK(world.answer_of<hashed_password>(c));
}

TEST_CASE("more work than fits into queue_max is refused before hashing, with the time it takes") {
  fixture world;
  using question = decltype(world.begin(""));
  std::vector<question> accepted;
  while (!world.has_answer()) accepted.push_back(world.begin("p"));
  auto refused = world.answer_of<hashed_password>(accepted.back());
  accepted.pop_back();
  // 21 of one second each, by two threads: above 10 s.
  CHECK(accepted.size() == 21);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  CHECK(detail_of(refused.error()).reason == "hashing_queue_full");
  CHECK(detail_of(refused.error()).retry_after_s == 11);
  CHECK(world.started.size() == 2);
  world.finish();
  CHECK(world.answer_of<hashed_password>(accepted.front()));
  auto fits = world.begin("p");
  CHECK_FALSE(world.has_answer());
  for (size_t i = 0; i < 21; ++i) world.finish();
  for (size_t i = 1; i < accepted.size(); ++i) CHECK(world.answer_of<hashed_password>(accepted[i]));
  CHECK(world.answer_of<hashed_password>(fits));
}

TEST_CASE("the expected time follows what hashes really took") {
  fixture world{1};
  for (int i = 0; i < 40; ++i) {
    auto question = world.begin("p");
    world.scheduler.advance_time(100ms);
    world.finish();
    CHECK(world.answer_of<hashed_password>(question));
  }
  using question = decltype(world.begin(""));
  std::vector<question> accepted;
  while (!world.has_answer()) accepted.push_back(world.begin("p"));
  CHECK_FALSE(world.answer_of<hashed_password>(accepted.back()));
  // A hundred of 0.1 s in place of ten of one second; the average nears its value slowly.
  CHECK(accepted.size() > 90);
  CHECK(accepted.size() < 105);
  for (size_t i = 0; i + 1 < accepted.size(); ++i) world.finish();
  for (size_t i = 0; i + 1 < accepted.size(); ++i)
    CHECK(world.answer_of<hashed_password>(accepted[i]));
}

TEST_CASE("a worker that ends is replaced, its asker told, and nobody else suffers") {
  fixture world{1};
  auto first = world.begin("a");
  auto lost = world.begin("crash");
  auto kept = world.begin("b");
  world.finish();
  CHECK(world.answer_of<hashed_password>(first));
  CHECK_FALSE(world.answer_of<hashed_password>(lost));
  CHECK(world.workers == 2);
  CHECK(world.started == std::vector<std::string>{"a", "crash", "b"});
  world.finish();
  CHECK(world.answer_of<hashed_password>(kept));
}

TEST_CASE("a real worker hashes, verifies and renews") {
  actor_world world;
  password_hasher weak{secret_text{"0123456789abcdef0123456789ABCDEF"}, 4};
  password_hasher strong{secret_text{"0123456789abcdef0123456789ABCDEF"}, 5};
  auto worker = world.own(spawn_hash_worker(world.system, strong, hashing_thread::shared));
  auto hash = world.ask<hashed_password>(worker, hash_password{secret_text{"a password"}});
  REQUIRE(hash);
  auto verify = [&](const std::string& password, const std::string& stored) {
    return world.ask<password_verdict>(worker, verify_password{secret_text{password}, stored});
  };
  CHECK(verify("a password", hash->hash)->is_right);
  CHECK(verify("a password", hash->hash)->rehashed.empty());
  CHECK_FALSE(verify("b password", hash->hash)->is_right);
  CHECK_FALSE(verify("a password", "")->is_right);
  auto old = *weak.hash("a password");
  auto renewed = verify("a password", old);
  CHECK(*strong.verify("a password", renewed->rehashed));
  CHECK(verify("b password", old)->rehashed.empty());
  CHECK(code_of(verify("a password", "damaged").error()) == errc::corrupt_data);
}
