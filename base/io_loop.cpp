#include "base/io_loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

namespace parley {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds tick_length{10};
constexpr int events_per_round_max = 512;
// Beyond these an actor-heavy round would starve the sockets.
constexpr int resumes_per_round_max = 1000;
constexpr milliseconds resumes_duration_max{2};
constexpr size_t messages_per_resume_max = 100;

uint64_t tick_at(clock::time_point time) {
  return static_cast<uint64_t>(time.time_since_epoch() / tick_length);
}

struct watch_slot {
  io_watcher* watcher = nullptr;
  int fd = -1;
  uint32_t events = 0;
  uint32_t generation = 0;
};

// The slot stands in the low half, from 1; the high half tells users of one slot apart.
watch_id name_watch(size_t slot, uint32_t generation) {
  return static_cast<watch_id>(generation) << 32 | (slot + 1);
}

}  // namespace

struct io_loop::state {
  int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  int wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  std::atomic<std::thread::id> owner{};
  std::atomic<bool> is_stop_asked{false};

  std::mutex inbox_mutex;  // guards the four members below
  std::vector<std::function<void()>> tasks;
  std::vector<caf::resumable*> arrivals;
  bool is_woken = false;
  bool is_closed = false;

  clock::time_point now = clock::now();
  timer_wheel timers{tick_at(now)};
  std::deque<caf::resumable*> ready;
  std::vector<io_round_end*> round_end;
  std::vector<watch_slot> watches;
  std::vector<uint32_t> free_watches;
  std::array<epoll_event, events_per_round_max> events{};

  state() {
    epoll_event event{};
    // Edge-triggered: each write is a new edge, so the counter is never read.
    event.events = EPOLLIN | EPOLLET;
    event.data.u64 = 0;
    if (epoll_fd < 0 || wake_fd < 0 || ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) != 0)
      std::abort();
  }

  ~state() {
    ::close(wake_fd);
    ::close(epoll_fd);
  }

  void wake() const {
    uint64_t one = 1;
    // Fails only when the counter is full, and then the wake-up is pending already.
    [[maybe_unused]] auto written = ::write(wake_fd, &one, sizeof one);
  }

  watch_slot* find(watch_id id) {
    auto slot = static_cast<size_t>(id & 0xffffffff) - 1;
    if (id == 0 || slot >= watches.size()) return nullptr;
    auto& found = watches[slot];
    return found.watcher != nullptr && found.generation == id >> 32 ? &found : nullptr;
  }

  int timeout_ms() const {
    if (!ready.empty() || !round_end.empty() || is_stop_asked.load(std::memory_order_relaxed))
      return 0;
    auto next = timers.next_tick();
    if (!next) return -1;
    // Signed: a timer may be overdue, after a round that took long.
    auto due = clock::time_point{} + tick_length * static_cast<int64_t>(*next);
    auto wait = std::chrono::ceil<milliseconds>(due - clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(wait, 0, 3600 * 1000));
  }
};

io_timer::io_timer(std::function<void()> on_due) : on_due_(std::move(on_due)) {}

io_timer::~io_timer() {
  cancel();
  if (is_destroyed_ != nullptr) *is_destroyed_ = true;
}

void io_timer::arm(io_loop& loop, milliseconds delay) {
  cancel();
  loop_ = &loop;
  if (!loop.is_on_thread()) loop.state_->now = clock::now();  // before `run`: no round has read it
  auto due =
      loop.state_->now + std::max(delay, milliseconds{0}) + (tick_length - clock::duration{1});
  loop.state_->timers.add(*this, tick_at(due));
}

void io_timer::cancel() {
  if (loop_ == nullptr) return;
  loop_->state_->timers.remove(*this);
  loop_ = nullptr;
}

void io_timer::fire() {
  loop_ = nullptr;
  // The callback may destroy this timer, so it runs from the stack.
  bool is_destroyed = false;
  is_destroyed_ = &is_destroyed;
  auto on_due = std::move(on_due_);
  on_due();
  if (is_destroyed) return;
  is_destroyed_ = nullptr;
  on_due_ = std::move(on_due);
}

io_round_end::~io_round_end() {
  if (loop_ == nullptr) return;
  auto& waiting = loop_->state_->round_end;
  std::replace(waiting.begin(), waiting.end(), this, static_cast<io_round_end*>(nullptr));
}

io_loop::io_loop(caf::actor_system& system)
    : caf::execution_unit(&system), state_(std::make_unique<state>()) {}

io_loop::~io_loop() {
  close();
  while (auto* link = state_->timers.pop_any()) static_cast<io_timer*>(link)->loop_ = nullptr;
  for (auto* work : state_->round_end)
    if (work != nullptr) work->loop_ = nullptr;
}

void io_loop::run() {
  state_->owner = std::this_thread::get_id();
  while (!state_->is_stop_asked.load(std::memory_order_relaxed)) {
    handle_events(state_->timeout_ms());
    fire_timers();
    resume_actors();
    run_round_end();
  }
  close();
  run_round_end();
  state_->owner = std::thread::id{};
}

void io_loop::stop() {
  state_->is_stop_asked = true;
  state_->wake();
}

bool io_loop::post(std::function<void()> task) {
  bool has_to_wake;
  {
    std::lock_guard guard{state_->inbox_mutex};
    if (state_->is_closed) return false;
    state_->tasks.push_back(std::move(task));
    has_to_wake = !std::exchange(state_->is_woken, true);
  }
  if (has_to_wake) state_->wake();
  return true;
}

void io_loop::exec_later(caf::resumable* resumable) noexcept {
  // Within `run` the loop closes on its own thread and takes `ready` along then.
  if (is_on_thread() && !state_->is_closed) {
    state_->ready.push_back(resumable);
    return;
  }
  bool has_to_wake = false;
  bool is_closed;
  {
    std::lock_guard guard{state_->inbox_mutex};
    is_closed = state_->is_closed;
    if (!is_closed) {
      state_->arrivals.push_back(resumable);
      has_to_wake = !std::exchange(state_->is_woken, true);
    }
  }
  if (has_to_wake) state_->wake();
  // A resumable that nobody resumes holds its actor, and ~actor_system would wait for ever.
  if (is_closed) system().scheduler().enqueue(resumable);
}

expected<watch_id> io_loop::watch(int fd, uint32_t events, io_watcher& watcher) {
  auto& watches = state_->watches;
  if (state_->free_watches.empty()) {
    state_->free_watches.push_back(static_cast<uint32_t>(watches.size()));
    watches.emplace_back();
  }
  auto slot = state_->free_watches.back();
  epoll_event event{};
  event.events = events;
  event.data.u64 = name_watch(slot, watches[slot].generation);
  if (::epoll_ctl(state_->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
    return make_error(errc::unavailable, std::string{"epoll: "} + std::strerror(errno));
  state_->free_watches.pop_back();
  watches[slot].watcher = &watcher;
  watches[slot].fd = fd;
  watches[slot].events = events;
  return watch_id{event.data.u64};
}

void io_loop::change(watch_id id, uint32_t events) {
  auto* found = state_->find(id);
  if (found == nullptr || found->events == events) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(state_->epoll_fd, EPOLL_CTL_MOD, found->fd, &event) == 0) found->events = events;
}

void io_loop::unwatch(watch_id id) {
  auto* found = state_->find(id);
  if (found == nullptr) return;
  epoll_event ignored{};
  ::epoll_ctl(state_->epoll_fd, EPOLL_CTL_DEL, found->fd, &ignored);
  found->watcher = nullptr;
  found->fd = -1;
  ++found->generation;
  state_->free_watches.push_back(static_cast<uint32_t>(id & 0xffffffff) - 1);
}

void io_loop::at_round_end(io_round_end& work) {
  if (std::exchange(work.loop_, this) == nullptr) state_->round_end.push_back(&work);
}

clock::time_point io_loop::now() const {
  return state_->now;
}

bool io_loop::is_on_thread() const {
  return state_->owner.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

void io_loop::handle_events(int timeout_ms) {
  auto count =
      ::epoll_wait(state_->epoll_fd, state_->events.data(), events_per_round_max, timeout_ms);
  state_->now = clock::now();
  for (int i = 0; i < count; ++i) {
    auto& event = state_->events[i];
    if (event.data.u64 == 0) {
      take_inbox();
    } else if (auto* found = state_->find(event.data.u64)) {
      found->watcher->on_ready(event.events);
    }
  }
}

void io_loop::take_inbox() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard guard{state_->inbox_mutex};
    state_->is_woken = false;
    tasks.swap(state_->tasks);
    state_->ready.insert(state_->ready.end(), state_->arrivals.begin(), state_->arrivals.end());
    state_->arrivals.clear();
  }
  for (auto& task : tasks) task();
}

void io_loop::fire_timers() {
  auto tick = tick_at(state_->now);
  while (auto* link = state_->timers.pop_due(tick)) static_cast<io_timer*>(link)->fire();
}

void io_loop::resume_actors() {
  auto& ready = state_->ready;
  if (ready.empty()) return;
  auto end = clock::now() + resumes_duration_max;
  for (int i = 0; i < resumes_per_round_max && !ready.empty(); ++i) {
    auto* next = ready.front();
    ready.pop_front();
    if (next->resume(this, messages_per_resume_max) == caf::resumable::resume_later)
      ready.push_back(next);
    else
      caf::intrusive_ptr_release(next);
    if (clock::now() >= end) return;
  }
}

void io_loop::run_round_end() {
  // Work that asks again while it runs waits for the next round, which then does not sleep.
  auto count = state_->round_end.size();
  for (size_t i = 0; i < count; ++i) {
    auto* work = state_->round_end[i];
    if (work == nullptr) continue;
    state_->round_end[i] = nullptr;
    work->loop_ = nullptr;
    work->on_round_end();
  }
  state_->round_end.erase(state_->round_end.begin(),
                          state_->round_end.begin() + static_cast<std::ptrdiff_t>(count));
}

void io_loop::close() {
  if (state_->is_closed) return;
  take_inbox();
  std::vector<std::function<void()>> tasks;
  std::vector<caf::resumable*> waiting;
  {
    std::lock_guard guard{state_->inbox_mutex};
    state_->is_closed = true;
    tasks.swap(state_->tasks);
    waiting.swap(state_->arrivals);
  }
  // Whoever was told that its task will run is served; what these tasks post is refused.
  for (auto& task : tasks) task();
  waiting.insert(waiting.end(), state_->ready.begin(), state_->ready.end());
  state_->ready.clear();
  for (auto* resumable : waiting) system().scheduler().enqueue(resumable);
}

}  // namespace parley
