/// Actors of which there are thousands: all of a kind share one behaviour.
///
/// A behaviour whose rows capture their actor takes some fifty bytes a row, 4 KiB for a USER and a
/// SESSION, and is cold in the cache whenever its actor runs. Here rows capture nothing: a row
/// finds its actor in what the thread runs just now. Any thread; never fails.
#pragma once

#include "actors/floating.hpp"
#include "actors/protocol.hpp"

namespace parley {

namespace detail {

inline thread_local caf::scheduled_actor* running_actor = nullptr;

}  // namespace detail

template <class Table, class State>
class numerous_actor : public floating<caf::stateful_actor<State, typename Table::base>> {
 public:
  using super = floating<caf::stateful_actor<State, typename Table::base>>;

  explicit numerous_actor(caf::actor_config& config) : super(config) {}

  caf::resumable::resume_result resume(caf::execution_unit* unit, size_t messages_max) override {
    struct turn {
      explicit turn(caf::scheduled_actor* self)
          : outer(std::exchange(detail::running_actor, self)) {}
      ~turn() { detail::running_actor = outer; }
      caf::scheduled_actor* outer;
    };
    turn running{this};
    return super::resume(unit, messages_max);
  }

 protected:
  /// Forwards every row of the table to `state.on`: a message that others may share or, where that
  /// is what it takes, one to be moved from.
  static const typename Table::behavior_type& rows() {
    static const auto shared = make_rows(static_cast<const Table*>(nullptr));
    return shared;
  }

 private:
  template <class M>
  static auto row() {
    constexpr bool is_kept = !requires(State & state, const M& message) {
      state.on(message);
    };
    using given = std::conditional_t<is_kept, M&, const M&>;
    return [](given message) {
      auto* self = static_cast<super*>(detail::running_actor);
      if (auto hook = handler_fault_hook.load(std::memory_order_relaxed))
        hook(self->name(), typeid(M));
      if constexpr (is_kept)
        return self->state.on(std::move(message));
      else
        return self->state.on(message);
    };
  }

  template <class... Rows>
  static typename Table::behavior_type make_rows(const caf::typed_actor<Rows...>*) {
    return {row<typename detail::message_of_row<Rows>::type>()...};
  }
};

}  // namespace parley
