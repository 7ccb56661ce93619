/// Spawns CALL actors (actors/call.hpp).
#pragma once

#include "actors/call.hpp"
#include "chat/token_count.hpp"

namespace parley {

/// What a CALL is made for.
struct call_place {
  call_parent_actor parent;
  user_id owner;
  login_id login;
  model_config model;
  call_reader_actor reader;
  uint64_t stream = 0;  ///< the reader's name for it
  spender by{};
};

/// Its USER watches it. The counter outlives all actors.
call_actor spawn_call(caf::actor_system& system, call_place place, const token_counter& counter);

}  // namespace parley
