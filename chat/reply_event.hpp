/// The events of a reply as readers get them (api.md, The chat stream).
#pragma once

#include "schema/message.hpp"

namespace parley {

/// The event `start`: position 1. Sent after the user message is stored.
struct reply_start {
  parley::session_id session_id;
  parley::message_id user_message_id;
  parley::message_id message_id;
  std::optional<parley::model_id> model_id;
  context_used context;
};
PARLEY_RECORD(reply_start, FIELD(session_id, "sessionId"), FIELD(user_message_id, "userMessageId"),
              FIELD(message_id, "messageId"), FIELD(model_id, "modelId"), FIELD(context, "context"))

/// A part that opens (its text is empty) or text that joins it. `position` is that of its end.
struct reply_event {
  int64_t position = 0;
  int32_t part = 0;
  part_type type = part_type::text;
  bool is_opening = false;
  std::string text;
};
PARLEY_INSPECT(reply_event, position, part, type, is_opening, text)

/// What a reader missed for ever (a crash, a window left behind): it replaces what it shows.
struct reply_snapshot {
  parley::message_id message_id;
  int64_t position = 0;
  std::vector<part> parts;
};
PARLEY_RECORD(reply_snapshot, FIELD(message_id, "messageId"), FIELD(position, "position"),
              FIELD(parts, "parts"))

/// The events after a reader's position, in the order of the fields. The last slice of a stream has
/// `status`, the event `done`; or an error with position 0, which ends this stream alone (its login
/// was ended, the session removed) while the reply goes on or is gone.
struct slice {
  uint64_t stream = 0;  ///< the reader's own name for the stream
  std::optional<reply_start> start;
  std::optional<reply_snapshot> snapshot;
  std::vector<reply_event> events;
  std::optional<parley::usage> usage;
  std::optional<message_error> error;
  int64_t error_position = 0;
  std::optional<message_status> status;
  int64_t status_position = 0;
};
PARLEY_INSPECT(slice, stream, start, snapshot, events, usage, error, error_position, status,
               status_position)

}  // namespace parley
