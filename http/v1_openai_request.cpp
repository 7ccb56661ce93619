// What OpenAI's clients send.
#include "http/v1_fields.hpp"
#include "http/v1_request.hpp"

namespace parley::http {

namespace {

constexpr size_t openai_stops_max = 16;
constexpr int64_t openai_tokens_max = 10'000'000;

class chat_reader {
 public:
  explicit chat_reader(const json_value& body) : body_{body, {}} {}

  expected<v1_wish> read() {
    if (!fields_.check_object(body_)) return fields_.fault();
    wish_.model = fields_.needed_text(body_, "model");
    read_messages();
    read_params();
    read_tools();
    read_choice();
    read_format();
    read_stream();
    if (fields_.integer(body_, "n", 1, 1'000).value_or(1) != 1)
      fields_.fail("n", "unsupported_value", "Only one choice is made.");
    if (fields_.has_failed()) return fields_.fault();
    return std::move(wish_);
  }

 private:
  void read_messages() {
    auto items = fields_.list(body_, "messages", v1_messages_max);
    if (items.empty()) fields_.fail("messages", "missing_required_parameter", "Is required.");
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i)
      read_message(body_.item("messages", i, items[i]));
  }

  void read_message(const v1_object& in) {
    if (!fields_.check_object(in)) return;
    auto role = fields_.needed_text(in, "role");
    prompt_message made;
    if (role == "system" || role == "developer") {
      made.role = message_role::system;
    } else if (role == "assistant") {
      made.role = message_role::assistant;
    } else if (role == "tool" || role == "function") {
      made.role = message_role::tool;
      made.answers.call_id = fields_.needed_text(in, role == "tool" ? "tool_call_id" : "name");
      made.answers.name = name_of_call(wish_.call.messages, made.answers.call_id);
    } else if (role != "user") {
      return fields_.fail(in.path("role"), "invalid_value", "There is no such role.");
    }
    if (made.role == message_role::assistant) {
      if (auto thoughts = fields_.text(in, "reasoning_content"); thoughts && !thoughts->empty())
        made.parts.push_back(text_part_of(part_type::reasoning, std::move(*thoughts)));
      read_calls(in, made);
    }
    read_content(in, made);
    if (auto refusal = fields_.text(in, "refusal"); refusal && !refusal->empty())
      made.parts.push_back(text_part_of(part_type::refusal, std::move(*refusal)));
    wish_.call.messages.push_back(std::move(made));
  }

  void read_content(const v1_object& in, prompt_message& made) {
    auto content = in.value.find("content");
    if (!content || content->is_null()) {
      if (made.role != message_role::assistant)
        fields_.fail(in.path("content"), "missing_required_parameter", "Is required.");
      return;
    }
    if (auto text = content->as_string()) {
      made.parts.push_back(text_part_of(part_type::text, std::string{*text}));
      return;
    }
    auto items = fields_.list(in, "content", v1_messages_max);
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i)
      read_part(in.item("content", i, items[i]), made);
  }

  void read_part(const v1_object& in, prompt_message& made) {
    if (!fields_.check_object(in)) return;
    auto type = fields_.needed_text(in, "type");
    if (type == "text") {
      if (auto text = fields_.text(in, "text"))
        made.parts.push_back(text_part_of(part_type::text, std::move(*text)));
      else
        fields_.fail(in.path("text"), "missing_required_parameter", "Is required.");
    } else if (type == "refusal") {
      made.parts.push_back(text_part_of(part_type::refusal, fields_.needed_text(in, "refusal")));
    } else if (type == "image_url" && made.role == message_role::user) {
      auto image = in.value.find("image_url");
      auto is_bare = image && image->type() == json_type::string;
      auto holder = is_bare ? in : fields_.needed_object(in, "image_url");
      auto url = fields_.needed_text(holder, is_bare ? "image_url" : "url");
      if (fields_.has_failed()) return;
      if (auto part = image_part_of(fields_, in.path("image_url"), std::move(url)))
        made.parts.push_back(std::move(*part));
    } else {
      fields_.fail(in.path("type"), "unsupported_value",
                   "Content of this type can't be sent here.");
    }
  }

  void read_calls(const v1_object& in, prompt_message& made) {
    auto items = fields_.list(in, "tool_calls", v1_tools_max);
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i) {
      auto call = in.item("tool_calls", i, items[i]);
      if (!fields_.check_object(call)) return;
      auto function = fields_.needed_object(call, "function");
      made.calls.push_back({fields_.needed_text(call, "id"), fields_.needed_text(function, "name"),
                            fields_.text(function, "arguments").value_or("{}")});
    }
  }

  void read_params() {
    auto& params = wish_.call.params;
    params.temperature = fields_.number(body_, "temperature", 0, 2);
    params.top_p = fields_.number(body_, "top_p", 0, 1);
    params.presence_penalty = fields_.number(body_, "presence_penalty", -2, 2);
    params.frequency_penalty = fields_.number(body_, "frequency_penalty", -2, 2);
    auto longest = fields_.integer(body_, "max_completion_tokens", 1, openai_tokens_max);
    if (!longest) longest = fields_.integer(body_, "max_tokens", 1, openai_tokens_max);
    if (longest) params.max_tokens = static_cast<int32_t>(*longest);
    params.seed = fields_.integer(body_, "seed", INT64_MIN, INT64_MAX);
    params.stop = fields_.texts(body_, "stop", openai_stops_max);
    params.reasoning_effort = fields_.text(body_, "reasoning_effort");
  }

  void read_tools() {
    auto items = fields_.list(body_, "tools", v1_tools_max);
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i) {
      auto in = body_.item("tools", i, items[i]);
      if (!fields_.check_object(in)) return;
      if (fields_.needed_text(in, "type") != "function")
        return fields_.fail(in.path("type"), "unsupported_value", "Only functions can be offered.");
      auto function = fields_.needed_object(in, "function");
      tool_offer offer;
      offer.name = fields_.needed_text(function, "name");
      offer.description = fields_.text(function, "description").value_or("");
      offer.parameters = schema_of(fields_.object(function, "parameters"));
      offer.is_strict = fields_.flag(function, "strict");
      wish_.call.wishes.tools.push_back(std::move(offer));
    }
    wish_.call.wishes.has_parallel_calls = fields_.flag(body_, "parallel_tool_calls");
  }

  void read_choice() {
    auto& wishes = wish_.call.wishes;
    auto choice = body_.value.find("tool_choice");
    if (!choice || choice->is_null()) return;
    if (auto word = choice->as_string()) {
      if (*word == "auto") wishes.choice = tool_choice::automatic;
      if (*word == "none") wishes.choice = tool_choice::none;
      if (*word == "required") wishes.choice = tool_choice::required;
      if (!wishes.choice) fields_.fail("tool_choice", "invalid_value", "There is no such choice.");
      return;
    }
    auto named = fields_.needed_object(body_, "tool_choice");
    if (fields_.has_failed() || named.value.string_at("type") != "function") return;
    wishes.choice = tool_choice::named;
    wishes.chosen_tool = fields_.needed_text(fields_.needed_object(named, "function"), "name");
  }

  void read_format() {
    auto format = fields_.object(body_, "response_format");
    if (!format) return;
    auto& wishes = wish_.call.wishes;
    auto type = fields_.needed_text(*format, "type");
    if (type == "text") return;
    wishes.is_json = true;
    if (type == "json_object") return;
    if (type != "json_schema")
      return fields_.fail(format->path("type"), "invalid_value", "There is no such format.");
    auto wanted = fields_.needed_object(*format, "json_schema");
    wishes.schema_name = fields_.needed_text(wanted, "name");
    wishes.schema = schema_of(fields_.object(wanted, "schema"));
    wishes.is_schema_strict = fields_.flag(wanted, "strict");
  }

  void read_stream() {
    wish_.is_stream = fields_.flag(body_, "stream").value_or(false);
    if (auto options = fields_.object(body_, "stream_options"))
      wish_.has_usage = fields_.flag(*options, "include_usage").value_or(false);
  }

  v1_object body_;
  v1_fields fields_;
  v1_wish wish_;
};

}  // namespace

expected<v1_wish> read_openai_chat(const json_value& body) {
  return chat_reader{body}.read();
}

expected<v1_embedding_wish> read_openai_embedding(const json_value& body) {
  v1_fields fields;
  v1_object in{body, {}};
  if (!fields.check_object(in)) return fields.fault();
  v1_embedding_wish wish;
  wish.model = fields.needed_text(in, "model");
  auto texts = fields.texts(in, "input", v1_texts_max);
  if (!texts || texts->empty())
    fields.fail("input", "missing_required_parameter", "Is required, as a text or several.");
  else
    wish.call.texts = std::move(*texts);
  for (const auto& text : wish.call.texts)
    if (text.empty()) fields.fail("input", "invalid_value", "An empty text has no vector.");
  if (auto wanted = fields.integer(in, "dimensions", 1, 100'000))
    wish.call.dimensions = static_cast<int32_t>(*wanted);
  auto format = fields.text(in, "encoding_format").value_or("float");
  wish.is_base64 = format == "base64";
  if (!wish.is_base64 && format != "float")
    fields.fail("encoding_format", "invalid_value", "Must be float or base64.");
  if (fields.has_failed()) return fields.fault();
  return wish;
}

}  // namespace parley::http
