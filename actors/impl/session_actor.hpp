/// Spawns SESSION actors (actors/session.hpp).
#pragma once

#include <chrono>

#include "actors/counter.hpp"
#include "actors/session.hpp"
#include "base/boxed.hpp"
#include "base/clock.hpp"
#include "chat/token_count.hpp"

namespace parley {

class session_state;

/// Limits of one SESSION; app/ fills them from the settings.
struct session_limits {
  size_t replies_max = 1;
  size_t messages_max = 10'000;
  size_t readers_max = 100;                      ///< of all its replies together
  size_t askers_max = 100;                       ///< requests that wait for an answer
  size_t replies_kept_max = 4;                   ///< that are over and that nobody reads
  size_t texts_bytes_max = size_t{64} << 10;     ///< of messages, kept for the next request
  size_t pinned_max = 100;                       ///< messages
  size_t count_inline_bytes = size_t{64} << 10;  ///< longer texts are counted by COUNTER
  int64_t checkpoint_bytes = 4096;
  int64_t unread_bytes = 8 << 10;      ///< of a reply, before its provider waits for its readers
  int64_t unstored_bytes = 128 << 10;  ///< or for its checkpoints
  std::chrono::milliseconds idle_max{60'000};
  std::chrono::milliseconds reply_keep{60'000};  ///< a finished reply stays in memory this long
};

/// What a SESSION is made of. Clock and counter outlive all actors.
struct session_parts {
  storage_actor storage;
  reader_actor reader;
  session_parent_actor parent;
  counter_actor counting;
  user_id owner;
  session_id id;
  /// A session not stored yet: the first turn's commit creates it.
  boxed<session> fresh;
  const wall_clock* clock = nullptr;
  const token_counter* counter = nullptr;
  session_limits limits;
};

/// Its USER, which asked for it, watches it.
session_actor spawn_session(caf::actor_system& system, session_parts parts);

}  // namespace parley
