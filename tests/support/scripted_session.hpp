/// SESSION actors that do as the test says and note what they are told.
#pragma once

#include <map>

#include "actors/user.hpp"

namespace parley::tests {

/// What one SESSION was told; owned by the script, so it outlives the actor.
struct session_record {
  session_actor holder;
  session_parent_actor parent;
  user_id owner;
  std::optional<session> fresh;
  uint64_t got = 0;  ///< from USER
  std::vector<start_turn> turns;
  std::vector<follow_reply> follows;
  std::vector<stop_reply> stops;
  std::vector<drop_session> drops;
  size_t rests = 0;
  std::vector<spend_ruled> rulings;
  std::vector<login_id> ended_logins;  ///< none: all
};

struct scripted_sessions {
  std::map<session_id, session_record> records;
  size_t starts = 0;
  error fail_turn;           ///< while set, start_turn fails with it
  bool holds_turns = false;  ///< while set, start_turn is not answered
  error fail_drop;           ///< while set, drop_session fails with it

  session_actor start(caf::actor_system& system, session_parent_actor parent, user_id owner,
                      session_id id, std::optional<session> fresh);
};

}  // namespace parley::tests
