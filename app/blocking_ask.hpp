/// Asks an actor from a thread that is none of its own, and waits.
#pragma once

#include <caf/all.hpp>

#include "actors/impl/blocking_ask.hpp"

namespace parley::app {

/// Ends actors; errc::timeout if some are there 10 s later.
inline expected<void> end_and_wait(caf::actor_system& system, std::vector<caf::actor> actors) {
  caf::scoped_actor self{system};
  for (auto& each : actors) {
    self->monitor(each);
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  }
  auto left = actors.size();
  actors.clear();
  bool is_late = false;
  while (left > 0 && !is_late)
    self->receive([&](const caf::down_msg&) { --left; },
                  caf::after(std::chrono::seconds{10}) >> [&] { is_late = true; });
  if (is_late) return make_error(errc::timeout);
  return {};
}

}  // namespace parley::app
