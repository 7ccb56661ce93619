/// The data of live changes: small, what changed is read with its own route. Pure.
#pragma once

#include <string>

#include "schema/job.hpp"
#include "schema/message.hpp"
#include "schema/session.hpp"

namespace parley {

/// Of session.created and session.updated.
std::string event_text(const session& changed);
/// Of message.created and message.deleted.
std::string event_text(const session_id& session, const message_id& message);
/// Of reply.started and reply.finished.
std::string event_text(const session_id& session, const message_id& message, message_status status);
/// Of job.progress.
std::string event_text(const job& changed);
/// Of what is named by its id alone.
std::string event_text_of_id(const std::string& id);

}  // namespace parley
