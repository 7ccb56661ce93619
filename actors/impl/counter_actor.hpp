/// Spawns the COUNTER actor (actors/counter.hpp) and its worker.
#pragma once

#include <chrono>
#include <functional>

#include "actors/counter.hpp"
#include "actors/storage.hpp"
#include "base/clock.hpp"
#include "chat/token_count.hpp"

namespace parley {

struct counter_parts {
  storage_actor storage;
  reader_actor reader;
  const wall_clock* clock = &system_wall_clock();
  size_t queue_max = 1'000;          ///< texts that wait or are being counted
  size_t calibrations_max = 10'000;  ///< the one not used for longest goes
  std::chrono::milliseconds store_pause{2'000};
  std::function<count_worker_actor()> start_worker;  ///< app: detached; tests: as they like
};

/// Whose thread a worker runs on.
enum class counting_thread : uint8_t { shared = 1, own };

/// `counter` must outlive the actor.
count_worker_actor spawn_count_worker(caf::actor_system& system, const token_counter& counter,
                                      counting_thread thread = counting_thread::own);

counter_actor spawn_counter(caf::actor_system& system, counter_parts parts);

}  // namespace parley
