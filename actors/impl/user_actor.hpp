/// Spawns USER actors (actors/user.hpp).
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "actors/alert_messages.hpp"
#include "actors/counter.hpp"
#include "actors/hasher.hpp"
#include "actors/impl/call_actor.hpp"
#include "actors/impl/live_settings.hpp"
#include "actors/impl/model_changes.hpp"
#include "actors/impl/quota_board.hpp"
#include "actors/impl/user_gauge.hpp"
#include "actors/user.hpp"
#include "base/clock.hpp"
#include "base/signed_token.hpp"

namespace parley {

/// Starts a SESSION for its USER. `fresh` is the header of a session that is stored by the commit
/// of its first turn; otherwise the session is loaded.
using session_factory = std::function<session_actor(session_parent_actor parent, user_id owner,
                                                    session_id id, std::optional<session> fresh)>;

/// Starts a CALL for its USER.
using call_factory = std::function<call_actor(call_place place)>;

/// The same for one that is never stored: whoever reads it asks `texts` in place of READER.
struct temporary_session {
  session_actor holder;
  reader_actor texts;
};
using temporary_factory =
    std::function<temporary_session(session_parent_actor parent, session fresh)>;

struct user_limits {
  size_t logins_max = 50;   ///< the oldest goes
  size_t models_max = 100;  ///< settings: models_per_user_max
  size_t keys_max = 50;     ///< settings: api_keys_per_user_max
  size_t folders_max = 500;
  size_t listeners_max = 100;        ///< to live changes
  int64_t sessions_max = 10'000;     ///< settings: sessions_per_user_max
  size_t sessions_open_max = 1'000;  ///< SESSION actors awake at a time
  int streams_max = 4;               ///< settings: streams_per_user_max
  size_t temporary_max = 10;         ///< settings: temporary_sessions_max
  int wrong_passwords_max = 5;       ///< in change_password, within wrong_password_pause
  std::chrono::seconds wrong_password_pause{900};
  std::chrono::seconds access_token_life{900};
  std::chrono::hours refresh_token_life{30 * 24};
  std::chrono::seconds spent_token_grace{10};  ///< an answer that got lost is no theft
  std::chrono::seconds idle_max{600};          ///< settings: user_idle_max_s
};

/// What all USER actors of a node share. Clock, signer and sealer outlive them.
struct user_parts {
  storage_actor storage;
  reader_actor reader;
  hasher_actor hasher;
  counter_actor counting;
  system_models_actor system_models;
  job_streams_actor jobs;
  session_factory start_session;
  call_factory start_call;
  temporary_factory start_temporary;
  /// Why no turn should be begun: the database does not take it. Empty when it does, or unset.
  /// Asked at each turn, so it must not block (docs/decisions/0007-storage-health.md).
  std::function<error()> storage_fault;
  model_tools models;
  budget_watch_actor budgets{};  ///< unset: nobody is alerted
  int64_t budget_percent = 80;   ///< settings: alert_budget_percent
  std::shared_ptr<const quota_board> quotas = std::make_shared<quota_board>();
  /// What an ADMIN changes while the system runs; never null.
  std::shared_ptr<const live_settings> live = std::make_shared<const live_settings>();
  const token_signer* signer = nullptr;
  const wall_clock* clock = &system_wall_clock();
  user_limits limits;
};

/// What one USER is made of. `parts` is shared by all of them: each costs a pointer, no copy.
struct user_place {
  user_id id;
  user_parent_actor parent;
  std::shared_ptr<user_gauge> gauge;  ///< never null
};

user_actor spawn_user(caf::actor_system& system, user_place place,
                      std::shared_ptr<const user_parts> parts);

}  // namespace parley
