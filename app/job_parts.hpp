/// What JOBS is made of, from the settings.
#pragma once

#include "actors/impl/jobs_actor.hpp"
#include "base/settings.hpp"
#include "chat/token_count.hpp"

namespace parley::app {

struct database_handles {
  storage_actor storage;
  reader_actor reader;
};

/// The system and the counter outlive all jobs.
jobs_parts make_jobs_parts(caf::actor_system& system, const settings& values,
                           const token_counter& counter, const database_handles& database);

}  // namespace parley::app
