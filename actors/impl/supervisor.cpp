#include "actors/impl/supervisor.hpp"

#include <deque>
#include <mutex>

#include "actors/floating.hpp"
#include "base/log.hpp"

namespace parley {

namespace {

/// From the keeper to itself: the back-off is over.
struct start_child {};
PARLEY_INSPECT_HERE(start_child)

/// From the relay. Not the exit itself: one of reason kill would end the keeper before the child.
struct stop_child {
  error reason;
};
PARLEY_INSPECT_HERE(stop_child, reason)

bool is_end(const error& reason) {
  return reason == caf::exit_reason::user_shutdown || reason == caf::exit_reason::kill;
}

/// What everyone holds. It is no scheduled actor: `enqueue` runs on the sender's thread.
class relay final : public caf::monitorable_actor {
 public:
  relay(caf::actor_config& config, std::set<std::string> types)
      : caf::monitorable_actor(config), types_(std::move(types)) {}

  void point_at(caf::strong_actor_ptr child) {
    std::lock_guard guard{child_mutex_};
    child_ = std::move(child);
  }
  void set_keeper(caf::actor keeper) {
    std::lock_guard guard{child_mutex_};
    keeper_ = std::move(keeper);
  }
  void close(error reason) {
    point_at(nullptr);
    set_keeper(nullptr);
    cleanup(std::move(reason), nullptr);
  }

  const char* name() const override { return "relay"; }
  std::set<std::string> message_types() const override { return types_; }

  void enqueue(caf::mailbox_element_ptr message, caf::execution_unit* unit) override {
    if (message->content().match_elements<caf::exit_msg>()) {
      auto& exit = message->content().get_as<caf::exit_msg>(0);
      if (!is_end(exit.reason))
        return count_mishap(mishap::exit_refused, name(), caf::to_string(exit.reason));
      if (auto keeper = actor_in(keeper_)) {
        auto urgent = caf::make_message_id(caf::message_priority::high);
        keeper->enqueue(nullptr, urgent, caf::make_message(stop_child{exit.reason}), unit);
      }
      return;
    }
    if (auto child = actor_in(child_))
      child->enqueue(std::move(message), unit);
    else
      bounce(message, make_error(errc::unavailable));
  }

  void attach(caf::attachable_ptr watcher) override {
    if (auto child = actor_in(child_))
      child->get()->attach(std::move(watcher));
    else
      watcher->actor_exited(make_error(errc::unavailable), nullptr);
  }

  size_t detach(const caf::attachable::token& what) override {
    auto child = actor_in(child_);
    return child ? child->get()->detach(what) : 0;
  }

  void on_destroy() override {
    if (!getf(is_cleaned_up_flag)) cleanup(caf::exit_reason::unreachable, nullptr);
    monitorable_actor::on_destroy();
  }

 private:
  template <class Handle>
  caf::strong_actor_ptr actor_in(const Handle& handle) const {
    std::lock_guard guard{child_mutex_};
    return caf::actor_cast<caf::strong_actor_ptr>(handle);
  }

  const std::set<std::string> types_;
  mutable std::mutex child_mutex_;
  caf::strong_actor_ptr child_;
  caf::actor keeper_;
};

struct keeper_state;
using keeper_self = caf::stateful_actor<keeper_state>;

/// Watches the child and starts the next one; the only owner of the relay's pointers.
struct keeper_state {
  static inline const char* name = "keeper";
  explicit keeper_state(keeper_self* actor) : self(actor) {}

  void watch(caf::strong_actor_ptr started) {
    child = std::move(started);
    started_at = self->clock().now();
    self->monitor(child);
  }

  void start() {
    if (is_stopping) return;
    log_info("actor.restarted", {{"actor", rule.name}, {"ends", ends_in_a_row}});
    restarts.push_back(self->clock().now());
    caf::strong_actor_ptr started;
    try {
      started = make();
    } catch (const std::exception& thrown) {  // no thread to be had, for example
      count_mishap(mishap::exception, rule.name, thrown.what());
    }
    if (!started) return wait(errc::unavailable);
    front().point_at(started);
    watch(std::move(started));
  }

  void on_down(const caf::down_msg& down) {
    if (!child || down.source != child->address()) return;
    front().point_at(nullptr);
    child = nullptr;
    if (is_stopping) return finish();
    if (self->clock().now() - started_at >= rule.calm_after) ends_in_a_row = 0;
    wait(down.reason);
  }

  void wait(const error& reason) {
    auto now = self->clock().now();
    constexpr auto minute = std::chrono::minutes{1};
    while (!restarts.empty() && now - restarts.front() >= minute) restarts.pop_front();
    std::chrono::nanoseconds delay = rule.delay_max;
    if (ends_in_a_row < 16)
      delay = std::min<std::chrono::nanoseconds>(delay, rule.delay_min * (1 << ends_in_a_row));
    if (restarts.size() >= rule.restarts_per_minute_max)
      delay = std::max<std::chrono::nanoseconds>(delay, restarts.front() + minute - now);
    ++ends_in_a_row;
    log_error("actor.ended", {{"actor", rule.name}, {"cause", reason}, {"restart_in", delay}});
    self->delayed_send(self, delay, start_child{});
  }

  void stop(const error& reason) {
    is_stopping = true;
    end_reason = reason;  // asked twice, the child hears the second reason too: it may be harder
    if (!child) return finish();
    self->send_exit(child, reason);
  }

  void finish() const {
    front().close(end_reason);
    self->quit(end_reason);
  }

  relay& front() const { return static_cast<relay&>(*handle->get()); }

  keeper_self* self;
  supervision rule;
  std::function<caf::strong_actor_ptr()> make;
  caf::strong_actor_ptr handle;  ///< the relay; the circle is cut by `finish`
  caf::strong_actor_ptr child;
  caf::actor_clock::time_point started_at{};
  std::deque<caf::actor_clock::time_point> restarts;  ///< those of the last minute
  uint32_t ends_in_a_row = 0;
  bool is_stopping = false;
  error end_reason;
};

struct keeper_parts {
  supervision rule;
  std::function<caf::strong_actor_ptr()> make;
  caf::strong_actor_ptr handle;
  caf::strong_actor_ptr child;
};

caf::behavior run_keeper(keeper_self* self, const std::shared_ptr<keeper_parts>& parts) {
  harden(self);
  auto& state = self->state;
  state.rule = std::move(parts->rule);
  state.make = std::move(parts->make);
  state.handle = std::move(parts->handle);
  self->set_down_handler([](caf::scheduled_actor* actor, caf::down_msg& down) {
    static_cast<keeper_self*>(actor)->state.on_down(down);
  });
  if (parts->child)
    state.watch(std::move(parts->child));
  else
    state.wait(errc::unavailable);
  return {[self](const start_child&) { self->state.start(); },
          [self](const stop_child& message) { self->state.stop(message.reason); }};
}

}  // namespace

namespace detail {

caf::strong_actor_ptr supervise(caf::actor_system& system, supervision rule,
                                std::function<caf::strong_actor_ptr()> start,
                                std::set<std::string> message_types) {
  caf::actor_config config;
  auto handle = caf::make_actor<relay, caf::strong_actor_ptr>(
      system.next_actor_id(), system.node(), &system, config, std::move(message_types));
  auto child = start();
  auto& front = static_cast<relay&>(*handle->get());
  front.point_at(child);
  // Shared because CAF copies what it hands to an actor's function.
  auto parts = std::make_shared<keeper_parts>(
      keeper_parts{std::move(rule), std::move(start), handle, std::move(child)});
  front.set_keeper(spawn_floating(system, run_keeper, parts));
  return handle;
}

}  // namespace detail

}  // namespace parley
