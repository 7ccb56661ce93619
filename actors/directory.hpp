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

/// A new password for a one-time code, then a login. Limited like log_in_by_name.
struct reset_by_name {
  std::string username;
  secret_text code;
  secret_text next;
  client from;
};
PARLEY_INSPECT(reset_by_name, username, code, next, from)

/// Log in without a name or password: mode `single`, and its one account has no password.
struct log_in_alone {
  client from;
};
PARLEY_INSPECT(log_in_alone, from)

/// DIRECTORY to itself, each second: too many awake, too much in memory?
struct awake_check {};
PARLEY_INSPECT(awake_check)

/// The DIRECTORY actor: user -> handle, and the limits on failed log-ins and on what is awake. One
/// a node, floats, never sleeps. A USER that ends is forgotten and started anew by the next
/// request.
using directory_actor = caf::typed_actor<
    // message             answer          what it does
    ask<locate, located>,               // start the USER if need be
    ask<log_in_by_name, login_ticket>,  // USER answers; failures are counted here
    ask<log_in_alone, login_ticket>,    // USER answers
    ask<reset_by_name, login_ticket>,   // USER answers
    tell<user_idle>,                    // from USER
    tell<awake_check>>;                 // from itself

/// From app/node at start and after a restart: where users live.
struct meet_directory {
  directory_actor directory;
};
PARLEY_INSPECT(meet_directory, directory)

}  // namespace parley
