/// What STORAGE and READER are to a session, for one that is temporary: its messages in memory, and
/// nowhere else.
#pragma once

#include "actors/impl/session_actor.hpp"
#include "actors/impl/user_actor.hpp"

namespace parley {

/// The rows of STORAGE and READER that a SESSION needs. One for each temporary session, floats;
/// ends with it. What was used is no word of anybody's: that goes on to STORAGE. A message beyond
/// `bytes_max` of texts is quota_exceeded, reason `temporary_bytes_max`; a reply that runs already
/// is taken whole.
using temporary_store_actor =
    caf::typed_actor<ask<commit, done>,                  //
                     tell<checkpoint_reply>,             // not needed: nothing outlives the SESSION
                     ask<load_session, session_loaded>,  //
                     ask<read_messages, message_list>,   //
                     ask<read_contents, content_list>,   //
                     ask<read_session, session>,         //
                     ask<page_messages, page_of<message>>,  //
                     ask<read_message, message>>;           //

temporary_store_actor spawn_temporary_store(caf::actor_system& system, storage_actor storage,
                                            size_t bytes_max);

/// A SESSION over a store of its own. `parts` are those of any other session.
temporary_session start_temporary(caf::actor_system& system, session_parts parts, session fresh,
                                  size_t bytes_max);

}  // namespace parley
