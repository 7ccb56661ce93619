/// Spawns the LOGS actor (actors/logs.hpp) and its worker.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>

#include "actors/logs.hpp"

namespace parley {

struct logs_parts {
  std::function<log_worker_actor()> start_worker;  ///< app: detached; tests: as they like
  size_t questions_max = 16;                       ///< that wait or are being answered
  std::chrono::milliseconds sums_each{30'000};
};

struct log_worker_parts {
  std::filesystem::path directory;
  size_t page_bytes_max = size_t{1} << 20;
};

/// Whose thread the worker runs on: the test scheduler runs no detached actors.
enum class log_thread : uint8_t { own = 1, shared };

log_worker_actor spawn_log_worker(caf::actor_system& system, log_worker_parts parts,
                                  log_thread thread = log_thread::own);

logs_actor spawn_logs(caf::actor_system& system, logs_parts parts);

}  // namespace parley
