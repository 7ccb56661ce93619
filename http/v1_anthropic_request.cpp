// What Anthropic's clients send.
#include "http/v1_fields.hpp"
#include "http/v1_request.hpp"

namespace parley::http {

namespace {

constexpr size_t stops_max = 64;
constexpr int64_t tokens_max = 10'000'000;

class messages_reader {
 public:
  messages_reader(const json_value& body, bool needs_max_tokens)
      : body_{body, {}}, needs_max_tokens_(needs_max_tokens) {}

  expected<v1_wish> read() {
    if (!fields_.check_object(body_)) return fields_.fault();
    wish_.model = fields_.needed_text(body_, "model");
    read_system();
    auto items = fields_.list(body_, "messages", v1_messages_max);
    if (items.empty()) fields_.fail("messages", "missing_required_parameter", "Is required.");
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i)
      read_message(body_.item("messages", i, items[i]));
    read_params();
    read_tools();
    read_choice();
    wish_.is_stream = fields_.flag(body_, "stream").value_or(false);
    if (fields_.has_failed()) return fields_.fault();
    return std::move(wish_);
  }

 private:
  /// A text, or blocks of text.
  std::string read_texts(const v1_object& in, std::string_view key) {
    auto found = in.value.find(key);
    if (!found || found->is_null()) return {};
    if (auto text = found->as_string()) return std::string{*text};
    std::string all;
    auto items = fields_.list(in, key, v1_messages_max);
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i) {
      auto block = in.item(key, i, items[i]);
      if (!fields_.check_object(block)) return {};
      auto text = fields_.text(block, "text");
      if (text && !all.empty()) all += "\n";
      all += text.value_or("");
    }
    return all;
  }

  void read_system() {
    auto text = read_texts(body_, "system");
    if (text.empty()) return;
    wish_.call.messages.push_back(
        {message_role::system, {text_part_of(part_type::text, std::move(text))}});
  }

  void read_message(const v1_object& in) {
    if (!fields_.check_object(in)) return;
    auto role = fields_.needed_text(in, "role");
    prompt_message made;
    if (role == "assistant") made.role = message_role::assistant;
    if (role == "system") made.role = message_role::system;
    if (role != "assistant" && role != "system" && role != "user")
      return fields_.fail(in.path("role"), "invalid_value", "There is no such role.");
    auto content = in.value.find("content");
    if (auto text = content ? content->as_string() : std::nullopt) {
      made.parts.push_back(text_part_of(part_type::text, std::string{*text}));
    } else {
      auto items = fields_.list(in, "content", v1_messages_max);
      if (items.empty())
        fields_.fail(in.path("content"), "missing_required_parameter", "Is required.");
      for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i)
        read_block(in.item("content", i, items[i]), made);
    }
    if (!made.parts.empty() || !made.calls.empty()) wish_.call.messages.push_back(std::move(made));
  }

  void read_block(const v1_object& in, prompt_message& made) {
    if (!fields_.check_object(in)) return;
    auto type = fields_.needed_text(in, "type");
    if (type == "text") {
      made.parts.push_back(text_part_of(part_type::text, fields_.text(in, "text").value_or("")));
    } else if (type == "image") {
      read_image(in, made);
    } else if (type == "tool_use") {
      auto input = fields_.object(in, "input");
      made.calls.push_back({fields_.needed_text(in, "id"), fields_.needed_text(in, "name"),
                            input ? input->value.text() : "{}"});
    } else if (type == "tool_result") {
      read_result(in, made);
    } else if (type == "thinking") {
      made.parts.push_back(
          text_part_of(part_type::reasoning, fields_.text(in, "thinking").value_or("")));
    } else if (type != "redacted_thinking") {
      fields_.fail(in.path("type"), "unsupported_value",
                   "A block of this type can't be sent here.");
    }
  }

  void read_image(const v1_object& in, prompt_message& made) {
    auto source = fields_.needed_object(in, "source");
    auto type = fields_.needed_text(source, "type");
    if (fields_.has_failed()) return;
    std::string url;
    if (type == "base64") {
      url = "data:" + fields_.needed_text(source, "media_type") + ";base64,";
      url += fields_.needed_text(source, "data");
    } else {
      url = fields_.needed_text(source, "url");
    }
    if (fields_.has_failed()) return;
    if (auto part = image_part_of(fields_, source.at, std::move(url)))
      made.parts.push_back(std::move(*part));
  }

  /// A message of its own, before what else the user says; its pictures stay with the user.
  void read_result(const v1_object& in, prompt_message& user) {
    prompt_message result;
    result.role = message_role::tool;
    result.answers.call_id = fields_.needed_text(in, "tool_use_id");
    result.answers.name = name_of_call(wish_.call.messages, result.answers.call_id);
    result.is_error = fields_.flag(in, "is_error").value_or(false);
    result.parts.push_back(text_part_of(part_type::text, read_texts(in, "content")));
    auto content = in.value.find("content");
    if (content && content->type() == json_type::array) {
      auto items = content->items();
      for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i)
        if (items[i].string_at("type") == "image")
          read_image(in.item("content", i, items[i]), user);
    }
    wish_.call.messages.push_back(std::move(result));
  }

  void read_params() {
    auto& params = wish_.call.params;
    auto longest = fields_.integer(body_, "max_tokens", 1, tokens_max);
    if (longest)
      params.max_tokens = static_cast<int32_t>(*longest);
    else if (needs_max_tokens_)
      fields_.fail("max_tokens", "missing_required_parameter", "Is required.");
    params.temperature = fields_.number(body_, "temperature", 0, 1);
    params.top_p = fields_.number(body_, "top_p", 0, 1);
    params.stop = fields_.texts(body_, "stop_sequences", stops_max);
    read_thinking();
  }

  /// Budgets of tokens as the words for effort that all dialects know.
  void read_thinking() {
    auto& effort = wish_.call.params.reasoning_effort;
    if (auto thinking = fields_.object(body_, "thinking")) {
      auto type = fields_.needed_text(*thinking, "type");
      auto budget = fields_.integer(*thinking, "budget_tokens", 0, tokens_max);
      if (type == "enabled" && budget)
        effort = *budget <= 2'048 ? "low" : *budget <= 8'192 ? "medium" : "high";
      if (type == "adaptive") effort = "high";
      if (type == "disabled") effort.reset();
    }
    auto output = fields_.object(body_, "output_config");
    if (!output) return;
    if (auto wanted = fields_.text(*output, "effort")) effort = wanted;
    auto format = fields_.object(*output, "format");
    if (!format || format->value.string_at("type") != "json_schema") return;
    auto& wishes = wish_.call.wishes;
    wishes.is_json = true;
    wishes.schema_name = "reply";
    wishes.schema = schema_of(fields_.object(*format, "schema"));
    wishes.is_schema_strict = true;
  }

  void read_tools() {
    auto items = fields_.list(body_, "tools", v1_tools_max);
    for (size_t i = 0; i < items.size() && !fields_.has_failed(); ++i) {
      auto in = body_.item("tools", i, items[i]);
      if (!fields_.check_object(in)) return;
      if (fields_.text(in, "type").value_or("custom") != "custom")
        return fields_.fail(in.path("type"), "unsupported_value",
                            "Only tools of one's own can be offered.");
      tool_offer offer;
      offer.name = fields_.needed_text(in, "name");
      offer.description = fields_.text(in, "description").value_or("");
      offer.parameters = schema_of(fields_.object(in, "input_schema"));
      wish_.call.wishes.tools.push_back(std::move(offer));
    }
  }

  void read_choice() {
    auto choice = fields_.object(body_, "tool_choice");
    if (!choice) return;
    auto& wishes = wish_.call.wishes;
    auto type = fields_.needed_text(*choice, "type");
    if (type == "auto") wishes.choice = tool_choice::automatic;
    if (type == "any") wishes.choice = tool_choice::required;
    if (type == "none") wishes.choice = tool_choice::none;
    if (type == "tool") {
      wishes.choice = tool_choice::named;
      wishes.chosen_tool = fields_.needed_text(*choice, "name");
    }
    if (!wishes.choice)
      fields_.fail(choice->path("type"), "invalid_value", "There is no such choice.");
    if (fields_.flag(*choice, "disable_parallel_tool_use").value_or(false))
      wishes.has_parallel_calls = false;
  }

  v1_object body_;
  bool needs_max_tokens_;
  v1_fields fields_;
  v1_wish wish_;
};

}  // namespace

expected<v1_wish> read_anthropic_messages(const json_value& body, bool needs_max_tokens) {
  return messages_reader{body, needs_max_tokens}.read();
}

}  // namespace parley::http
