// Turns: say something, follow the reply, stop it.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

namespace {

error field_error(const char* path, const char* rule, std::string message) {
  fault_list faults;
  faults.add(path, rule, std::move(message));
  return std::move(faults).to_error();
}

void check_part(const part& p, const std::string& path, fault_list& faults) {
  switch (p.type) {
    case part_type::text:
      if (!p.text || p.text->empty()) faults.add(path + "/text", "required", "Needed in a text.");
      if (p.url) faults.add(path + "/url", "unknown", "A text has no url.");
      break;
    case part_type::image:
      if (!p.url || !p.url->starts_with("data:image/"))
        faults.add(path + "/url", "data_url", "An image is a data: url of an image.");
      if (p.text) faults.add(path + "/text", "unknown", "An image has no text.");
      break;
    default:
      faults.add(path + "/type", "one_of", R"(Must be one of ["text","image"].)",
                 R"(["text","image"])");
  }
}

expected<std::vector<part>> parts_of(chat_body& body, size_t bytes_max) {
  if (body.content.has_value() == body.parts.has_value())
    return field_error("/content", "one_of_two", "Send either content or parts.");
  std::vector<part> parts;
  if (body.content) {
    parts.emplace_back().text = std::move(*body.content);
  } else {
    parts = std::move(*body.parts);
  }
  size_t text_bytes = 0;
  fault_list faults;
  for (size_t i = 0; i < parts.size(); ++i) {
    check_part(parts[i], "/parts/" + std::to_string(i), faults);
    if (parts[i].text) text_bytes += parts[i].text->size();
  }
  if (!faults.is_empty()) return std::move(faults).to_error();
  if (text_bytes > bytes_max)
    return make_error(errc::too_large, "message_bytes_max",
                      "A message may have " + std::to_string(bytes_max) + " bytes of text.");
  return parts;
}

// What a body says: a `parentId` of null begins the conversation anew, beside what there is.
expected<draft> draft_of(patch_of<chat_body>& body, size_t bytes_max) {
  auto& value = body.value;
  draft content;
  TRY(content.parts, parts_of(value, bytes_max));
  if (value.parent_id && !value.session_id)
    return field_error("/parentId", "needs_session", "Needs the sessionId of that message.");
  content.parent_id = value.parent_id;
  if (body.has(&chat_body::parent_id) && !value.parent_id) content.parent_id = message_id{};
  content.model_id = value.model_id;
  content.params = value.params;
  return content;
}

// However it began, a turn is answered in the form its request asks for.
expected<void> begin_turn(edge& at, exchange& x, const parsed_request& request,
                          post_message&& message, bool stops_on_leave) {
  if (at.status().is_draining)
    return make_error(errc::unavailable, "draining", "The server is stopping.");
  message.who = x.who;
  auto& turn = message.turn;
  TRY(auto key, at.read_key(x, request));
  turn.key = std::move(key);
  turn.provider = at.provider();
  auto accept = request.header("Accept").value_or("");
  if (request.header("Prefer") == "respond-async")
    x.form = reply_form::accepted;
  else if (accept.find("application/json") != std::string::npos)
    x.form = reply_form::message;
  if (x.form != reply_form::accepted) turn.follow = at.make_follower(x, 0, stops_on_leave);
  at.ask_for_reply(x, std::move(message));
  return {};
}

expected<void> begin_again(edge& at, exchange& x, const parsed_request& request, turn_kind kind) {
  TRY(auto body, read_body<again_body>(request, use::in_create));
  post_message message;
  auto& content = message.turn.content;
  content.kind = kind;
  content.target = body.value.message_id;
  content.model_id = body.value.model_id;
  content.params = body.value.params;
  return begin_turn(at, x, request, std::move(message), body.value.stop_on_disconnect);
}

}  // namespace

expected<void> post_turn(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<chat_body>(request, use::in_create));
  post_message message;
  message.session = body.value.session_id;
  message.temporary = body.value.temporary;
  if (message.temporary && message.session)
    return field_error("/temporary", "new_session", "Only a new session can be temporary.");
  TRY(message.turn.content, draft_of(body, at.values().message_bytes_max));
  return begin_turn(at, x, request, std::move(message), body.value.stop_on_disconnect);
}

expected<void> post_again(edge& at, exchange& x, const parsed_request& request) {
  return begin_again(at, x, request, turn_kind::again);
}

expected<void> post_more(edge& at, exchange& x, const parsed_request& request) {
  return begin_again(at, x, request, turn_kind::go_on);
}

expected<void> follow_turn(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<message_id>(x, 0));
  TRY(auto after, read_position(request));
  at.ask_for_reply(x, join_reply{x.who, id, at.make_follower(x, after.value_or(0), false)});
  return {};
}

expected<void> stop_turn(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<stop_body>(request, use::in_create));
  if (body.value.message_id.has_value() == body.value.session_id.has_value())
    return field_error("/messageId", "one_of_two", "Send either messageId or sessionId.");
  at.ask_user<done>(x,
                    parley::stop_turn{x.who, body.value.message_id.value_or(message_id{}),
                                      body.value.session_id.value_or(session_id{})},
                    [](const done&) { return empty_answer(); });
  return {};
}

// What a turn of this body would send; the body is that of a turn.
expected<void> preview_turn(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<chat_body>(request, use::in_create));
  preview_message asked{x.who, body.value.session_id, {}};
  TRY(asked.content, draft_of(body, at.values().message_bytes_max));
  at.ask_user<turn_preview>(x, std::move(asked), [](const turn_preview& shown) {
    std::string text;
    json_writer json{text};
    json.begin_object().member("modelId", to_string(shown.model));
    json.member("modelName", shown.model_name);
    json.key("maxTokens");
    write_json(json, shown.reply_tokens_max);
    json.key("context");
    write_json(json, shown.context);
    json.end_object();
    return json_answer(200, std::move(text));
  });
  return {};
}

}  // namespace parley::http::routes
