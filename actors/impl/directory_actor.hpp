/// Spawns the DIRECTORY actor (actors/directory.hpp).
#pragma once

#include <chrono>
#include <functional>

#include "actors/directory.hpp"
#include "actors/hasher.hpp"
#include "actors/impl/login_limits.hpp"
#include "actors/impl/user_actor.hpp"

namespace parley {

struct directory_parts {
  storage_actor storage;  ///< for the audit log
  reader_actor reader;
  hasher_actor hasher;
  /// Starts a USER; its parent is told user_idle and ends the USER when it ends.
  std::function<user_actor(user_place place)> start_user;
  const wall_clock* clock = &system_wall_clock();  ///< outlives the actor
  login_limits::limits limits;
  /// A USER asked for within this time is not put to sleep: its request is on the way.
  std::chrono::seconds looked_up_grace{10};
  size_t users_awake_max = 100'000;
  int64_t session_bytes_max = int64_t{128} << 20;  ///< of all USERs' open sessions
  bool is_single = false;                          ///< mode `single`
};

directory_actor spawn_directory(caf::actor_system& system, directory_parts parts);

}  // namespace parley
