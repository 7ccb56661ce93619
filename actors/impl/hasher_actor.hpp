/// Spawns the HASHER actor (actors/hasher.hpp): a bounded queue before a pool of workers that hash.
#pragma once

#include <chrono>
#include <functional>

#include "actors/hasher.hpp"
#include "base/password.hpp"

namespace parley {

struct hasher_parts {
  size_t threads = 1;                               ///< settings: hashing_threads
  std::chrono::seconds queue_max{30};               ///< settings: hashing_queue_max_s
  std::chrono::milliseconds first_estimate{320};    ///< of one hash, until some were measured
  std::function<hash_worker_actor()> start_worker;  ///< app: detached; tests: as they like
};

/// Whose thread a worker runs on.
enum class hashing_thread : uint8_t { shared = 1, own };

/// `hasher` must outlive the actor. A worker on its own thread is nice to all others.
hash_worker_actor spawn_hash_worker(caf::actor_system& system, const password_hasher& hasher,
                                    hashing_thread thread = hashing_thread::own);

hasher_actor spawn_hasher(caf::actor_system& system, hasher_parts parts);

}  // namespace parley
