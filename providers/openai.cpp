#include "providers/openai.hpp"

#include "base/text.hpp"
#include "providers/refusal.hpp"
#include "providers/request_parts.hpp"

namespace parley::providers {

namespace {

/// How a model is told to think, or not to.
enum class thinking_words : uint8_t {
  effort,  ///< `reasoning_effort`, which may be "none"
  type,    ///< `thinking: {type}` besides: DeepSeek, Zhipu, Moonshot
  enable,  ///< `enable_thinking` alone: Qwen, SiliconFlow
};

/// Where those who speak the dialect differ.
struct quirks {
  std::string_view name;
  bool has_stream_options = true;  ///< else usage comes unasked, and the field is an error
  /// OpenAI's own models: `max_completion_tokens`, newer ones refuse `max_tokens`; those that think
  /// refuse sampling.
  bool is_openai = false;
  bool has_deployments = false;  ///< Azure: the model is part of the path
  std::string_view seed = "seed";
  thinking_words thinking = thinking_words::effort;
};

// The last version of Azure's deployment paths that is not a preview; a base URL with a query of
// its own ("?api-version=…") or the newer ".../openai/v1" goes without.
constexpr std::string_view azure_version = "?api-version=2024-10-21";

void write_content(json_writer& json, const prompt_message& message) {
  if (!has_image(message)) {
    json.value(text_of(message));
    return;
  }
  json.begin_array();
  for (auto& part : message.parts) {
    if (is_spoken(part)) {
      json.begin_object().member("type", "text").member("text", *part.text).end_object();
    } else if (image_of(part) || image_link_of(part)) {
      json.begin_object().member("type", "image_url").key("image_url");
      json.begin_object().member("url", *part.url).end_object().end_object();
    }
  }
  json.end_array();
}

void write_calls(json_writer& json, const prompt_message& message) {
  if (message.calls.empty()) return;
  // DeepSeek and Moonshot demand it back within the turn; others have never sent it.
  if (auto thoughts = reasoning_of(message); !thoughts.empty())
    json.member("reasoning_content", thoughts);
  json.key("tool_calls").begin_array();
  for (auto& made : message.calls) {
    json.begin_object().member("id", made.call_id).member("type", "function");
    json.key("function").begin_object().member("name", made.name);
    json.member("arguments", made.arguments).end_object().end_object();
  }
  json.end_array();
}

void write_messages(json_writer& json, const prompt& asked) {
  json.key("messages").begin_array();
  for (auto& message : asked.messages) {
    json.begin_object().member("role", name_of(message.role));
    if (message.role == message_role::tool) json.member("tool_call_id", message.answers.call_id);
    json.key("content");
    if (!message.calls.empty() && text_of(message).empty())
      json.null();
    else
      write_content(json, message);
    write_calls(json, message);
    json.end_object();
  }
  for (auto& round : asked.rounds) {
    json.raw(round.unseen);
    for (auto& result : round.results) {
      json.begin_object().member("role", "tool").member("tool_call_id", result.call_id);
      json.member("content", result.text).end_object();
    }
  }
  json.end_array();
}

void write_choice(json_writer& json, tool_choice choice, std::string_view named) {
  json.key("tool_choice");
  if (choice == tool_choice::named) {
    json.begin_object().member("type", "function").key("function").begin_object();
    json.member("name", named).end_object().end_object();
    return;
  }
  json.value(choice == tool_choice::required ? "required"
             : choice == tool_choice::none   ? "none"
                                             : "auto");
}

void write_tools(json_writer& json, const prompt& asked) {
  if (asked.tools.empty()) return;
  json.key("tools").begin_array();
  for (auto& tool : asked.tools) {
    json.begin_object().member("type", "function").key("function").begin_object();
    json.member("name", tool.name).member("description", tool.description);
    json.key("parameters").raw(tool.parameters);
    write_if(json, "strict", tool.is_strict);
    json.end_object().end_object();
  }
  json.end_array();
  if (auto choice = choice_of(asked)) write_choice(json, *choice, asked.wishes->chosen_tool);
  if (asked.wishes) write_if(json, "parallel_tool_calls", asked.wishes->has_parallel_calls);
}

void write_format(json_writer& json, const prompt& asked) {
  if (!asked.wishes || !asked.wishes->is_json) return;
  auto& wishes = *asked.wishes;
  json.key("response_format").begin_object();
  if (wishes.schema.empty()) {
    json.member("type", "json_object");
  } else {
    json.member("type", "json_schema").key("json_schema").begin_object();
    json.member("name", wishes.schema_name).key("schema").raw(wishes.schema);
    write_if(json, "strict", wishes.is_schema_strict);
    json.end_object();
  }
  json.end_object();
}

void write_thinking(json_writer& json, const prompt& asked, thinking_words words) {
  auto& effort = asked.params.reasoning_effort;
  if (!effort) return;
  auto thinks = *effort != "none";
  if (words == thinking_words::enable) {
    json.member("enable_thinking", thinks);
    return;
  }
  if (words == thinking_words::type) {
    json.key("thinking").begin_object();
    json.member("type", thinks ? "enabled" : "disabled").end_object();
    if (!thinks) return;
  }
  json.member("reasoning_effort", *effort);
}

void write_sampling(json_writer& json, const prompt& asked, const quirks& server) {
  // Kimi's models have theirs fixed and refuse any other.
  auto is_fixed =
      server.is_openai ? !takes_sampling(asked) : asked.model.model.starts_with("kimi-");
  if (is_fixed) return;
  auto& params = asked.params;
  write_if(json, "temperature", params.temperature);
  write_if(json, "top_p", params.top_p);
  write_if(json, "presence_penalty", params.presence_penalty);
  write_if(json, "frequency_penalty", params.frequency_penalty);
}

std::string body_of(const prompt& asked, const quirks& server) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("model", asked.model.model);
  write_messages(json, asked);
  write_tools(json, asked);
  json.member("stream", true);
  if (server.has_stream_options)
    json.key("stream_options").begin_object().member("include_usage", true).end_object();
  write_sampling(json, asked, server);
  write_if(json, server.is_openai ? "max_completion_tokens" : "max_tokens", max_tokens_of(asked));
  write_if(json, server.seed, asked.params.seed);
  write_thinking(json, asked, server.thinking);
  write_list(json, "stop", asked.params.stop);
  write_format(json, asked);
  json.end_object();
  return body;
}

bool ends_with(std::string_view text, std::string_view suffix) {
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  return text.size() >= suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

class chat_completions final : public dialect {
 public:
  explicit chat_completions(quirks server) : server_(server) {}

  std::string_view name() const override { return server_.name; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    TRY(auto request, begin(asked.model, "/chat/completions", key));
    request.body = body_of(asked, server_);
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const override {
    return make_openai_parser(wish);
  }

  expected<dialect_request> build_embedding(const embedding_prompt& asked,
                                            const secret_text& key) const override {
    TRY(auto request, begin(asked.model, "/embeddings", key));
    request.body = openai_embedding_body(asked);
    return request;
  }

  expected<embeddings> read_embedding(std::string_view body, size_t count,
                                      json_reader& reader) const override {
    return read_openai_embedding(body, count, reader);
  }

  /// Azure lists what could be deployed; what is deployed only its management plane tells.
  expected<dialect_request> build_discovery(const model_config& model,
                                            const secret_text& key) const override {
    if (!server_.has_deployments || is_plain(model)) return begin_request("/models", auth(), key);
    return begin_request("/openai/models" + version_for(model), auth(), key);
  }

  expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                      json_reader& reader) const override {
    return read_openai_models(body, reader);
  }

 private:
  std::string_view auth() const {
    return server_.has_deployments ? "api-key: " : "Authorization: Bearer ";
  }

  static bool is_plain(const model_config& model) {
    return ends_with(model.base_url, "/openai/v1");
  }

  static std::string version_for(const model_config& model) {
    auto is_named = model.base_url.find("api-version=") != model.base_url.npos;
    return is_named ? std::string{} : std::string{azure_version};
  }

  expected<dialect_request> begin(const model_config& model, std::string_view what,
                                  const secret_text& key) const {
    std::string path{what};
    if (server_.has_deployments && !is_plain(model))
      path = "/openai/deployments/" + percent_encode(model.model) + path + version_for(model);
    return begin_request(std::move(path), auth(), key);
  }

  quirks server_;
};

}  // namespace

const std::vector<const dialect*>& openai_dialects() {
  static const chat_completions openai{{"openai", true, true, false, "seed"}};
  static const chat_completions compatible{{"openai-compatible", true, false, false, "seed"}};
  static const chat_completions mistral{{"mistral", false, false, false, "random_seed"}};
  static const chat_completions azure{{"azure", true, true, true, "seed"}};
  static const chat_completions deepseek{
      {"deepseek", true, false, false, "seed", thinking_words::type}};
  static const chat_completions qwen{{"qwen", true, false, false, "seed", thinking_words::enable}};
  static const std::vector<const dialect*> all{&openai, &compatible, &deepseek,
                                               &qwen,   &mistral,    &azure};
  return all;
}

bool is_reasoning_model(std::string_view model) {
  if (model.size() > 1 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9') return true;
  constexpr int azures_3_5 = 35;  // "gpt-35-turbo"
  auto version = version_behind(model, "gpt-");
  return version.major >= 5 && version.major != azures_3_5 && model.find("-chat") == model.npos;
}

bool takes_sampling(const prompt& asked) {
  std::string_view model{asked.model.model};
  if (!is_reasoning_model(model)) return true;
  // Since 5.1 they may be told not to think.
  return asked.params.reasoning_effort == "none" &&
         version_behind(model, "gpt-") >= model_version{5, 1};
}

std::string openai_embedding_body(const embedding_prompt& asked) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("model", asked.model.model).key("input").begin_array();
  for (auto& text : asked.texts) json.value(text);
  json.end_array().member("encoding_format", "float");
  if (asked.dimensions > 0) json.member("dimensions", asked.dimensions);
  json.end_object();
  return body;
}

expected<embeddings> read_openai_embedding(std::string_view body, size_t count,
                                           json_reader& reader) {
  auto answer = reader.parse(body);
  auto list = answer ? answer->find("data") : std::nullopt;
  if (!list) return reply_broken();
  embeddings found;
  found.vectors.resize(count);
  auto items = list->items();
  if (items.size() != count) return reply_broken();
  for (size_t i = 0; i < items.size(); ++i) {
    auto index = items[i].integer_at("index").value_or(static_cast<int64_t>(i));
    auto vector = items[i].find("embedding");
    if (!vector || index < 0 || static_cast<size_t>(index) >= count) return reply_broken();
    found.vectors[static_cast<size_t>(index)] = read_vector(*vector);
  }
  if (auto used = answer->find("usage"))
    found.prompt_tokens = used->integer_at("prompt_tokens").value_or(0);
  return checked(std::move(found), count);
}

expected<std::vector<offered_model>> read_openai_models(std::string_view body,
                                                        json_reader& reader) {
  // OpenRouter, Groq, Mistral, vLLM and Moonshot each tell the window by a key of their own.
  return read_models(body, reader,
                     {"data",
                      "id",
                      "name",
                      {"context_length", "context_window", "max_context_length", "max_model_len"},
                      {"max_completion_tokens", "max_output_tokens"}});
}

}  // namespace parley::providers
