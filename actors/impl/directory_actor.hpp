/// Spawns the DIRECTORY actor (actors/directory.hpp).
#pragma once

#include <chrono>
#include <functional>

#include "actors/directory.hpp"
#include "actors/hasher.hpp"
#include "actors/impl/login_limits.hpp"

namespace parley {

struct directory_parts {
  reader_actor reader;
  hasher_actor hasher;
  /// Starts the USER of this id; the parent is told user_idle and ends the USER when it ends.
  std::function<user_actor(user_id id, user_parent_actor parent)> start_user;
  const wall_clock* clock = &system_wall_clock();  ///< outlives the actor
  login_limits::limits limits;
  /// A USER asked for within this time is not put to sleep: its request is on the way.
  std::chrono::seconds looked_up_grace{10};
};

directory_actor spawn_directory(caf::actor_system& system, directory_parts parts);

}  // namespace parley
