/// Password hashing, bounded and away from every other thread.
#pragma once

#include "actors/protocol.hpp"

namespace parley {

struct hash_password {
  secret_text password;
};
PARLEY_INSPECT(hash_password, password)

struct hashed_password {
  std::string hash;
};
PARLEY_INSPECT(hashed_password, hash)

/// An empty hash stands for an unknown user: the same work, never right.
struct verify_password {
  secret_text password;
  std::string hash;
};
PARLEY_INSPECT(verify_password, password, hash)

struct password_verdict {
  bool is_right = false;
  std::string rehashed;  ///< not empty: store this instead, the old one is too weak
};
PARLEY_INSPECT(password_verdict, is_right, rehashed)

/// One detached worker of the pool, at nice 10.
using hash_worker_actor =
    caf::typed_actor<ask<hash_password, hashed_password>, ask<verify_password, password_verdict>>;

/// The HASHER actor: hands work to hashing_threads workers. When more waits than they do in
/// hashing_queue_max_s, it answers unavailable with a true retry_after_s, before any hashing.
using hasher_actor =
    caf::typed_actor<ask<hash_password, hashed_password>, ask<verify_password, password_verdict>>;

}  // namespace parley
