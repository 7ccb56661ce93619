/// What JOBS, UPKEEP and the keeper of backups are made of, from the settings.
#pragma once

#include "actors/impl/jobs_actor.hpp"
#include "actors/impl/upkeep_actor.hpp"
#include "base/settings.hpp"
#include "chat/token_count.hpp"
#include "storage/backup_keeper.hpp"

namespace parley::app {

struct database_handles {
  storage_actor storage;
  reader_actor reader;
};

/// What jobs work with; all of it outlives them.
struct job_means {
  const token_counter& counter;
  storage::backup_keeper& backups;
};

jobs_parts make_jobs_parts(caf::actor_system& system, const settings& values,
                           const job_means& means, const database_handles& database);

/// `known`: whom it asks; when it works is the settings'.
upkeep_actor start_upkeep(caf::actor_system& system, const settings& values, upkeep_parts known);

/// Where the server's backups are.
std::filesystem::path backup_dir_of(const settings& values);
storage::backup_plan backup_plan_of(const settings& values);

}  // namespace parley::app
