/// The actor that knows where users live.
#pragma once

#include "actors/user.hpp"

namespace parley {

/// The handle of a user's actor, which is started if need be; it may turn out to be absent.
struct locate {
  user_id id;
};
PARLEY_INSPECT(locate, id)

struct located {
  user_actor holder;
};
PARLEY_INSPECT(located, holder)

/// Log in by name. Limits come before any hashing; unknown names cost the same time.
struct log_in_by_name {
  std::string username;
  secret_text password;
  client from;
};
PARLEY_INSPECT(log_in_by_name, username, password, from)

/// The DIRECTORY actor: user -> handle, and the limits on failed log-ins. One a node, floats, never
/// sleeps. A USER that ends is forgotten and started anew by the next request.
using directory_actor = caf::typed_actor<
    // message             answer          what it does
    ask<locate, located>,               // start the USER if need be
    ask<log_in_by_name, login_ticket>,  // USER answers; failures are counted here
    tell<user_idle>>;                   // from USER

}  // namespace parley
