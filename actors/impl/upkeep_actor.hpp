/// Spawns the UPKEEP actor (actors/upkeep.hpp).
///
/// A run goes through all chats that are old, a few of one owner at a time, and pauses in between.
/// Each goes by way of its USER and SESSION, as if its owner had removed it: who has it open and
/// who listens is told, and one that was touched meanwhile stays. What can't be removed is tried
/// again in the next night. A run is told in the log and, if it has removed anything, in the audit
/// log.
#pragma once

#include "actors/directory.hpp"
#include "actors/impl/live_settings.hpp"
#include "actors/storage.hpp"
#include "actors/upkeep.hpp"

namespace parley {

struct upkeep_parts {
  storage_actor storage;
  reader_actor reader;
  directory_actor directory;
  std::shared_ptr<const live_settings> live;       ///< never null
  const wall_clock* clock = &system_wall_clock();  ///< outlives the actor
  /// After midnight in the system's time zone; a server that was off then does it later.
  std::chrono::hours hour{3};
  std::chrono::milliseconds delay{600'000};  ///< from a start to the first look at the clock
  std::chrono::milliseconds check_every{60'000};
  std::chrono::milliseconds pause{100};  ///< between two steps, for others' commits
  int32_t chats_per_step_max = 100;
};

upkeep_actor spawn_upkeep(caf::actor_system& system, upkeep_parts parts);

}  // namespace parley
