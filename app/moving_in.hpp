/// parley migrate-from: a whole installation of another program, with the server stopped.
#pragma once

#include "app/mover.hpp"
#include "base/settings.hpp"

namespace parley::app {

struct migrate_from_options {
  std::string database;   ///< webui.db
  bool is_trial = false;  ///< only says what would be moved; beside a running server too
  bool is_json = false;
};
/// Prints the counts of everything the other database holds.
int migrate_from_openwebui(const configuration& config, const migrate_from_options& options);

expected<moving_report> move_openwebui(const configuration& config,
                                       const migrate_from_options& options);

/// {"users":{"taken":3,"changed":{…},"leftOut":{…},"total":4},…}
std::string json_of(const moving_report& report);

}  // namespace parley::app
