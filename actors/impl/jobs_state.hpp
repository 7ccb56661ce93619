/// The state of the JOBS actor: one `on` for each row of its table.
#pragma once

#include <map>
#include <set>

#include "actors/impl/audit.hpp"
#include "actors/impl/jobs_actor.hpp"
#include "actors/impl/make_once.hpp"
#include "actors/impl/store_then.hpp"

namespace parley {

struct jobs_state {
  static inline const char* name = "jobs";
  explicit jobs_state(jobs_actor::pointer actor) : self(actor) {}
  ~jobs_state();

  void begin(jobs_parts given);

  // jobs_uploads.cpp
  caf::result<upload> on(const add_upload& asked);
  caf::result<upload> on(const get_upload& asked) const;
  caf::result<upload> on(add_piece&& piece);
  caf::result<done> on(const drop_upload& asked);
  caf::result<file_piece> on(const read_job_file& asked);

  // jobs_queue.cpp
  caf::result<job> on(const start_import& asked);
  caf::result<job> on(const start_export& asked);
  caf::result<job> on(const start_backup& asked);
  caf::result<page_of<job>> on(const list_jobs& asked);
  caf::result<job> on(const get_job& asked);
  caf::result<done> on(const drop_job& asked);

  // jobs_actor.cpp
  void on(const job_progressed& told);
  void on(const job_ended& told);
  void on(const jobs_check& message);
  void on(const meet_directory& met);
  caf::result<events_joined> on(const follow_job& asked);
  void on(const leave_events& leaving);
  void on(const end_job_streams& ended);
  void on_down(const caf::down_msg& down);

  const storage_actor& storage() const { return parts_.storage; }
  const reader_actor& reader() const { return parts_.reader; }
  instant now() const { return parts_.clock->now(); }

  jobs_actor::pointer self;
  held_answers answers;

 private:
  struct follower {
    event_reader_actor reader;
    uint64_t stream = 0;
    user_id user;
    login_id login;
  };
  /// A job that is not over, or whose end is not stored yet.
  struct entry {
    job work;
    std::shared_ptr<std::atomic<bool>> is_stopped = std::make_shared<std::atomic<bool>>(false);
    caf::actor worker{};
    std::vector<follower> followers{};
    bool is_starting = false;  ///< that it runs is being stored
    bool is_ending = false;    ///< so is its end

    bool is_waiting() const { return work.status == job_status::queued && !is_starting; }
    bool is_active() const { return !is_waiting(); }
  };

  // jobs_actor.cpp
  void load(const transfers_loaded& found);
  void keep_known_files(const transfers_loaded& found);
  void hire_files();
  void work();
  bool may_run(const entry& wanted) const;
  void begin_job(entry& next);
  void run_job(job_id id);
  void finish(entry& over, const job_ended& how);
  void store_end(job_id id);
  void close(job_id id);
  void retry_later();
  void renew(job& changed) const;
  entry* find(job_id id);
  entry* find(user_id owner, job_id id);
  void tell_followers(const entry& of, const std::string& name) const;
  void tell_owner(const job& of);
  template <class M>
  void tell_user(user_id user, M message);
  size_t count_followers() const;

  // jobs_queue.cpp
  job new_job(user_id owner, job_kind kind) const;
  caf::result<job> queue_once(const caller& by, const std::optional<request_key>& once,
                              job_kind kind);
  void queue_import(uint64_t key, const start_import& asked);
  void queue(uint64_t key, const job& made, const caller& by,
             const std::optional<request_key>& once);
  void repeat(uint64_t key, user_id owner, job_id made);
  expected<void> check_room(user_id owner) const;

  // jobs_uploads.cpp
  void take_piece(uint64_t key, const std::shared_ptr<add_piece>& piece, const upload& known);
  void store_piece(uint64_t key, const std::shared_ptr<add_piece>& piece, const upload& grown);
  void end_piece(uint64_t key, const add_piece& piece, expected<upload> result);
  bool is_in_use(upload_id id) const;

  jobs_parts parts_;
  directory_actor directory_;
  file_worker_actor files_;
  std::map<job_id, entry> entries_;                 ///< ids rise: in the order of their making
  std::set<std::pair<user_id, upload_id>> pieces_;  ///< on their way to the disk
  bool is_retry_due_ = false;
};

}  // namespace parley
