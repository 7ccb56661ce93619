/// The STORAGE actor (actors/storage.hpp): all writes, many commits in one transaction.
///
/// app/ spawns one for each database, detached, because it waits for the disk. A commit is written
/// at once with whatever else waits, a checkpoint at most `checkpoint_wait` later: a thousand
/// replies would else cost a thousand transactions a second. A commit that is bad fails alone; when
/// the transaction fails, all in it do. After an I/O error the connection is closed and another one
/// opened: a failed fsync is never tried again, its pages may be gone.
#pragma once

#include <atomic>

#include "actors/storage.hpp"
#include "base/metrics.hpp"
#include "storage/sealed_keys.hpp"
#include "storage/sqlite.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

/// How the last write went: `failing` is 0, or the errc that new turns are refused with
/// (storage_full, storage_failed, corrupt_data). Shared with whoever shows health; any thread.
struct storage_health {
  std::atomic<uint8_t> failing{0};

  bool is_ok() const { return failing == 0; }
};

struct storage_parts {
  std::shared_ptr<database> files;
  /// Shared by STORAGE, which writes it, and the health page; none if nobody looks.
  std::shared_ptr<storage_health> health;
  const wall_clock* clock = &system_wall_clock();
  size_t storage_queue_max = 10'000;
  std::chrono::milliseconds checkpoint_wait{100};
  int checkpoint_frames = 1000;  ///< of 4 KiB: a log this long is copied into the database
  std::chrono::milliseconds probe_every{500};
  std::chrono::minutes sweep_every{10};
  /// Given when keys lie in the database that an older sealing key has sealed: STORAGE goes through
  /// the models once, between its other work.
  seal_anew_function seal_anew;
};

class storage_state {
 public:
  static inline const char* name = "storage";

  explicit storage_state(storage_actor::pointer self) : self_(self) {}
  /// Commits what waits, then leaves an empty write-ahead log.
  ~storage_state();

  void start(storage_parts parts);
  caf::result<done> on(commit&& message);
  void on(checkpoint_reply&& message);
  void on(const flush&);
  void on(const sweep&);
  void on(const release_memory&);

 private:
  struct waiting {
    commit unit;
    answer<done> reply;
    error cause;
  };
  struct waiting_checkpoint {
    checkpoint_reply added;
    checkpoint_sender_actor sender;
  };

  using time_point = caf::actor_clock::time_point;

  expected<void> reopen();
  expected<void> apply_unit(const commit& unit);
  expected<void> apply_checkpoints(const std::vector<waiting_checkpoint>& checkpoints);
  expected<void> write_all(std::vector<waiting>& units,
                           const std::vector<waiting_checkpoint>& checkpoints);
  void flush_now();
  void answer_all(std::vector<waiting>& units, const expected<void>& written);
  void tell_lost(const waiting_checkpoint& lost);
  void tell_stored(const waiting_checkpoint& stored);
  void note_health(const error& fault);
  void checkpoint_if_long();
  expected<void> probe();
  expected<sweep_result> sweep_once();
  expected<bool> shrink_some();
  expected<bool> seal_some_anew();

  storage_actor::pointer self_;
  storage_parts parts_;
  std::unique_ptr<connection> db_;
  std::vector<waiting> queue_;
  std::vector<waiting_checkpoint> checkpoints_;
  bool is_flush_sent_ = false;
  time_point late_flush_due_{};  ///< for checkpoints that nothing else takes along
  bool is_stopping_ = false;
  time_point probe_due_{};
  time_point sweep_due_{};
  model_id sealed_until_{};
  int sealed_anew_ = 0;

  metric_counter* commits_ = nullptr;
  metric_counter* transactions_ = nullptr;
  metric_counter* failures_ = nullptr;
  metric_counter* swept_ = nullptr;
  metric_gauge* waiting_ = nullptr;
  metric_histogram* write_time_ = nullptr;
};

storage_actor::behavior_type storage_writer(storage_actor::stateful_pointer<storage_state> self,
                                            storage_parts parts);

}  // namespace parley::storage
