/// Spawns the JOBS actor (actors/jobs.hpp). It ends when what waits can't be loaded: its supervisor
/// starts it anew. Whoever starts it tells it meet_directory; before that no job runs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "actors/jobs.hpp"
#include "actors/storage.hpp"

namespace parley {

/// What a job's worker is given.
struct job_order {
  job work;
  /// Shared by JOBS, which sets it to end the job early, and the worker, which looks.
  std::shared_ptr<std::atomic<bool>> is_stopped;
  job_parent_actor parent;
};

/// Starts the worker of one job, on a thread of its own. It ends with its job.
using job_factory = std::function<caf::actor(job_order order)>;

struct jobs_limits {
  int64_t uploads_max = 4;                      ///< settings: uploads_per_user_max
  int64_t upload_bytes_max = int64_t{2} << 30;  ///< settings: upload_bytes_max
  size_t running_max = 2;                       ///< settings: jobs_running_max
  size_t waiting_max = 100;                     ///< settings: jobs_waiting_max
  size_t waiting_per_user_max = 10;
  size_t followers_max = 1'000;
  size_t pieces_max = 32;  ///< of uploads, on their way to the disk
  int64_t file_piece_bytes = 256 << 10;
  std::chrono::hours upload_age_max{24};  ///< since its last piece
  std::chrono::hours file_age_max{24};
  std::chrono::hours report_age_max{30 * 24};  ///< settings: jobs_kept_days
  std::chrono::milliseconds check_every{3'600'000};
  std::chrono::milliseconds retry_after{5'000};
};

struct jobs_parts {
  storage_actor storage;
  reader_actor reader;
  std::function<file_worker_actor()> start_files;
  job_factory start_job;
  const wall_clock* clock = &system_wall_clock();  ///< outlives the actor
  jobs_limits limits;
};

jobs_actor spawn_jobs(caf::actor_system& system, jobs_parts parts);

/// Where the bytes stand, in the directory of the workers.
std::string file_name_of(const upload_id& id);
std::string file_name_of(const job_id& id);

}  // namespace parley
