/// Makes the backups of a running server: when they are due, or when a job asks; keeps some, and
/// knows what is there.
///
/// Owned by app/node, with a thread of its own between start() and stop(): a backup takes minutes
/// and must be ended in its middle, which an actor would have to be asked for. One is made at a
/// time. What is there is looked at each minute, so the list may lag behind what somebody does by
/// hand.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "storage/backup_folder.hpp"

namespace parley::storage {

struct backup_plan {
  std::filesystem::path database;
  std::filesystem::path folder;
  std::chrono::hours every{24};     ///< settings: backup_every_hours; 0: never by itself
  std::chrono::seconds delay{600};  ///< settings: backup_delay_s
  size_t kept_max = 7;              ///< settings: backups_kept_max
};

/// How long ago things were.
struct backup_past {
  std::chrono::seconds start{};
  std::optional<std::chrono::seconds> last{};     ///< since the last whole backup
  std::optional<std::chrono::seconds> attempt{};  ///< since the last attempt of this process
};
/// How long until the next is due; none without a schedule. Attempts are an hour apart, whatever
/// came of them.
std::optional<std::chrono::seconds> until_due(const backup_plan& plan, const backup_past& past);
/// Two periods without one.
bool is_late(const backup_plan& plan, const backup_past& past);

/// For the calling thread and for ever: whoever else wants the processor or the disk goes first.
void lower_priority();

class backup_keeper {
 public:
  explicit backup_keeper(backup_plan plan, const wall_clock& clock = system_wall_clock());
  ~backup_keeper();
  backup_keeper(const backup_keeper&) = delete;
  backup_keeper& operator=(const backup_keeper&) = delete;

  void start();  ///< after a first look at the disk
  /// Ends what is being made, also by other threads.
  void stop();

  /// Any thread, which waits for another backup first. Then old ones go.
  expected<kept_backup> make(const backup_watch& watch);
  /// As they were at the last look; any thread, never blocks on the disk.
  std::vector<kept_backup> list() const;
  /// Of the last whole one; without one, since the start. None where neither a schedule nor a
  /// backup is: somebody else's are somebody else's to watch. Any thread, never blocks.
  std::optional<std::chrono::seconds> age() const;
  void refresh_metrics() const;

 private:
  void run();
  std::chrono::seconds work();  ///< how long to wait then
  void look();
  backup_past past() const;

  const backup_plan plan_;
  const wall_clock& clock_;
  const std::chrono::steady_clock::time_point started_at_ = std::chrono::steady_clock::now();
  std::timed_mutex making_;
  mutable std::mutex mutex_;  ///< of what follows
  std::condition_variable wake_;
  std::vector<kept_backup> known_;
  std::optional<std::chrono::steady_clock::time_point> tried_at_;
  std::atomic<bool> is_stopping_ = false;
  bool is_late_told_ = false;  ///< the thread's own
  std::thread thread_;
};

}  // namespace parley::storage
