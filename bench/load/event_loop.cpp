#include "bench/load/event_loop.hpp"

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace parley::bench {
namespace {

void unlink_timer(timer_link& link) {
  link.previous->next = link.next;
  link.next->previous = link.previous;
  link.previous = link.next = nullptr;
}

void append_timer(timer_link& ring, timer_link& link) {
  link.previous = ring.previous;
  link.next = &ring;
  ring.previous->next = &link;
  ring.previous = &link;
}

class signal_source final : public event_source {
 public:
  signal_source(event_loop& loop, int descriptor) : loop_(loop), descriptor_(descriptor) {}
  ~signal_source() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  void on_ready(uint32_t) override { loop_.stop(); }
  void on_due() override { loop_.stop(); }

 private:
  event_loop& loop_;
  int descriptor_;
};

}  // namespace

int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("getrlimit", errno);
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("setrlimit", errno);
  return limit.rlim_cur;
}

void give_up(std::string_view what, int error_number) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(what.size()), what.data(),
               std::strerror(error_number));
  std::exit(1);
}

event_source::~event_source() {
  if (next != nullptr) unlink_timer(*this);
}

event_loop::event_loop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wheel_ms_(monotonic_ms()) {
  if (epoll_ < 0) give_up("epoll_create1", errno);
  for (auto& slot : wheel_) slot.previous = slot.next = &slot;
}

event_loop::~event_loop() {
  sources_.clear();
  ::close(epoll_);
}

void event_loop::retire(event_source& source) {
  if (source.retired_) return;
  cancel(source);
  source.retired_ = true;
  retired_.push_back(&source);
}

void event_loop::watch(int descriptor, event_source& source, uint32_t events) const {
  epoll_event event{events, {.ptr = &source}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) give_up("epoll_ctl", errno);
}

void event_loop::rewatch(int descriptor, event_source& source, uint32_t events) const {
  epoll_event event{events, {.ptr = &source}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) != 0) give_up("epoll_ctl", errno);
}

void event_loop::arm_at(event_source& source, int64_t due_ms) {
  if (source.retired_) return;
  cancel(source);
  source.due_ms_ = std::max(due_ms, wheel_ms_ + 1);
  append_timer(wheel_[static_cast<size_t>(source.due_ms_) % slots], source);
  ++armed_;
}

void event_loop::cancel(event_source& source) {
  if (source.next == nullptr) return;
  unlink_timer(source);
  --armed_;
}

void event_loop::fire_due_timers() {
  const auto now_ms = monotonic_ms();
  while (wheel_ms_ < now_ms && !stopped_) {
    // After a pause longer than one turn of the wheel each slot still needs only one visit.
    if (now_ms - wheel_ms_ > int64_t{slots}) wheel_ms_ = now_ms - int64_t{slots};
    ++wheel_ms_;
    auto& slot = wheel_[static_cast<size_t>(wheel_ms_) % slots];
    timer_link due;
    due.previous = due.next = &due;
    while (slot.next != &slot) {
      auto& link = *slot.next;
      unlink_timer(link);
      append_timer(due, link);
    }
    while (due.next != &due) {
      auto& source = static_cast<event_source&>(*due.next);
      unlink_timer(source);
      if (source.due_ms_ > now_ms) {
        append_timer(slot, source);
      } else {
        --armed_;
        source.on_due();
      }
    }
  }
}

int event_loop::wait_ms() const {
  constexpr int64_t wait_ms_max = 100;
  if (armed_ == 0) return -1;
  const auto passed_ms = monotonic_ms() - wheel_ms_;
  for (int64_t ahead = 1; ahead <= wait_ms_max; ++ahead) {
    const auto& slot = wheel_[static_cast<size_t>(wheel_ms_ + ahead) % slots];
    if (slot.next != &slot) return static_cast<int>(std::max<int64_t>(ahead - passed_ms, 0));
  }
  return static_cast<int>(std::max<int64_t>(wait_ms_max - passed_ms, 0));
}

void event_loop::run() {
  std::array<epoll_event, 512> events;
  while (!stopped_) {
    const auto count =
        ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms());
    if (count < 0 && errno != EINTR) give_up("epoll_wait", errno);
    for (int i = 0; i < count; ++i) {
      auto& source = *static_cast<event_source*>(events[static_cast<size_t>(i)].data.ptr);
      if (!source.retired_) source.on_ready(events[static_cast<size_t>(i)].events);
    }
    fire_due_timers();
    // A destructor may retire another source, so the list can grow under us.
    while (!retired_.empty()) {
      auto* source = retired_.back();
      retired_.pop_back();
      sources_.erase(source);
    }
  }
}

void stop_on_signals(event_loop& loop, uint32_t seconds) {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) give_up("sigprocmask", errno);
  const auto descriptor = ::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  if (descriptor < 0) give_up("signalfd", errno);
  auto& source = loop.adopt(std::make_unique<signal_source>(loop, descriptor));
  loop.watch(descriptor, source, EPOLLIN);
  if (seconds != 0) loop.arm_in(source, int64_t{seconds} * 1000);
}

}  // namespace parley::bench
