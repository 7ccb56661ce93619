/// The worker of one job: an import, an export or a backup, on a thread of its own that may wait
/// for disk and database. Tells its parent how far it is, then once how it ended, and ends.
#pragma once

#include <filesystem>

#include "actors/impl/blocking_ask.hpp"
#include "actors/impl/import_file.hpp"
#include "actors/impl/jobs_actor.hpp"
#include "chat/token_count.hpp"

namespace parley {

/// What all of a node's workers share; lives longer than they do.
struct job_tools {
  storage_actor storage;
  reader_actor reader;
  std::filesystem::path directory;
  const token_counter* counter = nullptr;
  const wall_clock* clock = &system_wall_clock();
  import_limits limits;
  int64_t sessions_max = 10'000;     ///< settings: sessions_per_user_max
  size_t messages_max = 10'000;      ///< settings: messages_per_session_max
  size_t batch_messages_max = 200;   ///< of one commit
  size_t batch_bytes_max = 1 << 20;  ///< of texts in one commit, but for the last
  std::chrono::milliseconds tell_every{250};
  /// Makes a backup on the calling thread, which is told now and then how far it is and says
  /// whether to go on (storage/backup_keeper).
  std::function<expected<kept_backup>(const std::function<bool(int64_t, int64_t)>&)> back_up{};
};

caf::actor spawn_job_worker(caf::actor_system& system, job_order order,
                            std::shared_ptr<const job_tools> tools);

// -- What the kinds share -------------------------------------------------------------------

/// A job as its worker sees it. One thread.
class job_run {
 public:
  job_run(caf::actor_system& system, job_order order, std::shared_ptr<const job_tools> tools)
      : system_(system), order_(std::move(order)), tools_(std::move(tools)) {}

  const job& work() const { return order_.work; }
  const job_tools& tools() const { return *tools_; }
  bool is_stopped() const { return *order_.is_stopped; }
  /// The error that ends a job which is stopped.
  static error stopped();

  template <class R, class M>
  expected<R> read(M question) const {
    return ask_and_wait<R>(system_, tools_->reader, std::move(question));
  }
  /// Tries again while too much waits to be stored.
  expected<void> store(const commit& batch) const;

  /// Told now and then.
  void advance(int64_t done, int64_t total);
  void note_made(const session& made);
  /// What is left to be told, then the end.
  void end(job_ended how);
  /// The end that an error stands for.
  void fail(const error& cause, std::optional<job_report> report = std::nullopt);

 private:
  void tell();

  caf::actor_system& system_;
  job_order order_;
  std::shared_ptr<const job_tools> tools_;
  job_progressed news_;
  std::chrono::steady_clock::time_point told_{};
};

void run_import(job_run& run);
void run_export(job_run& run);
void run_backup(job_run& run);

}  // namespace parley
