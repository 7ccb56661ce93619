/// One I/O thread: epoll, timers, an inbox for other threads, and the run queue of the actors that
/// the network wakes (a CAF execution unit, docs/house.md "A turn").
///
/// Owned by app/node, which runs it on a thread of its own. Everything except `post`, `exec_later`
/// and `stop` must be called on that thread (or before `run`). Sockets of http/ and the libcurl
/// handles of providers/ live here, so one thread carries both ends of its streams. Fails only in
/// `watch`, with what epoll says; without epoll or eventfd the constructor ends the process.
#pragma once

#include <sys/epoll.h>

#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/timer_wheel.hpp"

namespace parley {

class io_loop;

/// Receives the readiness of one descriptor. Must outlive its watch.
class io_watcher {
 public:
  virtual ~io_watcher() = default;
  /// `events` as epoll reports them (EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR). May
  /// unwatch itself or others: events of this round for an unwatched descriptor are dropped.
  virtual void on_ready(uint32_t events) = 0;
};

/// Names one watch; never a pointer, so a late event can't reach a successor. 0 is "none".
using watch_id = uint64_t;

/// A deadline that is a member of what it guards. Arming and cancelling are O(1) and allocate
/// nothing; destruction cancels. Resolution 10 ms, monotonic clock; never early against `now()`;
/// timers of one tick fire in no particular order.
/// Its callback may arm, cancel or destroy any timer, itself included.
class io_timer final : private timer_link {
 public:
  explicit io_timer(std::function<void()> on_due);
  ~io_timer();
  io_timer(const io_timer&) = delete;
  io_timer& operator=(const io_timer&) = delete;

  /// Fires once after `delay`; arming again moves the deadline.
  void arm(io_loop& loop, std::chrono::milliseconds delay);
  void cancel();
  bool is_armed() const { return loop_ != nullptr; }

 private:
  friend class io_loop;
  void fire();

  std::function<void()> on_due_;
  io_loop* loop_ = nullptr;
  bool* is_destroyed_ = nullptr;  ///< set while the callback runs
};

/// Work that waits for the end of a round, so that what many events leave is done once (one send
/// for all that was written to a connection). Destruction withdraws it.
class io_round_end {
 public:
  io_round_end() = default;
  io_round_end(const io_round_end&) = delete;
  io_round_end& operator=(const io_round_end&) = delete;
  virtual ~io_round_end();
  virtual void on_round_end() = 0;

 private:
  friend class io_loop;
  io_loop* loop_ = nullptr;
};

class io_loop final : public caf::execution_unit {
 public:
  explicit io_loop(caf::actor_system& system);
  ~io_loop() override;
  io_loop(const io_loop&) = delete;
  io_loop& operator=(const io_loop&) = delete;

  /// Runs until `stop`; the calling thread becomes the owner. Runs once.
  void run();
  /// Any thread. Tasks posted before still run; resumables that wait go to CAF's scheduler. Pinned
  /// actors must have quit before.
  void stop();
  /// Any thread: `task` runs on the loop, one wake-up for all that arrive until then. False once
  /// the loop has stopped: then `task` will not run.
  bool post(std::function<void()> task);
  /// Any thread (CAF): `resumable` comes with one reference. Without memory the process ends: an
  /// actor that is not run once it was woken would never run again (actors/floating.hpp).
  void exec_later(caf::resumable* resumable) noexcept override;

  /// `fd` must be non-blocking.
  expected<watch_id> watch(int fd, uint32_t events, io_watcher& watcher);
  void change(watch_id id, uint32_t events);
  /// The descriptor stays open; it is the caller's to close, after this call.
  void unwatch(watch_id id);

  /// Calls `work` once when this round has handled its events, timers and actors, before the loop
  /// sleeps. Asking twice within a round means once.
  void at_round_end(io_round_end& work);

  /// CLOCK_MONOTONIC, read once per round.
  std::chrono::steady_clock::time_point now() const;
  /// Whether the caller is the thread within `run`.
  bool is_on_thread() const;

 private:
  friend class io_timer;
  friend class io_round_end;
  struct state;
  void handle_events(int timeout_ms);
  void take_inbox();
  void fire_timers();
  void resume_actors();
  void run_round_end();
  void close();

  std::unique_ptr<state> state_;
};

/// For actors that touch a reactor or a libcurl handle: whoever enqueues, they run on `loop` only.
/// Spawn with spawn_pinned; they must quit before the loop stops.
template <class Base>
class pinned : public Base {
 public:
  using Base::enqueue;

  template <class... Args>
  pinned(caf::actor_config& config, io_loop& loop, Args&&... args)
      : Base(config, std::forward<Args>(args)...), loop_(&loop) {}
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) noexcept override {
    Base::enqueue(std::move(element), loop_);
  }
  io_loop& loop() const { return *loop_; }

 private:
  io_loop* loop_;
};

/// Spawns a class derived from `pinned<...>`, constructed as Actor(config, loop, args...) by the
/// caller; its make_behavior runs on the loop, without waiting for a first message.
template <class Actor, caf::spawn_options Options = caf::no_spawn_options, class... Args>
auto spawn_pinned(io_loop& loop, Args&&... args) {
  caf::actor_config config{&loop};
  return loop.system().spawn_class<Actor, Options>(config, loop, std::forward<Args>(args)...);
}

}  // namespace parley
