/// An actor system that a test drives by hand: one thread, virtual time, its own wall clock.
#pragma once

#include <caf/scheduler/test_coordinator.hpp>
#include <stdexcept>
#include <vector>

#include "actors/protocol.hpp"
#include "base/clock.hpp"

namespace parley::tests {

class actor_world {
  struct config : caf::actor_system_config {
    config() {
      set("scheduler.policy", caf::atom("testing"));
      register_error_category(*this);
      parley::add_message_types(*this);
    }
  };
  config config_;

 public:
  caf::actor_system system{config_};
  caf::scheduler::test_coordinator& scheduler{
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())};
  caf::scoped_actor self{system};
  manual_wall_clock clock;

  actor_world() = default;
  actor_world(const actor_world&) = delete;
  actor_world& operator=(const actor_world&) = delete;
  ~actor_world() {
    handler_fault_hook = nullptr;
    for (const auto& actor : owned_) stop(actor);
    owned_.clear();
    scheduler.run();
  }

  /// Ends it with the world; an actor left over would hang the test.
  template <class Handle>
  Handle own(Handle actor) {
    owned_.push_back(caf::actor_cast<caf::actor>(actor));
    return actor;
  }

  void run() { scheduler.run(); }
  /// The actors' clock alone, in one step.
  void wait(std::chrono::nanoseconds span) {
    scheduler.advance_time(span);
    scheduler.run();
  }
  /// Both clocks, in steps, so that timers set by timers go off as well.
  void advance(std::chrono::milliseconds span) {
    constexpr auto step = std::chrono::milliseconds{1000};
    for (auto left = span; left.count() > 0; left -= step) {
      clock.advance(std::min(left, step));
      scheduler.advance_time(std::min(left, step));
      scheduler.run();
    }
  }

  template <class Handle>
  void stop(const Handle& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    scheduler.run();
  }

  /// Asks and runs until nothing moves.
  template <class R, class Handle, class M>
  expected<R> ask(const Handle& actor, M message) {
    auto question = self->request(actor, caf::infinite, std::move(message));
    scheduler.run();
    return answer_of<R>(question);
  }
  /// For asking several at once; then `run`, then `answer_of`.
  template <class Handle, class M>
  auto ask_later(const Handle& actor, M message) {
    return self->request(actor, caf::infinite, std::move(message));
  }
  bool has_answer() { return !self->mailbox().empty(); }
  template <class R, class Question>
  expected<R> answer_of(Question& question) {
    if (!has_answer()) throw std::logic_error("no answer came");
    expected<R> result{make_error(errc::internal)};
    question.receive([&](R& given) { result = std::move(given); },
                     [&](error& cause) { result = std::move(cause); });
    return result;
  }

 private:
  std::vector<caf::actor> owned_;
};

/// Makes the next handler of this actor and message throw, once.
template <class M>
void fail_next(std::string_view actor_name) {
  static std::string name;
  name = actor_name;
  handler_fault_hook = +[](std::string_view actor, std::type_index message) {
    if (actor != name || message != typeid(M)) return;
    handler_fault_hook = nullptr;
    throw std::runtime_error("made to fail");
  };
}

}  // namespace parley::tests
