/// Keeps a singleton alive: an actor behind a handle that stays valid while the actor behind it is
/// started anew, with a back-off, each time it ends.
///
/// The handle is a relay: it passes each message on to the present child within the sender's own
/// call, so it costs no hop and keeps the order. While there is no child, requests are answered
/// with errc::unavailable and tells are dropped. Who monitors the handle monitors the present
/// child: it gets one `down` when that ends and may monitor again. An exit of reason user_shutdown
/// or kill sent to the handle ends child and handle for good. Any thread.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "actors/protocol.hpp"

namespace parley {

struct supervision {
  std::string name;                              ///< in the log
  std::chrono::milliseconds delay_min{100};      ///< doubled by each end in a row
  std::chrono::milliseconds delay_max{5'000};    ///<
  std::chrono::milliseconds calm_after{60'000};  ///< a child that lived so long begins anew
  size_t restarts_per_minute_max = 20;           ///< then the next one waits for its minute
};

namespace detail {

caf::strong_actor_ptr supervise(caf::actor_system& system, supervision rule,
                                std::function<caf::strong_actor_ptr()> start,
                                std::set<std::string> message_types);

}  // namespace detail

/// Starts the first child at once, on this thread; later ones on an actor's. `start` may return
/// nothing when it fails: that counts as an end.
template <class Handle>
Handle supervise(caf::actor_system& system, const supervision& rule,
                 std::function<Handle()> start) {
  auto types = system.message_types<Handle>();
  auto relay = detail::supervise(
      system, rule,
      [start = std::move(start)] { return caf::actor_cast<caf::strong_actor_ptr>(start()); },
      std::move(types));
  return caf::actor_cast<Handle>(std::move(relay));
}

}  // namespace parley
