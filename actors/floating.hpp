/// Actors that run where they are woken: on an I/O thread or one of CAF's scheduler. Any thread.
///
/// A message enters the mailbox first; then its receiver, if it was asleep, is put into a run
/// queue, which allocates. Without memory for that it would count as awake and never run again, and
/// all who ask it would wait for ever. So `enqueue` does not throw: the process ends instead, and
/// what was acknowledged is in the database.
#pragma once

#include <caf/all.hpp>
#include <utility>

namespace parley {

template <class Base>
class floating : public Base {
 public:
  using Base::Base;
  using Base::enqueue;

  void enqueue(caf::mailbox_element_ptr element, caf::execution_unit* unit) noexcept override {
    Base::enqueue(std::move(element), unit);
  }
};

/// As caf::actor_system::spawn with a behaviour function.
template <class Function, class... Args>
auto spawn_floating(caf::actor_system& system, Function function, Args&&... args) {
  using base = caf::infer_impl_from_fun_t<Function>;
  caf::detail::init_fun_factory<base, Function> make;
  caf::actor_config config;
  config.init_fun = make(std::move(function), std::forward<Args>(args)...);
  return system.spawn_class<floating<base>, caf::no_spawn_options>(config);
}

}  // namespace parley
