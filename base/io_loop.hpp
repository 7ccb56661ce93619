/// One I/O thread: epoll, timers, an inbox for other threads, and the run queue of the actors that
/// the network wakes (a CAF execution unit, docs/house.md "A turn").
///
/// Owned by app/node, which runs it on a thread of its own. Everything except `post`, `exec_later`
/// and `stop` must be called on that thread (or before `run`). Sockets of http/ and the libcurl
/// handles of providers/ live here, so one thread carries both ends of its streams.
#pragma once

#include <sys/epoll.h>

#include <caf/all.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "base/error.hpp"

namespace parley {

class io_loop;

/// Receives the readiness of one descriptor. Must outlive its watch.
class io_watcher {
 public:
  virtual ~io_watcher() = default;
  /// `events` as epoll reports them (EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR). May unwatch
  /// itself or others: events of this round for an unwatched descriptor are dropped.
  virtual void on_ready(uint32_t events) = 0;
};

/// Names one watch; never a pointer, so a late event can't reach a successor. 0 is "none".
using watch_id = uint64_t;

/// A deadline that is a member of what it guards. Arming and cancelling are O(1) and allocate
/// nothing; destruction cancels. Resolution 10 ms, monotonic clock.
class io_timer {
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
  friend class timer_wheel;
  std::function<void()> on_due_;
  io_loop* loop_ = nullptr;
  io_timer* previous_ = nullptr;
  io_timer* next_ = nullptr;
  uint64_t due_tick_ = 0;
};

class io_loop final : public caf::execution_unit {
 public:
  explicit io_loop(caf::actor_system& system);
  ~io_loop() override;

  /// Runs until `stop`; the calling thread becomes the owner.
  void run();
  /// Any thread. Resumables that wait go to CAF's scheduler; pinned actors must have quit before.
  void stop();
  /// Any thread: `task` runs on the loop, one wake-up for all that arrive until then.
  void post(std::function<void()> task);
  /// Any thread (CAF): `resumable` comes with one reference.
  void exec_later(caf::resumable* resumable) override;

  expected<watch_id> watch(int fd, uint32_t events, io_watcher& watcher);
  void change(watch_id id, uint32_t events);
  /// The descriptor stays open; it is the caller's to close.
  void unwatch(watch_id id);

  /// CLOCK_MONOTONIC, read once per round.
  std::chrono::steady_clock::time_point now() const;
  bool is_on_thread() const;

 private:
  friend class io_timer;
  struct state;
  std::unique_ptr<state> state_;
};

/// For actors that touch a reactor or a libcurl handle: whoever enqueues, they run on `loop` only.
/// Spawn with spawn_pinned; they must quit before the loop stops.
template <class Base>
class pinned : public Base {
 public:
  template <class... Args>
  pinned(caf::actor_config& config, io_loop& loop, Args&&... args)
      : Base(config, std::forward<Args>(args)...), loop_(&loop) {}
  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit*) override {
    Base::enqueue(std::move(element), loop_);
  }
  io_loop& loop() const { return *loop_; }

 private:
  io_loop* loop_;
};

}  // namespace parley
