/// The actor of long work.
#pragma once

#include "actors/directory.hpp"
#include "actors/job_messages.hpp"

namespace parley {

/// The JOBS actor: uploads, and the imports, exports and backups that wait or run. One a node,
/// floats, never sleeps. A job runs on a thread of its own, few at a time and one for each user;
/// the others wait in their order.
using jobs_actor = caf::typed_actor<
    // message          answer         what it does
    ask<add_upload, upload>,         //
    ask<get_upload, upload>,         // READER answers
    ask<add_piece, upload>,          // on disk when it is answered
    ask<drop_upload, done>,          //
    ask<start_import, job>,          // queue it
    ask<start_export, job>,          // queue it
    ask<start_backup, job>,          // queue it
    ask<list_jobs, page_of<job>>,    //
    ask<get_job, job>,               //
    ask<drop_job, done>,             // cancel, or forget
    ask<follow_job, events_joined>,  // then event_slice as it goes on
    ask<read_job_file, file_piece>,  //
    tell<leave_events>,              // from EDGE: the client is gone
    tell<end_job_streams>,           // from USER: a login has ended
    tell<job_progressed>,            // from a worker
    tell<job_ended>,                 // from a worker
    tell<jobs_check>,                // from itself
    tell<meet_directory>>;           // from app/node

}  // namespace parley
