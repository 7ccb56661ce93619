#include "app/job_parts.hpp"

#include "actors/impl/file_worker.hpp"
#include "actors/impl/job_worker.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

jobs_parts make_jobs_parts(caf::actor_system& system, const settings& values,
                           const job_means& means, const database_handles& database) {
  auto tools = std::make_shared<job_tools>();
  tools->storage = database.storage;
  tools->reader = database.reader;
  tools->directory = std::filesystem::path{values.data_dir} / "transfers";
  tools->counter = &means.counter;
  tools->back_up = [keeper = &means.backups](const storage::backup_watch& watch) {
    // The thread is the job's and ends with it.
    storage::lower_priority();
    return keeper->make(watch);
  };
  tools->limits.zip.decoded_bytes_max = static_cast<int64_t>(values.import_bytes_max);
  tools->sessions_max = static_cast<int64_t>(values.sessions_per_user_max);
  tools->messages_max = values.messages_per_session_max;
  jobs_parts made;
  made.storage = database.storage;
  made.reader = database.reader;
  made.start_files = [&system, directory = tools->directory] {
    return spawn_file_worker(system, directory);
  };
  made.start_job = [&system, tools](job_order order) {
    return spawn_job_worker(system, std::move(order), tools);
  };
  made.limits.uploads_max = static_cast<int64_t>(values.uploads_per_user_max);
  made.limits.upload_bytes_max = static_cast<int64_t>(values.upload_bytes_max);
  made.limits.running_max = values.jobs_running_max;
  made.limits.waiting_max = values.jobs_waiting_max;
  made.limits.report_age_max = values.jobs_kept_days;
  return made;
}

upkeep_actor start_upkeep(caf::actor_system& system, const settings& values, upkeep_parts known) {
  known.hour = std::chrono::hours{values.upkeep_hour};
  known.delay = values.upkeep_delay_s;
  return spawn_upkeep(system, std::move(known));
}

std::filesystem::path backup_dir_of(const settings& values) {
  if (!values.backup_dir.empty()) return values.backup_dir;
  return std::filesystem::path{values.data_dir} / "backups";
}

storage::backup_plan backup_plan_of(const settings& values) {
  storage::backup_plan plan;
  plan.database = std::filesystem::path{values.data_dir} / storage::database_file_name;
  plan.folder = backup_dir_of(values);
  plan.every = std::chrono::hours{values.backup_every_hours};
  plan.delay = values.backup_delay_s;
  plan.kept_max = values.backups_kept_max;
  return plan;
}

}  // namespace parley::app
