/// The actor of what is done by night.
#pragma once

#include "actors/protocol.hpp"

namespace parley {

/// UPKEEP to itself, each minute: is it time?
struct upkeep_check {};
PARLEY_INSPECT(upkeep_check)

/// UPKEEP to itself, after a pause: the next few chats.
struct upkeep_step {};
PARLEY_INSPECT(upkeep_step)

/// The UPKEEP actor: once a day, at `upkeep_hour`, it has chats removed that nobody has touched for
/// the system setting chatRetentionDays. One a node, floats, never sleeps.
using upkeep_actor = caf::typed_actor<
    // message         what it does
    tell<upkeep_check>,  // from itself
    tell<upkeep_step>>;  // from itself

}  // namespace parley
