/// What USER tells of budgets: ALERTS need not look at all users.
#pragma once

#include "actors/protocol.hpp"
#include "schema/quota.hpp"

namespace parley {

/// So much of a limit is gone that somebody should know, or no longer. Once when a USER first looks
/// at a limit, then each time it changes.
struct budget_crossed {
  std::string username;
  quota_state state;
  bool is_above = false;
};
PARLEY_INSPECT(budget_crossed, username, state, is_above)

using budget_watch_actor = caf::typed_actor<tell<budget_crossed>>;

}  // namespace parley
