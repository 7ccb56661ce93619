/// Bodies of requests that are no record of their own. All bounds in bytes.
#pragma once

#include "schema/message.hpp"
#include "schema/session.hpp"
#include "schema/user.hpp"

namespace parley {

struct register_body {
  std::string username;
  secret_text password;
  std::optional<std::string> display_name;
  std::optional<std::string> email;
  secret_text setup_code;
  secret_text invite_code;
};
PARLEY_RECORD(register_body,
              FIELD(username, "username", .uses = in_create | required, .length_min = 2,
                    .length_max = 64),
              FIELD(password, "password", .uses = in_create | required, .length_max = 1024),
              FIELD(display_name, "displayName", .uses = in_create, .length_max = 200),
              FIELD(email, "email", .uses = in_create, .length_min = 3, .length_max = 254),
              FIELD(setup_code, "setupCode", .uses = in_create, .length_max = 100),
              FIELD(invite_code, "inviteCode", .uses = in_create, .length_max = 100))

struct login_body {
  std::string username;
  secret_text password;
};
PARLEY_RECORD(login_body,
              FIELD(username, "username", .uses = in_create | required, .length_max = 64),
              FIELD(password, "password", .uses = in_create | required, .length_max = 1024))

/// Programs send the token, browsers have it in a cookie.
struct refresh_body {
  std::optional<secret_text> refresh_token;
};
PARLEY_RECORD(refresh_body,
              FIELD(refresh_token, "refreshToken", .uses = in_create, .length_max = 200))

struct password_body {
  secret_text current_password;
  secret_text new_password;
};
PARLEY_RECORD(password_body,
              FIELD(current_password, "currentPassword", .uses = in_create | required,
                    .length_max = 1024),
              FIELD(new_password, "newPassword", .uses = in_create | required, .length_max = 1024))

/// The one-time code of an ADMIN for a new password.
struct reset_body {
  std::string username;
  secret_text code;
  secret_text new_password;
};
PARLEY_RECORD(reset_body,
              FIELD(username, "username", .uses = in_create | required, .length_max = 64),
              FIELD(code, "code", .uses = in_create | required, .length_max = 100),
              FIELD(new_password, "newPassword", .uses = in_create | required, .length_max = 1024))

/// An ADMIN makes an account. Without a password it gets a one-time code.
struct new_user_body {
  std::string username;
  std::optional<secret_text> password;
  std::optional<std::string> display_name;
  std::optional<std::string> email;
  parley::role role = parley::role::user;
};
PARLEY_RECORD(new_user_body,
              FIELD(username, "username", .uses = in_create | required, .length_min = 2,
                    .length_max = 64),
              FIELD(password, "password", .uses = in_create, .length_max = 1024),
              FIELD(display_name, "displayName", .uses = in_create, .length_max = 200),
              FIELD(email, "email", .uses = in_create, .length_min = 3, .length_max = 254),
              FIELD(role, "role", .uses = in_create))

/// A user_status that can be asked for. `erased` is no choice here: DELETE does that.
enum class wanted_status : uint8_t { active = 1, disabled };
constexpr std::array<std::string_view, 2> names_of(wanted_status) {
  return {"active", "disabled"};
}

/// What an ADMIN may change of an account.
struct user_change_body {
  std::optional<parley::role> role;
  std::optional<wanted_status> status;
  std::optional<json_text> labels;
};
PARLEY_RECORD(user_change_body, FIELD(role, "role", .uses = in_patch),
              FIELD(status, "status", .uses = in_patch),
              FIELD(labels, "labels", .uses = in_patch, .length_max = 2048))

/// What an upstream is asked for its list of models.
struct discovery_body {
  std::string provider;
  std::optional<std::string> base_url;
  std::optional<secret_text> api_key;
};
PARLEY_RECORD(discovery_body,
              FIELD(provider, "provider", .uses = in_create | required, .length_min = 1,
                    .length_max = 40),
              FIELD(base_url, "baseUrl", .uses = in_create, .length_min = 8, .length_max = 2000),
              FIELD(api_key, "apiKey", .uses = in_create, .length_max = 1000))

/// A turn. `content` is short for one text part.
struct chat_body {
  std::optional<parley::session_id> session_id;
  std::optional<std::string> content;
  std::optional<std::vector<part>> parts;
  std::optional<message_id> parent_id;
  std::optional<parley::model_id> model_id;
  reply_params params;
  bool stop_on_disconnect = false;
  bool temporary = false;
};
PARLEY_RECORD(chat_body, FIELD(session_id, "sessionId", .uses = in_create),
              FIELD(content, "content", .uses = in_create, .length_min = 1, .length_max = 16 << 20),
              FIELD(parts, "parts", .uses = in_create, .length_min = 1, .length_max = 32),
              FIELD(parent_id, "parentId", .uses = in_create),
              FIELD(model_id, "modelId", .uses = in_create),
              FIELD(params, "params", .uses = in_create),
              FIELD(stop_on_disconnect, "stopOnDisconnect", .uses = in_create),
              FIELD(temporary, "temporary", .uses = in_create))

/// Another reply in place of one, or more of one that ended early.
struct again_body {
  parley::message_id message_id;
  std::optional<parley::model_id> model_id;
  reply_params params;
  bool stop_on_disconnect = false;
};
PARLEY_RECORD(again_body, FIELD(message_id, "messageId", .uses = in_create | required),
              FIELD(model_id, "modelId", .uses = in_create),
              FIELD(params, "params", .uses = in_create),
              FIELD(stop_on_disconnect, "stopOnDisconnect", .uses = in_create))

enum class session_action : uint8_t { archive = 1, restore, erase, move, tag };
constexpr std::array<std::string_view, 5> names_of(session_action) {
  return {"archive", "restore", "delete", "move", "tag"};
}

/// One thing for many sessions. `folderId` is of `move` (null: out of any folder), `tags` are added
/// by `tag`.
struct bulk_body {
  std::vector<session_id> ids;
  session_action action = session_action::archive;
  std::optional<parley::folder_id> folder_id;
  std::vector<std::string> tags;
};
PARLEY_RECORD(bulk_body,
              FIELD(ids, "ids", .uses = in_create | required, .length_min = 1, .length_max = 500),
              FIELD(action, "action", .uses = in_create | required),
              FIELD(folder_id, "folderId", .uses = in_create),
              FIELD(tags, "tags", .uses = in_create, .length_max = session_tags_max,
                    .item_length_min = 1, .item_length_max = 64))

struct bulk_fault {
  session_id id;
  message_error error;
};
PARLEY_RECORD(bulk_fault, FIELD(id, "id"), FIELD(error, "error"))

struct bulk_result {
  std::vector<session_id> changed;
  std::vector<bulk_fault> failed;
};
PARLEY_RECORD(bulk_result, FIELD(changed, "changed"), FIELD(failed, "failed"))

/// A copy of one branch, from its first message to `messageId`.
struct fork_body {
  std::optional<parley::message_id> message_id;
  std::optional<std::string> title;
};
PARLEY_RECORD(fork_body, FIELD(message_id, "messageId", .uses = in_create),
              FIELD(title, "title", .uses = in_create, .length_max = 200))

/// A summary that a user has written or corrected.
struct summary_body {
  std::string text;
};
PARLEY_RECORD(summary_body, FIELD(text, "text", .uses = in_create | required, .length_min = 1,
                                  .length_max = 32768))

struct counted_message {
  message_role role = message_role::user;
  std::string content;
  std::optional<std::string> name;
};
PARLEY_RECORD(counted_message, FIELD(role, "role", .uses = in_create),
              FIELD(content, "content", .uses = in_create | required, .length_max = 16 << 20),
              FIELD(name, "name", .uses = in_create, .length_max = 64))

struct tool_function {
  std::string name;
  std::optional<std::string> description;
  json_text parameters;
};
PARLEY_RECORD(tool_function,
              FIELD(name, "name", .uses = in_create | required | out, .length_max = 200),
              FIELD(description, "description", .uses = in_create | out, .length_max = 65536),
              FIELD(parameters, "parameters", .uses = in_create | out, .length_max = 1 << 20))

/// A tool in OpenAI's form.
struct offered_tool {
  std::string type = "function";
  tool_function function;
};
PARLEY_RECORD(offered_tool, FIELD(type, "type", .uses = in_create | out, .length_max = 40),
              FIELD(function, "function", .uses = in_create | required | out))

/// A text or messages to count, for a model of the caller's or for one that is named.
struct count_body {
  std::optional<std::string> text;
  std::optional<std::vector<counted_message>> messages;
  std::optional<std::vector<offered_tool>> tools;
  std::optional<parley::model_id> model_id;
  std::optional<std::string> model;
};
PARLEY_RECORD(count_body, FIELD(text, "text", .uses = in_create, .length_max = 16 << 20),
              FIELD(messages, "messages", .uses = in_create, .length_min = 1, .length_max = 10'000),
              FIELD(tools, "tools", .uses = in_create, .length_max = 128),
              FIELD(model_id, "modelId", .uses = in_create),
              FIELD(model, "model", .uses = in_create, .length_min = 1, .length_max = 200))

struct stop_body {
  std::optional<parley::message_id> message_id;
  std::optional<parley::session_id> session_id;
};
PARLEY_RECORD(stop_body, FIELD(message_id, "messageId", .uses = in_create),
              FIELD(session_id, "sessionId", .uses = in_create))

}  // namespace parley
