/// Spawns the ADMIN actor (actors/admin.hpp). It ends when the system's state can't be loaded: its
/// supervisor starts it anew. Whoever starts it tells it meet_directory.
#pragma once

#include "actors/admin.hpp"
#include "actors/hasher.hpp"
#include "actors/impl/live_settings.hpp"
#include "actors/impl/model_changes.hpp"
#include "actors/impl/quota_board.hpp"
#include "base/settings.hpp"

namespace parley {

struct admin_parts {
  storage_actor storage;
  reader_actor reader;
  hasher_actor hasher;
  model_tools models;
  std::shared_ptr<quota_board> quotas = std::make_shared<quota_board>();
  /// Told of every change of the system settings; never null.
  std::shared_ptr<live_settings> live = std::make_shared<live_settings>();
  const wall_clock* clock = &system_wall_clock();  ///< outlives the actor
  /// Asked of the first account; empty when the server listens on the loopback alone.
  secret_text setup_code;
  size_t system_models_max = 500;
  /// The setting; `automatic` leaves it to the system settings.
  registration_rule registration = registration_rule::automatic;
  /// Mode `single`: makes the account `owner` where there is none, and no other registers.
  bool is_single = false;
};

admin_actor spawn_admin(caf::actor_system& system, admin_parts parts);

}  // namespace parley
