#include "providers/ollama.hpp"

#include "providers/reply_framing.hpp"
#include "providers/request_parts.hpp"

namespace parley::providers {

namespace {

// -- Requests -------------------------------------------------------------------------------------

void write_message(json_writer& json, const prompt_message& message) {
  json.begin_object().member("role", name_of(message.role)).member("content", text_of(message));
  if (has_image(message)) {
    json.key("images").begin_array();
    for (auto& part : message.parts) {
      if (auto image = image_of(part)) json.value(image->base64);
    }
    json.end_array();
  }
  if (message.role == message_role::tool) json.member("tool_name", message.answers.name);
  if (!message.calls.empty()) {
    json.key("tool_calls").begin_array();
    for (auto& made : message.calls) {
      json.begin_object().key("function").begin_object().member("name", made.name);
      json.key("arguments").raw(arguments_of(made)).end_object().end_object();
    }
    json.end_array();
  }
  json.end_object();
}

/// A tool that must be called, or none, cannot be said here.
void write_format(json_writer& json, const prompt& asked) {
  if (!asked.wishes || !asked.wishes->is_json) return;
  json.key("format").raw(asked.wishes->schema.empty() ? R"("json")" : asked.wishes->schema);
}

void write_messages(json_writer& json, const prompt& asked) {
  json.key("messages").begin_array();
  for (auto& message : asked.messages) write_message(json, message);
  for (auto& round : asked.rounds) {
    json.raw(round.unseen);
    for (auto& result : round.results) {
      json.begin_object().member("role", "tool").member("tool_name", result.name);
      json.member("content", result.text).end_object();
    }
  }
  json.end_array();
}

/// Unasked, models do as they please; a model that cannot think refuses to be asked.
void write_thinking(json_writer& json, const prompt& asked) {
  auto& effort = asked.params.reasoning_effort;
  if (!effort) return;
  if (*effort == "none") {
    json.member("think", false);
  } else if (asked.model.model.find("gpt-oss") != std::string::npos) {
    json.member("think", *effort == "minimal" ? std::string{"low"} : *effort);
  } else {
    json.member("think", true);
  }
}

void write_options(json_writer& json, const prompt& asked) {
  auto& params = asked.params;
  json.key("options").begin_object();
  // Without it the server cuts the conversation to 4,096 tokens and does not say so.
  json.member("num_ctx", asked.model.context_window);
  write_if(json, "num_predict", max_tokens_of(asked));
  write_if(json, "temperature", params.temperature);
  write_if(json, "top_p", params.top_p);
  write_if(json, "presence_penalty", params.presence_penalty);
  write_if(json, "frequency_penalty", params.frequency_penalty);
  write_if(json, "seed", params.seed);
  write_list(json, "stop", params.stop);
  json.end_object();
}

void write_tools(json_writer& json, const prompt& asked) {
  if (asked.tools.empty()) return;
  json.key("tools").begin_array();
  for (auto& tool : asked.tools) {
    json.begin_object().member("type", "function").key("function").begin_object();
    json.member("name", tool.name).member("description", tool.description);
    json.key("parameters").raw(tool.parameters).end_object().end_object();
  }
  json.end_array();
}

std::string body_of(const prompt& asked) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("model", asked.model.model);
  write_messages(json, asked);
  write_tools(json, asked);
  json.member("stream", true);
  write_format(json, asked);
  write_thinking(json, asked);
  write_options(json, asked);
  json.end_object();
  return body;
}

// -- Replies --------------------------------------------------------------------------------------

class chat_parser final : public framed_parser {
 public:
  explicit chat_parser(const parser_wish& wish) : framed_parser(wish, framing::lines) {}

 private:
  void read(const json_value& line) override {
    auto fault = line.find("error");
    if (fault && !fault->is_null()) return fail(refusal_in_stream(*fault));
    if (auto message = line.find("message")) read_message(*message);
    auto done = line.find("done");
    if (!done || !done->as_bool().value_or(false)) return;
    auto prompt_tokens = count_at(line, "prompt_eval_count");
    auto completion_tokens = count_at(line, "eval_count");
    if (prompt_tokens || completion_tokens) {
      auto& sum = used().emplace();
      sum.prompt_tokens = prompt_tokens.value_or(0);
      sum.completion_tokens = completion_tokens.value_or(0);
    }
    auto is_cut = line.string_at("done_reason") == "length";
    set_reason(is_cut ? finish_reason::length : finish_reason::stop);
    complete();
  }

  void read_message(const json_value& message) {
    auto thinking = message.string_at("thinking");
    if (!thinking) thinking = message.string_at("reasoning_content");  // of servers alike
    auto content = message.string_at("content");
    add(part_type::reasoning, thinking);
    add(part_type::text, content);
    if (has_tools() && !has_failed()) {
      thinking_ += thinking.value_or("");
      content_ += content.value_or("");
    }
    auto calls = message.find("tool_calls");
    if (!calls) return;
    for (auto& call : calls->items()) read_call(call);
  }

  void read_call(const json_value& call) {
    auto function = call.find("function");
    if (!function) return;
    if (calls_.size() == tool_calls_max) return fail(reply_broken());
    auto arguments = function->find("arguments");
    tool_call made;
    made.call_id = call.string_at("id").value_or("");
    if (made.call_id.empty()) made.call_id = "call_" + std::to_string(calls_.size() + 1);
    made.name = function->string_at("name").value_or("");
    made.arguments = arguments && arguments->type() == json_type::object ? arguments->text() : "{}";
    if (count(made.call_id.size() + made.name.size() + made.arguments.size()))
      calls_.push_back(std::move(made));
  }

  void close(reply_end& end) override {
    json_writer json{end.unseen};
    json.begin_object().member("role", "assistant").member("content", content_);
    if (!thinking_.empty()) json.member("thinking", thinking_);
    json.key("tool_calls").begin_array();
    for (auto& call : calls_) {
      json.begin_object().key("function").begin_object().member("name", call.name);
      json.key("arguments").raw(call.arguments).end_object().end_object();
    }
    json.end_array().end_object();
    end.calls = std::move(calls_);
  }

  std::vector<tool_call> calls_;
  std::string content_;  // this and the next only of those who were offered tools
  std::string thinking_;
};

class chat_dialect final : public dialect {
 public:
  std::string_view name() const override { return "ollama"; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    TRY_DONE(check_no_image_links(asked));
    TRY(auto request, begin_request("/api/chat", auth, key));
    request.body = body_of(asked);
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const override {
    return std::make_unique<chat_parser>(wish);
  }

  expected<dialect_request> build_embedding(const embedding_prompt& asked,
                                            const secret_text& key) const override {
    TRY(auto request, begin_request("/api/embed", auth, key));
    json_writer json{request.body};
    json.begin_object().member("model", asked.model.model).key("input").begin_array();
    for (auto& text : asked.texts) json.value(text);
    json.end_array();
    if (asked.dimensions > 0) json.member("dimensions", asked.dimensions);
    json.end_object();
    return request;
  }

  expected<embeddings> read_embedding(std::string_view body, size_t count,
                                      json_reader& reader) const override {
    auto answer = reader.parse(body);
    auto list = answer ? answer->find("embeddings") : std::nullopt;
    if (!list) return reply_broken();
    embeddings found;
    for (auto& item : list->items()) found.vectors.push_back(read_vector(item));
    found.prompt_tokens = answer->integer_at("prompt_eval_count").value_or(0);
    return checked(std::move(found), count);
  }

  expected<dialect_request> build_discovery(const model_config&,
                                            const secret_text& key) const override {
    return begin_request("/api/tags", auth, key);
  }

  expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                      json_reader& reader) const override {
    return read_models(body, reader, {"models", "name", "name", {}, {}});
  }

 private:
  // The server itself asks for no key; its cloud and proxies before it do.
  static constexpr std::string_view auth = "Authorization: Bearer ";
};

}  // namespace

const dialect& ollama_dialect() {
  static const chat_dialect dialect;
  return dialect;
}

}  // namespace parley::providers
