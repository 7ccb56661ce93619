/// The actor of one chat session.
#pragma once

#include "actors/session_messages.hpp"
#include "actors/storage.hpp"

namespace parley {

struct reply_ticket;

/// What SESSION needs of the USER that spawned it.
using session_parent_actor =
    caf::typed_actor<ask<find_model, model_config>, tell<session_idle>, tell<turn_ended>,
                     tell<session_weighs>, tell<note_event>, ask<reserve_spend, spend_granted>,
                     tell<tokens_streamed>, tell<spend_settled>>;

/// The SESSION actor: one chat session's message headers, context window and running reply.
/// Spawned and watched by its USER actor, on the same node; floats. Sleeps after
/// session_idle_max_s, never while a reader or a call is there. Fails a request with errc; never
/// stops because of one.
using session_actor = caf::typed_actor<
    // message         answer        what it does
    tell<reply_delta>,                  // from PROVIDER; what comes with each token stands first:
    tell<grant_credit>,                 // from a reader: so many more bytes may be sent
    tell<reply_tick>,                   // from PROVIDER, each second: checkpoint
    ask<start_turn, reply_ticket>,      // store the draft and start the model; answers once stored
    ask<follow_reply, reply_ticket>,    // slices are then told to the reader while credit lasts
    tell<leave_reply>,                  // from a reader: its client is gone
    ask<stop_reply, done>,              // cancel upstream; what arrived is kept and stored
    ask<change_session, session>,       // merge patch, stored
    ask<fork_session, session>,         // a branch of it as a session of its own
    ask<drop_session, done>,            // remove it with its messages, then end
    ask<preview_turn, turn_preview>,    // what a turn would send
    ask<change_message, message>,       // what its user notes on it
    ask<drop_message, done>,            // with all that answers to it
    ask<get_summary, session_summary>,  // not_found if there is none
    ask<write_summary, session_summary>,  // the user's own
    ask<drop_summary, done>,              // back to the bare conversation
    ask<make_summary, session_summary>,   // the model writes it now
    tell<session_work>,                   // from itself: something to do once a turn is over
    tell<end_streams>,                    // from USER: a login ended
    tell<reply_finished>,                 // from PROVIDER: usage and reason
    tell<reply_failed>,                   // from PROVIDER: a safe error
    tell<checkpoint_stored>,              // from STORAGE: the provider need not wait for it
    tell<checkpoint_lost>,                // from STORAGE: make it again
    tell<idle_check>,                     // from itself
    tell<rest>,                           // from USER: sleep if idle
    tell<spend_ruled>,                    // from USER: how the budget stands
    tell<sleep_now>>;                     // from USER: yes, end

/// Where the reply is and who holds it.
struct reply_ticket {
  session_id session;
  message_id user_message;
  message_id message;
  session_actor holder;
  bool is_stored = false;  ///< finished: the stream will be short
};
PARLEY_INSPECT(reply_ticket, session, user_message, message, holder, is_stored)

}  // namespace parley
