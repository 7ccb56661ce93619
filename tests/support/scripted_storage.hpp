/// STORAGE and READER over plain maps, with the promises of schema/change.hpp kept, and failures to
/// order. For tests of the actors above the database.
#pragma once

#include <map>

#include "actors/storage.hpp"

namespace parley::tests {

/// The "database", owned by the test; the actors borrow it.
struct memory_tables {
  std::map<user_id, user> users;
  std::map<login_id, login> logins;
  std::map<std::string, spent_token> spent;  ///< by hash
  std::map<model_id, model_config> models;
  std::map<folder_id, folder> folders;
  std::map<user_id, user_settings> settings;
  system_settings system;
  std::map<session_id, session> sessions;
  std::map<message_id, message> messages;
  std::vector<remember_key> keys;
  calibration_list calibrations;
  std::map<api_key_id, api_key> api_keys;
  quota_settings quotas;
  std::vector<usage_entry> usage;
  std::map<invitation_id, invitation> invitations;
  std::vector<audit_entry> audit;
  std::map<upload_id, upload> uploads;
  std::map<job_id, job> jobs;

  error apply(const change& wanted, instant now);
  user* find_name(std::string_view username);
};

struct scripted_storage {
  memory_tables tables;
  const wall_clock* clock = nullptr;
  std::vector<commit> commits;  ///< all that came, failed ones too
  error fail_commit;            ///< while set, commits fail with it
  error fail_read;              ///< while set, READER fails with it

  storage_actor spawn_storage(caf::actor_system& system);
  reader_actor spawn_reader(caf::actor_system& system);
};

}  // namespace parley::tests
