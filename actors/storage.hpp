/// The actors of the database.
#pragma once

#include "actors/search_messages.hpp"
#include "actors/storage_messages.hpp"

namespace parley {

/// The STORAGE actor: the only writer. Detached; owns the one connection that writes and
/// checkpoints, drains what waits into one transaction and answers after its commit.
/// Fails a commit with conflict, not_found, storage_full, storage_failed or, beyond
/// storage_queue_max waiting commits, unavailable; a bad commit fails alone.
using storage_actor = caf::typed_actor<
    // message     answer   what it does
    ask<commit, done>,       // queue; stored together with whatever else waits
    tell<checkpoint_reply>,  // from SESSION: stored soon, with others
    tell<flush>,             // from itself, behind all that waits: one transaction for all
    tell<sweep>,             // from itself: the next batch of an erased user
    tell<release_memory>>;   // pages and statements in memory

/// Who sends checkpoints.
using checkpoint_sender_actor = caf::typed_actor<tell<checkpoint_stored>, tell<checkpoint_lost>>;

/// A READER actor: read-only queries, owner in every WHERE. Several, detached, behind one handle.
using reader_actor = caf::typed_actor<
    // message            answer             what it reads
    ask<page_invitations, page_of<invitation>>,
    ask<find_username, found_user>,            // name -> id, without regard to ASCII case
    ask<load_user, user_state_loaded>,         // all of a USER actor's state
    ask<find_spent_token, spent_token>,        // a refresh token used twice?
    ask<list_accounts, page_of<user>>,         // for ADMIN
    ask<load_system, system_loaded>,           // all of ADMIN's state
    ask<load_session, session_loaded>,         // all of a SESSION actor's state
    ask<read_messages, message_list>,          // some, whole
    ask<read_contents, content_list>,          // what a model is shown of some
    ask<read_session, session>,                // one
    ask<page_sessions, page_of<session>>,      // a list
    ask<find_old_sessions, old_sessions>,      // for UPKEEP
    ask<page_messages, page_of<message>>,      // a tree or a path
    ask<read_message, message>,                // one
    ask<find_key, known_key>,                  // was this Idempotency-Key used?
    ask<find_invitation, found_invitation>,    // by the hash of its code
    ask<page_audit, page_of<audit_entry>>,     // for ADMIN
    ask<check_audit, audit_check>,             // does the chain hold?
    ask<load_calibrations, calibration_list>,  // all of COUNTER's state
    ask<sum_windows, window_sums>,             // what USER counts quotas from
    ask<read_usage, usage_report>,             // summed up for a report
    ask<read_upload, upload>,                  // one
    ask<read_job, job>,                        // one
    ask<page_jobs, page_of<job>>,              // a list
    ask<load_transfers, transfers_loaded>,     // all of JOBS' state
    ask<search_texts, search_page>,            // words in titles and messages
    tell<release_memory>>;                     // pages and statements in memory, of all readers

}  // namespace parley
