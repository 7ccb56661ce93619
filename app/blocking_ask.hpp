/// Asks an actor from a thread that is none of its own, and waits.
#pragma once

#include <caf/all.hpp>

#include "base/error.hpp"

namespace parley::app {

/// errc::timeout after `patience`; an actor that is gone is errc::unavailable.
template <class R, class Handle, class M>
expected<R> ask_and_wait(caf::actor_system& system, const Handle& whom, M message,
                         std::chrono::seconds patience = std::chrono::seconds{60}) {
  caf::scoped_actor self{system};
  expected<R> result = make_error(errc::timeout);
  self->request(whom, patience, std::move(message))
      .receive([&](R& answer) { result = std::move(answer); },
               [&](error& cause) { result = std::move(cause); });
  return result;
}

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
