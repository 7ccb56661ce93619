// Counting tokens for a model.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

namespace {

expected<void> check_count(const count_body& body) {
  fault_list faults;
  if (body.text.has_value() == body.messages.has_value())
    faults.add("/text", "one_of_two", "Send either text or messages.");
  if (body.model_id && body.model)
    faults.add("/model", "one_of_two", "Send either modelId or model.");
  if (body.tools && !body.messages)
    faults.add("/tools", "needs_messages", "Tools are counted with messages.");
  if (!faults.is_empty()) return std::move(faults).to_error();
  return {};
}

}  // namespace

expected<void> post_count(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<count_body>(request, use::in_create));
  auto& body = patch.value;
  TRY_DONE(check_count(body));
  count_tokens asked;
  asked.who = x.who;
  asked.config = body.model_id.value_or(model_id{});
  asked.model = body.model.value_or("");
  asked.is_conversation = body.messages.has_value();
  if (body.text) asked.messages.emplace_back().emplace_back().text = std::move(*body.text);
  if (body.messages) {
    for (auto& message : *body.messages) {
      asked.messages.emplace_back().emplace_back().text = std::move(message.content);
      if (message.name && !message.name->empty()) asked.names.push_back(std::move(*message.name));
    }
  }
  if (body.tools) asked.tools = json_of(*body.tools);
  at.ask_user<counted_tokens>(x, std::move(asked), [](const counted_tokens& counted) {
    std::string text;
    json_writer json{text};
    json.begin_object().member("tokens", counted.tokens).member("model", counted.model);
    json.member("vocabulary", counted.vocabulary).member("estimated", counted.estimated);
    json.end_object();
    return json_answer(200, std::move(text));
  });
  return {};
}

}  // namespace parley::http::routes
