/// The log's files and the LOGS actor, from the settings.
#pragma once

#include "actors/impl/logs_actor.hpp"
#include "base/settings.hpp"

namespace parley::app {

std::filesystem::path log_directory_of(const settings& values);
/// None where `log_files` is off.
log_files_options log_files_of(const settings& values);
/// With a worker of its own.
logs_actor start_logs(caf::actor_system& system, const settings& values);

}  // namespace parley::app
