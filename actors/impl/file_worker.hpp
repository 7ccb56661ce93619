/// The worker that reads and writes JOBS' files (actors/job_messages.hpp).
///
/// Its directory is made by the first piece (0700, files 0600). Names are those that JOBS makes;
/// links are not followed. Fails with errc::storage_full or storage_failed; errc::not_found for a
/// file that is not there.
#pragma once

#include <filesystem>

#include "actors/jobs.hpp"
#include "base/files.hpp"

namespace parley {

/// Where a worker runs: the test scheduler runs no detached actors.
enum class file_thread : uint8_t { own = 1, shared };

file_worker_actor spawn_file_worker(caf::actor_system& system, std::filesystem::path directory,
                                    file_thread thread = file_thread::own);

}  // namespace parley
