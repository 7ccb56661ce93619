/// Asks an actor from a thread that is none of its own, and waits.
#pragma once

#include <caf/all.hpp>

#include "base/error.hpp"

namespace parley {

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

}  // namespace parley
