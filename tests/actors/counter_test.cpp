#include <catch2/catch.hpp>

#include "actors/impl/counter_actor.hpp"
#include "tests/support/actor_world.hpp"
#include "tests/support/scripted_storage.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

struct counter_world : actor_world {
  scripted_storage store;
  token_counter counter;
  storage_actor storage;
  reader_actor reader;
  counter_actor target;
  std::vector<count_worker_actor> workers;
  counter_parts parts;

  counter_world() {
    store.clock = &clock;
    storage = own(store.spawn_storage(system));
    reader = own(store.spawn_reader(system));
    parts.storage = storage;
    parts.reader = reader;
    parts.clock = &clock;
    parts.start_worker = [this] {
      workers.push_back(spawn_count_worker(system, counter, counting_thread::shared));
      return workers.back();
    };
  }
  ~counter_world() { end(); }

  void start() {
    target = spawn_counter(system, parts);
    run();
  }
  void end() {
    if (!target) return;
    caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
    run();
    target = counter_actor{};
  }

  void teach(const calibration_key& key, int64_t tokens = 150) {
    measure_sum sent;
    sent.messages = 1;
    sent.cl100k = sent.o200k = 100;
    caf::anon_send(target, learn_tokens{key, sent, tokens});
    run();
  }
  token_calibration known(const calibration_key& key) {
    return *ask<token_calibration>(target, find_calibration{key});
  }
};

const calibration_key key_a{"openai https://a.example", "m"},
    key_b{"openai https://b.example", "m"};

measure_parts one_text(std::string text) {
  measure_parts wanted;
  wanted.messages.emplace_back().emplace_back().text = std::move(text);
  return wanted;
}

}  // namespace

TEST_CASE("what answers teach is kept, by upstream and model", "[counter]") {
  counter_world w;
  w.start();
  CHECK(w.known(key_a).samples == 0);
  w.teach(key_a);
  w.teach(key_a);
  CHECK(w.known(key_a).samples == 2);
  CHECK(w.known(key_b).samples == 0);
  CHECK(w.store.commits.empty());
  w.advance(3s);
  // Both lessons in one row.
  REQUIRE(w.store.commits.size() == 1);
  REQUIRE(w.store.tables.calibrations.items.size() == 1);
  auto learnt = w.known(key_a);
  w.end();
  w.start();
  CHECK(w.known(key_a).samples == 2);
  CHECK(w.known(key_a).weights == learnt.weights);
  CHECK(w.known(key_a).covariance == learnt.covariance);
}

TEST_CASE("an end loses no lesson", "[counter]") {
  counter_world w;
  w.start();
  w.teach(key_a);
  w.end();
  REQUIRE(w.store.tables.calibrations.items.size() == 1);
  CHECK(w.store.tables.calibrations.items[0].samples == 1);
}

TEST_CASE("usage that teaches nothing is not kept", "[counter]") {
  counter_world w;
  w.start();
  w.teach(key_a, 1'000'000);
  w.advance(3s);
  CHECK(w.store.commits.empty());
}

TEST_CASE("COUNTER starts without what it cannot read", "[counter]") {
  counter_world w;
  SECTION("because READER fails") {
    w.store.fail_read = make_error(errc::storage_failed);
  }
  SECTION("because a row is of another make") {
    stored_calibration row;
    row.provider = key_a.provider;
    row.model = key_a.model;
    row.samples = 9;
    row.weights = {1, 2};
    w.store.tables.calibrations.items.push_back(row);
  }
  w.start();
  CHECK(w.known(key_a).samples == 0);
  w.teach(key_a);
  CHECK(w.known(key_a).samples == 1);
}

TEST_CASE("the calibration not used for longest gives way", "[counter]") {
  counter_world w;
  w.parts.calibrations_max = 2;
  w.start();
  calibration_key key_c{"openai https://c.example", "m"};
  w.teach(key_a);
  w.teach(key_b);
  w.known(key_a);
  w.teach(key_c);
  CHECK(w.known(key_b).samples == 0);
  CHECK(w.known(key_a).samples == 1);
  CHECK(w.known(key_c).samples == 1);
}

TEST_CASE("texts are measured by a worker, which is replaced when it ends", "[counter]") {
  counter_world w;
  w.start();
  auto measured = w.ask<measured_parts>(w.target, one_text("twelve bytes"));
  REQUIRE(measured);
  REQUIRE(measured->measures.size() == 1);
  CHECK(measured->measures[0].guessed == 3);
  caf::anon_send_exit(w.workers[0], caf::exit_reason::kill);
  w.run();
  CHECK(w.workers.size() == 2);
  CHECK(w.ask<measured_parts>(w.target, one_text("again")));
}

TEST_CASE("more texts than may wait are refused", "[counter]") {
  counter_world w;
  w.parts.queue_max = 0;
  w.start();
  auto refused = w.ask<measured_parts>(w.target, one_text("text"));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  CHECK(detail_of(refused.error()).retry_after_s == 1);
}
