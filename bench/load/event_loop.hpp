/// The one thread of a load tool: epoll, one timer per source, and the end of the program.
///
/// Made for ten thousand cheap streams: arming and cancelling a timer is O(1) and allocates
/// nothing, a source that retires itself or another is destroyed only when the round is over.
/// Everything is called on the thread that runs the loop. Failing system calls end the program with
/// a sentence: a load tool that limps would measure itself.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace parley::bench {

/// CLOCK_MONOTONIC; the same clock in every process of one machine, so stamps can be compared.
int64_t monotonic_ns();
inline int64_t monotonic_ms() {
  return monotonic_ns() / 1'000'000;
}

/// Raises RLIMIT_NOFILE to its hard limit and returns it.
uint64_t raise_descriptor_limit();

/// Prints `what: reason` and ends the program with status 1.
[[noreturn]] void give_up(std::string_view what, int error_number);

struct timer_link {
  timer_link* previous = nullptr;
  timer_link* next = nullptr;
};

/// One descriptor, one timer, or both. Owned by the loop from `adopt` until `retire`.
class event_source : private timer_link {
 public:
  event_source() = default;
  event_source(const event_source&) = delete;
  event_source& operator=(const event_source&) = delete;
  virtual ~event_source();

  virtual void on_ready(uint32_t /*events*/) {}
  virtual void on_due() {}
  bool is_retired() const { return retired_; }

 private:
  friend class event_loop;
  int64_t due_ms_ = 0;
  bool retired_ = false;
};

class event_loop {
 public:
  event_loop();
  ~event_loop();
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;

  template <class Source>
  Source& adopt(std::unique_ptr<Source> source) {
    auto& reference = *source;
    sources_.emplace(&reference, std::move(source));
    return reference;
  }
  /// The source hears nothing any more and is destroyed at the end of the round.
  void retire(event_source& source);

  void watch(int descriptor, event_source& source, uint32_t events) const;
  void rewatch(int descriptor, event_source& source, uint32_t events) const;

  /// Calls on_due once, not before `due_ms` (monotonic_ms); arming again moves the deadline.
  void arm_at(event_source& source, int64_t due_ms);
  void arm_in(event_source& source, int64_t delay_ms) { arm_at(source, monotonic_ms() + delay_ms); }
  void cancel(event_source& source);

  /// Runs until `stop`.
  void run();
  void stop() { stopped_ = true; }

 private:
  static constexpr size_t slots = 4096;  // one a millisecond; longer timers go round again

  void fire_due_timers();
  int wait_ms() const;

  int epoll_ = -1;
  bool stopped_ = false;
  size_t armed_ = 0;
  int64_t wheel_ms_ = 0;  // all slots up to here have been fired
  std::array<timer_link, slots> wheel_;
  std::unordered_map<event_source*, std::unique_ptr<event_source>> sources_;
  std::vector<event_source*> retired_;
};

/// Stops the loop on SIGINT and SIGTERM, and after `seconds` if that is not 0. SIGPIPE is ignored.
void stop_on_signals(event_loop& loop, uint32_t seconds);

}  // namespace parley::bench
