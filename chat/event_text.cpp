#include "chat/event_text.hpp"

#include "base/record_json.hpp"

namespace parley {

std::string event_text(const session& changed) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("sessionId", to_string(changed.id));
  json.member("version", changed.version).member("title", changed.title);
  json.member("updatedAt", to_string(changed.updated_at)).end_object();
  return text;
}

std::string event_text(const session_id& session, const message_id& message) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("sessionId", to_string(session));
  json.member("messageId", to_string(message)).end_object();
  return text;
}

std::string event_text(const session_id& session, const message_id& message,
                       message_status status) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("sessionId", to_string(session));
  json.member("messageId", to_string(message)).member("status", name_of(status)).end_object();
  return text;
}

std::string event_text(const job& changed) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("jobId", to_string(changed.id)).member("kind", name_of(changed.kind));
  json.member("status", name_of(changed.status)).member("done", changed.done);
  json.member("total", changed.total).end_object();
  return text;
}

std::string event_text_of_id(const std::string& id) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("id", id).end_object();
  return text;
}

}  // namespace parley
