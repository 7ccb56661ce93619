/// Why turns are refused while the database takes nothing (docs/decisions/0007-storage-health.md).
#pragma once

#include "storage/storage_actor.hpp"

namespace parley::app {

/// What new turns are refused with; no error while all is well. Any thread, never blocks.
error refusal_of(const storage::storage_health& health);

}  // namespace parley::app
