#include "providers/gemini.hpp"

#include "base/text.hpp"
#include "providers/reply_framing.hpp"
#include "providers/request_parts.hpp"

namespace parley::providers {

namespace {

// -- Requests -------------------------------------------------------------------------------------

/// Models are named with and without their collection.
std::string path_of(const model_config& model, std::string_view method) {
  std::string_view name{model.model};
  for (std::string_view collection : {"models/", "tunedModels/"}) {
    if (name.substr(0, collection.size()) != collection) continue;
    name.remove_prefix(collection.size());
    return "/" + std::string{collection} + percent_encode(name) + std::string{method};
  }
  return "/models/" + percent_encode(name) + std::string{method};
}

std::string resource_of(const model_config& model) {
  auto is_qualified = model.model.find('/') != model.model.npos;
  return is_qualified ? model.model : "models/" + model.model;
}

void write_text_part(json_writer& json, std::string_view text) {
  json.begin_object().member("text", text).end_object();
}

/// A call without the signature that came with it is refused from version 3 on. Clients of /v1 and
/// other providers have none to give; the API takes this word in its place.
constexpr std::string_view unsigned_call = "skip_thought_signature_validator";

model_version version_of(std::string_view model) {
  return version_behind(model, "gemini-");
}

void write_call(json_writer& json, const tool_call& made, bool wants_signature) {
  json.begin_object().key("functionCall").begin_object().member("name", made.name);
  json.key("args").raw(arguments_of(made)).end_object();
  if (wants_signature) json.member("thoughtSignature", unsigned_call);
  json.end_object();
}

void write_content(json_writer& json, const prompt& asked, const prompt_message& message) {
  auto is_model = message.role == message_role::assistant;
  json.begin_object().member("role", is_model ? "model" : "user").key("parts").begin_array();
  for (auto& part : message.parts) {
    auto image = is_model ? std::nullopt : image_of(part);
    if (is_spoken(part)) write_text_part(json, *part.text);
    if (!image) continue;
    json.begin_object().key("inlineData").begin_object().member("mimeType", image->media_type);
    json.member("data", image->base64).end_object().end_object();
  }
  // Of several at once only the first one is signed.
  auto wants_signature = version_of(asked.model.model).major >= 3;
  for (auto& made : message.calls)
    write_call(json, made, wants_signature && &made == &message.calls.front());
  json.end_array().end_object();
}

void write_result(json_writer& json, std::string_view tool, std::string_view text, bool is_error) {
  json.begin_object().key("functionResponse").begin_object();
  json.member("name", tool).key("response").begin_object();
  json.member(is_error ? "error" : "output", text).end_object();
  json.end_object().end_object();
}

void write_round(json_writer& json, const tool_round& round) {
  json.raw(round.unseen);
  json.begin_object().member("role", "user").key("parts").begin_array();
  for (auto& result : round.results) write_result(json, result.name, result.text, result.is_error);
  json.end_array().end_object();
}

void write_contents(json_writer& json, const prompt& asked) {
  json.key("contents").begin_array();
  for (auto& message : asked.messages) {
    if (message.role == message_role::tool) {
      json.begin_object().member("role", "user").key("parts").begin_array();
      write_result(json, message.answers.name, text_of(message), message.is_error);
      json.end_array().end_object();
      continue;
    }
    auto has_content = has_image(message) || !text_of(message).empty() || !message.calls.empty();
    if (message.role != message_role::system && has_content) write_content(json, asked, message);
  }
  for (auto& round : asked.rounds) write_round(json, round);
  json.end_array();
}

/// None thinks as little as it can. The first Pro of version 3 knows two levels.
std::string_view level_of(std::string_view effort, std::string_view model) {
  if (effort == "none" || effort == "minimal" || effort == "low") return "low";
  return effort == "medium" && !model.starts_with("gemini-3-pro") ? "medium" : "high";
}

/// Version 2.5 is told a budget of tokens, later ones a level; older ones refuse both.
void write_thinking(json_writer& json, const prompt& asked) {
  std::string_view model{asked.model.model};
  auto version = version_of(model);
  if (version < model_version{2, 5}) return;
  json.key("thinkingConfig").begin_object().member("includeThoughts", true);
  auto& effort = asked.params.reasoning_effort;
  if (effort && version.major >= 3) {
    json.member("thinkingLevel", level_of(*effort, model));
  } else if (effort) {
    auto is_pro = model.find("pro") != model.npos;  // always thinks, at least this much
    json.member("thinkingBudget", *effort == "none"                          ? (is_pro ? 128 : 0)
                                  : *effort == "low" || *effort == "minimal" ? 1'024
                                  : *effort == "medium"                      ? 8'192
                                                                             : 24'576);
  }
  json.end_object();
}

void write_generation(json_writer& json, const prompt& asked) {
  auto& params = asked.params;
  json.key("generationConfig").begin_object();
  write_if(json, "temperature", params.temperature);
  write_if(json, "topP", params.top_p);
  write_if(json, "maxOutputTokens", max_tokens_of(asked));
  write_if(json, "presencePenalty", params.presence_penalty);
  write_if(json, "frequencyPenalty", params.frequency_penalty);
  write_if(json, "seed", params.seed);
  write_list(json, "stopSequences", params.stop);
  write_thinking(json, asked);
  if (asked.wishes && asked.wishes->is_json) {
    json.member("responseMimeType", "application/json");
    if (!asked.wishes->schema.empty()) json.key("responseJsonSchema").raw(asked.wishes->schema);
  }
  json.end_object();
}

void write_choice(json_writer& json, tool_choice choice, std::string_view named) {
  json.key("toolConfig").begin_object().key("functionCallingConfig").begin_object();
  json.member("mode", choice == tool_choice::none        ? "NONE"
                      : choice == tool_choice::automatic ? "AUTO"
                                                         : "ANY");
  if (choice == tool_choice::named)
    json.key("allowedFunctionNames").begin_array().value(named).end_array();
  json.end_object().end_object();
}

void write_tools(json_writer& json, const prompt& asked) {
  if (asked.tools.empty()) return;
  json.key("tools").begin_array().begin_object().key("functionDeclarations").begin_array();
  for (auto& tool : asked.tools) {
    json.begin_object().member("name", tool.name).member("description", tool.description);
    // `parameters` understands a subset of JSON Schema only.
    json.key("parametersJsonSchema").raw(tool.parameters).end_object();
  }
  json.end_array().end_object().end_array();
  if (auto choice = choice_of(asked)) write_choice(json, *choice, asked.wishes->chosen_tool);
}

std::string body_of(const prompt& asked) {
  std::string body;
  json_writer json{body};
  json.begin_object();
  auto system = system_text_of(asked);
  if (!system.empty()) {
    json.key("systemInstruction").begin_object().key("parts").begin_array();
    write_text_part(json, system);
    json.end_array().end_object();
  }
  write_contents(json, asked);
  write_tools(json, asked);
  write_generation(json, asked);
  json.end_object();
  return body;
}

// -- Replies --------------------------------------------------------------------------------------

class generate_content_parser final : public framed_parser {
 public:
  explicit generate_content_parser(const parser_wish& wish)
      : framed_parser(wish, framing::events) {}

 private:
  void read(const json_value& chunk) override {
    auto fault = chunk.find("error");
    if (fault && !fault->is_null()) return fail(refusal_in_stream(*fault));
    if (auto counts = chunk.find("usageMetadata")) read_usage(*counts);
    if (auto feedback = chunk.find("promptFeedback")) {
      if (feedback->string_at("blockReason")) return fail(refused_by_filter());
    }
    auto candidates = chunk.find("candidates");
    auto candidate = candidates ? candidates->first() : std::nullopt;
    if (!candidate || candidate->integer_at("index").value_or(0) != 0) return;
    auto content = candidate->find("content");
    auto parts = content ? content->find("parts") : std::nullopt;
    if (parts) {
      for (auto& part : parts->items()) read_part(part);
    }
    if (auto word = candidate->string_at("finishReason")) read_reason(*word);
  }

  /// Without `alt=sse` the chunks are the items of one list.
  void read_whole(const json_value& value) override {
    if (value.type() == json_type::object) return read(value);
    for (auto& item : value.items()) {
      if (!has_failed()) read(item);
    }
  }

  void read_part(const json_value& part) {
    auto thought = part.find("thought");
    auto is_thought = thought && thought->as_bool().value_or(false);
    add(is_thought ? part_type::reasoning : part_type::text, part.string_at("text"));
    if (has_tools() && !has_failed()) {
      auto kept = part.text();
      if (count(kept.size())) append_json(parts_, kept);
    }
    auto call = part.find("functionCall");
    if (!call) return;
    if (calls_.size() == tool_calls_max) return fail(reply_broken());
    auto arguments = call->find("args");
    tool_call made;
    made.call_id = call->string_at("id").value_or("");
    if (made.call_id.empty()) made.call_id = "call_" + std::to_string(calls_.size() + 1);
    made.name = call->string_at("name").value_or("");
    made.arguments = arguments && !arguments->is_null() ? arguments->text() : "{}";
    if (count(made.call_id.size() + made.name.size() + made.arguments.size()))
      calls_.push_back(std::move(made));
  }

  void read_reason(std::string_view word) {
    if (word.empty() || word == "FINISH_REASON_UNSPECIFIED") return;
    // The second is what some gateways make of a call.
    if (word == "STOP" || word == "FUNCTION_CALL") return set_reason(finish_reason::stop);
    if (word == "MAX_TOKENS") return set_reason(finish_reason::length);
    // MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, TOO_MANY_TOOL_CALLS, MISSING_THOUGHT_SIGNATURE
    for (auto part : {"_CALL", "_SIGNATURE"}) {
      if (word.find(part) != word.npos) return fail(refusal_by_status({500, 0, {}}));
    }
    set_reason(finish_reason::refused);  // SAFETY, RECITATION, BLOCKLIST, PROHIBITED_CONTENT, …
  }

  /// Each chunk tells the counts so far. Thoughts are not among the candidates' tokens.
  void read_usage(const json_value& counts) {
    auto prompt_tokens = count_at(counts, "promptTokenCount");
    auto spoken = count_at(counts, "candidatesTokenCount");
    auto thought = count_at(counts, "thoughtsTokenCount");
    if (!prompt_tokens && !spoken && !thought) return;
    if (!used()) used().emplace();
    auto& sum = *used();
    if (prompt_tokens) sum.prompt_tokens = *prompt_tokens;
    if (thought) sum.reasoning_tokens = thought;
    if (spoken) spoken_ = *spoken;
    sum.completion_tokens = spoken_ + sum.reasoning_tokens.value_or(0);
    if (auto cached = count_at(counts, "cachedContentTokenCount")) sum.cached_tokens = cached;
  }

  /// Thought signatures sit in the parts, which go back as they came.
  void close(reply_end& end) override {
    end.unseen = R"({"role":"model","parts":[)" + parts_ + "]}";
    end.calls = std::move(calls_);
  }

  std::vector<tool_call> calls_;
  std::string parts_;
  int64_t spoken_ = 0;
};

class generate_content_dialect final : public dialect {
 public:
  std::string_view name() const override { return "gemini"; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    TRY_DONE(check_no_image_links(asked));
    TRY(auto request,
        begin_request(path_of(asked.model, ":streamGenerateContent?alt=sse"), auth, key));
    request.body = body_of(asked);
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const override {
    return std::make_unique<generate_content_parser>(wish);
  }

  expected<dialect_request> build_embedding(const embedding_prompt& asked,
                                            const secret_text& key) const override {
    TRY(auto request, begin_request(path_of(asked.model, ":batchEmbedContents"), auth, key));
    json_writer json{request.body};
    json.begin_object().key("requests").begin_array();
    for (auto& text : asked.texts) {
      json.begin_object().member("model", resource_of(asked.model)).key("content").begin_object();
      json.key("parts").begin_array();
      write_text_part(json, text);
      json.end_array().end_object();
      if (asked.dimensions > 0) json.member("outputDimensionality", asked.dimensions);
      json.end_object();
    }
    json.end_array().end_object();
    return request;
  }

  expected<embeddings> read_embedding(std::string_view body, size_t count,
                                      json_reader& reader) const override {
    auto answer = reader.parse(body);
    auto list = answer ? answer->find("embeddings") : std::nullopt;
    if (!list) return reply_broken();
    embeddings found;
    for (auto& item : list->items()) {
      auto values = item.find("values");
      found.vectors.push_back(values ? read_vector(*values) : std::vector<float>{});
    }
    return checked(std::move(found), count);
  }

  expected<dialect_request> build_discovery(const model_config&,
                                            const secret_text& key) const override {
    return begin_request("/models?pageSize=1000", auth, key);
  }

  expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                      json_reader& reader) const override {
    TRY(auto models,
        read_models(body, reader,
                    {"models", "name", "displayName", {"inputTokenLimit"}, {"outputTokenLimit"}}));
    for (auto& model : models) {
      if (model.id.substr(0, 7) == "models/") model.id.erase(0, 7);
    }
    return models;
  }

 private:
  static constexpr std::string_view auth = "x-goog-api-key: ";
};

}  // namespace

const dialect& gemini_dialect() {
  static const generate_content_dialect dialect;
  return dialect;
}

}  // namespace parley::providers
