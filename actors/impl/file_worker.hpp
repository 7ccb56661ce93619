/// The worker that reads and writes JOBS' files (actors/job_messages.hpp).
///
/// Its directory is made by the first piece (0700, files 0600). Names are those that JOBS makes;
/// links are not followed. Fails with errc::storage_full or storage_failed; errc::not_found for a
/// file that is not there.
#pragma once

#include <filesystem>

#include "actors/jobs.hpp"

namespace parley {

/// Where a worker runs: the test scheduler runs no detached actors.
enum class file_thread : uint8_t { own = 1, shared };

file_worker_actor spawn_file_worker(caf::actor_system& system, std::filesystem::path directory,
                                    file_thread thread = file_thread::own);

/// errc::storage_full or storage_failed, by errno.
error file_fault();

/// Closes what it holds.
class file_descriptor {
 public:
  explicit file_descriptor(int number) : number_(number) {}
  ~file_descriptor();
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;

  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  /// All of it, at that place.
  expected<void> write_all(std::string_view bytes, int64_t offset) const;

 private:
  int number_;
};

}  // namespace parley
