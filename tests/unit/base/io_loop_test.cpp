#include "base/io_loop.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

using namespace parley;
using namespace std::chrono_literals;

namespace {

caf::actor_system_config& configure(caf::actor_system_config& config) {
  config.set("scheduler.max-threads", 2);
  return config;
}

// A loop on a thread of its own; the destructor stops and joins.
struct running_loop {
  caf::actor_system_config config;
  caf::actor_system system{configure(config)};
  io_loop loop{system};
  std::thread thread;

  void start() {
    thread = std::thread{[this] { loop.run(); }};
  }
  void finish() {
    loop.stop();
    if (thread.joinable()) thread.join();
  }
  ~running_loop() { finish(); }

  // Runs `task` on the loop and waits for it.
  void call(std::function<void()> task) {
    std::promise<void> done;
    loop.post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }
};

struct socket_pair {
  int near = -1;
  int far = -1;
  socket_pair() {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    near = fds[0];
    far = fds[1];
  }
  ~socket_pair() {
    ::close(near);
    ::close(far);
  }
  void poke() { REQUIRE(::write(far, "x", 1) == 1); }
};

struct recorder : io_watcher {
  std::function<void(uint32_t)> then;
  int count = 0;
  void on_ready(uint32_t events) override {
    ++count;
    if (then) then(events);
  }
};

}  // namespace

TEST_CASE("timers fire in order, never early, and can be cancelled and re-armed in callbacks") {
  running_loop world;
  auto& loop = world.loop;
  std::vector<int> order;
  auto begin = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration first_after{};
  int repeats = 0;
  io_timer never{[&] { order.push_back(-1); }};
  io_timer far{[&] { order.push_back(-2); }};
  io_timer last{[&] {
    order.push_back(3);
    loop.stop();
  }};
  io_timer first{[&] {
    first_after = std::chrono::steady_clock::now() - begin;
    order.push_back(1);
    never.cancel();
  }};
  io_timer* again = nullptr;
  io_timer repeating{[&] {
    if (++repeats < 3) return again->arm(loop, 10ms);
    order.push_back(2);
    last.arm(loop, 20ms);
  }};
  again = &repeating;
  never.arm(loop, 40ms);
  far.arm(loop, 24h * 365 * 50);
  first.arm(loop, 30ms);
  repeating.arm(loop, 40ms);
  last.arm(loop, 1h);
  loop.run();
  CHECK(order == std::vector<int>{1, 2, 3});
  CHECK(first_after >= 30ms);
  CHECK_FALSE(never.is_armed());
  CHECK(far.is_armed());
}

TEST_CASE("a timer that became due while the loop was busy fires at once") {
  running_loop running;
  running.start();
  std::promise<void> fired;
  std::unique_ptr<io_timer> timer;
  running.call([&] {
    timer = std::make_unique<io_timer>([&] { fired.set_value(); });
    timer->arm(running.loop, 10ms);
    // The next look at the clock is the one that decides how long to sleep.
    std::this_thread::sleep_for(60ms);
  });
  CHECK(fired.get_future().wait_for(5s) == std::future_status::ready);
  running.call([&] { timer.reset(); });
}

TEST_CASE("a timer may be destroyed by its own callback or by another's") {
  running_loop world;
  auto& loop = world.loop;
  int fired = 0;
  std::unique_ptr<io_timer> one, two;
  auto destroy_both = [&] {
    ++fired;
    one.reset();
    two.reset();
  };
  one = std::make_unique<io_timer>(destroy_both);
  two = std::make_unique<io_timer>(destroy_both);
  io_timer end{[&] { loop.stop(); }};
  one->arm(loop, 10ms);
  two->arm(loop, 10ms);
  end.arm(loop, 40ms);
  loop.run();
  CHECK(fired == 1);
}

TEST_CASE("a timer may outlive its loop") {
  caf::actor_system_config config;
  caf::actor_system system{configure(config)};
  io_timer timer{[] {}};
  {
    io_loop loop{system};
    timer.arm(loop, 1h);
  }
  CHECK_FALSE(timer.is_armed());
}

TEST_CASE("tasks posted from many threads all run on the loop, each thread's in its order") {
  running_loop world;
  world.start();
  constexpr int thread_count = 4;
  constexpr int each = 5000;
  std::vector<std::vector<int>> seen(thread_count);
  std::atomic<int> strangers{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < thread_count; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < each; ++i)
        world.loop.post([&, t, i] {
          if (!world.loop.is_on_thread()) ++strangers;
          seen[t].push_back(i);
        });
    });
  }
  for (auto& thread : threads) thread.join();
  world.call([] {});
  CHECK(strangers == 0);
  for (auto& numbers : seen) {
    REQUIRE(numbers.size() == each);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST_CASE("tasks posted before the stop run, later ones are refused") {
  running_loop world;
  int runs = 0;
  world.loop.post([&] {
    ++runs;
    world.loop.stop();
    world.loop.post([&] { ++runs; });
  });
  world.start();
  world.thread.join();
  CHECK(runs == 2);
  CHECK_FALSE(world.loop.post([&] { ++runs; }));
  CHECK(runs == 2);
}

TEST_CASE("a watcher sees readiness, changes its interest and leaves") {
  running_loop world;
  socket_pair pair;
  recorder watcher;
  watch_id id = 0;
  // Asserted on this thread: Catch2 does so on one at a time.
  std::promise<std::pair<uint32_t, ssize_t>> read;
  watcher.then = [&](uint32_t events) {
    char byte;
    auto count = ::read(pair.near, &byte, 1);
    world.loop.change(id, 0);
    read.set_value({events, count});
  };
  world.start();
  world.call([&] { id = *world.loop.watch(pair.near, EPOLLIN, watcher); });
  pair.poke();
  auto [events, count] = read.get_future().get();
  CHECK((events & EPOLLIN) != 0);
  CHECK(count == 1);
  pair.poke();
  world.call([] {});
  world.call([] {});
  CHECK(watcher.count == 1);
  world.call([&] {
    watcher.then = nullptr;
    world.loop.change(id, EPOLLIN);
    world.loop.unwatch(id);
    world.loop.unwatch(id);
  });
  world.call([] {});
  CHECK(watcher.count == 1);
}

TEST_CASE("an event of this round reaches neither an unwatched descriptor nor its successor") {
  running_loop world;
  auto& loop = world.loop;
  socket_pair a, b, c;
  recorder first, second, successor;
  watch_id first_id = 0, second_id = 0;
  // Both are ready in the same round; whichever comes first removes the other and takes its slot.
  auto replace = [&](watch_id& mine, watch_id& other) {
    return [&](uint32_t) {
      loop.unwatch(other);
      loop.unwatch(mine);
      CHECK(loop.watch(c.near, EPOLLIN, successor));
      CHECK(loop.post([&] { loop.stop(); }));
    };
  };
  first.then = replace(first_id, second_id);
  second.then = replace(second_id, first_id);
  first_id = *loop.watch(a.near, EPOLLIN, first);
  second_id = *loop.watch(b.near, EPOLLIN, second);
  a.poke();
  b.poke();
  loop.run();
  CHECK(first.count + second.count == 1);
  CHECK(successor.count == 0);
}

TEST_CASE("watching a closed descriptor is an error, not the end") {
  running_loop world;
  recorder watcher;
  auto result = world.loop.watch(999999, EPOLLIN, watcher);
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::unavailable);
  socket_pair pair;
  CHECK(world.loop.watch(pair.near, EPOLLIN, watcher));
}

TEST_CASE("work at the end of a round runs once for many requests") {
  running_loop world;
  struct counter : io_round_end {
    int count = 0;
    std::function<void()> then;
    void on_round_end() override {
      ++count;
      if (then) then();
    }
  };
  counter work, repeating;
  auto doomed = std::make_unique<counter>();
  world.start();
  world.call([&] {
    for (int i = 0; i < 100; ++i) world.loop.at_round_end(work);
    world.loop.at_round_end(*doomed);
    world.loop.at_round_end(repeating);
    repeating.then = [&] {
      if (repeating.count < 3) world.loop.at_round_end(repeating);
    };
    doomed.reset();
  });
  world.finish();
  CHECK(work.count == 1);
  CHECK(repeating.count >= 1);
}

namespace {

using probe_atom = caf::atom_constant<caf::atom("probe")>;
using make_atom = caf::atom_constant<caf::atom("make")>;

// Answers whether it runs on the loop's thread.
class probe_actor : public pinned<caf::event_based_actor> {
 public:
  using super = pinned<caf::event_based_actor>;
  probe_actor(caf::actor_config& config, io_loop& loop) : super(config, loop) {}
  caf::behavior make_behavior() override {
    was_made_on_loop_ = loop().is_on_thread();
    return {[this](probe_atom) { return loop().is_on_thread(); },
            [this](make_atom) { return was_made_on_loop_; }};
  }

 private:
  bool was_made_on_loop_ = false;
};

caf::behavior floating(caf::event_based_actor*, io_loop* loop) {
  return {[=](probe_atom) { return loop->is_on_thread(); }};
}

}  // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<std::promise<bool>>)

TEST_CASE("a pinned actor always runs on the loop's thread, a floating one where it is woken") {
  running_loop world;
  world.start();
  auto pinned_probe = spawn_pinned<probe_actor>(world.loop);
  auto float_probe = world.system.spawn(floating, &world.loop);
  // A detached actor asks, so that without the pin the answer would come from a scheduler's thread.
  int pinned_on_loop = 0;
  bool was_made_on_loop = false;
  auto asker = world.system.spawn<caf::detached>([&](caf::blocking_actor* self) {
    for (int i = 0; i < 200; ++i)
      self->request(pinned_probe, 10s, probe_atom::value)
          .receive([&](bool is_on) { pinned_on_loop += is_on; }, [](caf::error&) {});
    self->request(pinned_probe, 10s, make_atom::value)
        .receive([&](bool is_on) { was_made_on_loop = is_on; }, [](caf::error&) {});
  });
  caf::scoped_actor self{world.system};
  self->wait_for(asker);
  CHECK(pinned_on_loop == 200);
  CHECK(was_made_on_loop);

  self->request(float_probe, 10s, probe_atom::value)
      .receive([](bool is_on) { CHECK_FALSE(is_on); }, [](caf::error& e) { FAIL(describe(e)); });
  // Woken with the loop as execution unit it runs on the loop.
  auto answer = std::make_shared<std::promise<bool>>();
  auto teller = world.system.spawn<caf::lazy_init>([&](caf::event_based_actor*) -> caf::behavior {
    return {[](probe_atom) {},
            [&, answer](make_atom) { answer->set_value(world.loop.is_on_thread()); }};
  });
  world.call([&] {
    caf::actor_cast<caf::strong_actor_ptr>(teller)->enqueue(
        nullptr, caf::make_message_id(), caf::make_message(make_atom::value), &world.loop);
  });
  CHECK(answer->get_future().get());

  caf::anon_send_exit(pinned_probe, caf::exit_reason::user_shutdown);
  self->wait_for(pinned_probe);
}

TEST_CASE("an actor that floods itself does not starve the loop's other work") {
  running_loop world;
  world.start();
  std::atomic<bool> is_over{false};
  auto flood = world.system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    return {[=, &is_over](probe_atom) {
      if (is_over) return self->quit();
      self->send(self, probe_atom::value);
    }};
  });
  world.call([&] {
    caf::actor_cast<caf::strong_actor_ptr>(flood)->enqueue(
        nullptr, caf::make_message_id(), caf::make_message(probe_atom::value), &world.loop);
  });
  for (int i = 0; i < 50; ++i) world.call([] {});
  is_over = true;
  caf::scoped_actor self{world.system};
  self->wait_for(flood);
  SUCCEED();
}

TEST_CASE("stopping with actors in the run queue lets them finish on CAF's scheduler") {
  std::atomic<int> handled{0};
  {
    running_loop world;
    std::vector<caf::actor> actors;
    for (int i = 0; i < 100; ++i) {
      actors.push_back(world.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
        return {[&](probe_atom) { ++handled; }};
      }));
    }
    // Let them become idle, so that the loop is what wakes them.
    caf::scoped_actor self{world.system};
    for (auto& one : actors)
      self->request(one, 10s, probe_atom::value).receive([] {}, [](caf::error&) {});
    for (auto& one : actors)
      caf::actor_cast<caf::strong_actor_ptr>(one)->enqueue(
          nullptr, caf::make_message_id(), caf::make_message(probe_atom::value), &world.loop);
    world.loop.stop();
    world.start();
    world.finish();
    for (auto& one : actors)
      caf::actor_cast<caf::strong_actor_ptr>(one)->enqueue(
          nullptr, caf::make_message_id(), caf::make_message(probe_atom::value), &world.loop);
    for (auto& one : actors) caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
  }
  CHECK(handled == 300);
}
