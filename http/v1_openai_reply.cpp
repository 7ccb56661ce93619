// What OpenAI's clients read.
#include <bit>
#include <cstring>

#include "base/json.hpp"
#include "base/sse.hpp"
#include "base/text.hpp"
#include "http/v1_reply.hpp"

namespace parley::http {

namespace {

std::string_view field_of(part_type type) {
  return type == part_type::reasoning ? "reasoning_content"
         : type == part_type::refusal ? "refusal"
                                      : "content";
}

std::string_view finish_reason_of(const call_end& end) {
  if (!end.calls.empty()) return "tool_calls";
  return end.reason == finish_reason::length    ? "length"
         : end.reason == finish_reason::refused ? "content_filter"
                                                : "stop";
}

void write_openai_usage(json_writer& json, const usage& used) {
  json.begin_object().member("prompt_tokens", used.prompt_tokens);
  json.member("completion_tokens", used.completion_tokens);
  json.member("total_tokens", used.prompt_tokens + used.completion_tokens);
  json.key("prompt_tokens_details").begin_object();
  json.member("cached_tokens", used.cached_tokens.value_or(0)).end_object();
  json.key("completion_tokens_details").begin_object();
  json.member("reasoning_tokens", used.reasoning_tokens.value_or(0)).end_object();
  json.end_object();
}

void write_call(json_writer& json, const tool_call& made, std::optional<size_t> index) {
  json.begin_object();
  if (index) json.member("index", *index);
  json.member("id", made.call_id).member("type", "function").key("function").begin_object();
  json.member("name", made.name).member("arguments", made.arguments).end_object().end_object();
}

class openai_writer final : public v1_writer {
 public:
  explicit openai_writer(v1_reply_name name) : name_(std::move(name)) {
    json_writer json{head_};
    json.begin_object();
    write_name(json, "chat.completion.chunk");
    head_ += R"(,"choices":[)";
    tail_ = name_.has_usage ? R"(],"usage":null})" : "]}";
  }

  void begin(std::string& out) override {
    open(out);
    out += R"({"role":"assistant","content":""})";
    close(out, {});
  }

  void add(std::string& out, const text_delta& delta) override {
    open(out);
    out += "{\"";
    out += field_of(delta.type);
    out += "\":";
    append_json_string(out, delta.text);
    out += '}';
    close(out, {});
  }

  void end(std::string& out, const call_end& end) override {
    for (size_t i = 0; i < end.calls.size(); ++i) {
      open(out);
      out += R"({"tool_calls":[)";
      json_writer json{out};
      write_call(json, end.calls[i], i);
      out += "]}";
      close(out, {});
    }
    open(out);
    out += "{}";
    close(out, finish_reason_of(end));
    if (name_.has_usage) {
      out += "data: ";
      out += head_;
      out += R"(],"usage":)";
      json_writer json{out};
      write_openai_usage(json, end.used);
      out += "}\n\n";
    }
    out += "data: [DONE]\n\n";
  }

  void fail(std::string& out, const error& cause, std::string_view request_id) override {
    append_event(out, {}, {},
                 v1_error_json(error_shape::openai, cause, v1_status_of(cause), request_id));
  }

  std::string whole(const std::vector<text_delta>& deltas, const call_end& end) override {
    std::string text, thoughts, refusal, out;
    for (const auto& delta : deltas)
      (delta.type == part_type::reasoning ? thoughts
       : delta.type == part_type::refusal ? refusal
                                          : text) += delta.text;
    json_writer json{out};
    json.begin_object();
    write_name(json, "chat.completion");
    json.key("choices").begin_array().begin_object().member("index", 0).key("message");
    json.begin_object().member("role", "assistant").key("content");
    if (text.empty() && (!end.calls.empty() || !refusal.empty()))
      json.null();
    else
      json.value(text);
    json.key("refusal");
    if (refusal.empty())
      json.null();
    else
      json.value(refusal);
    if (!thoughts.empty()) json.member("reasoning_content", thoughts);
    if (!end.calls.empty()) {
      json.key("tool_calls").begin_array();
      for (const auto& made : end.calls) write_call(json, made, std::nullopt);
      json.end_array();
    }
    json.end_object().key("logprobs").null().member("finish_reason", finish_reason_of(end));
    json.end_object().end_array().key("usage");
    write_openai_usage(json, end.used);
    json.end_object();
    return out;
  }

 private:
  void write_name(json_writer& json, std::string_view object) const {
    json.member("id", name_.id).member("object", object).member("created", name_.created);
    json.member("model", name_.model);
  }

  void open(std::string& out) {
    out += "data: ";
    out += head_;
    out += R"({"index":0,"delta":)";
  }

  void close(std::string& out, std::string_view reason) {
    out += R"(,"logprobs":null,"finish_reason":)";
    if (reason.empty())
      out += "null";
    else
      append_json_string(out, reason);
    out += '}';
    out += tail_;
    out += "\n\n";
  }

  v1_reply_name name_;
  std::string head_;  // of every chunk, up to its choices
  std::string tail_;
};

void write_model(json_writer& json, const model_config& model) {
  json.begin_object().member("id", model.name).member("object", "model");
  json.member("created", model.created_at.ms / 1000);
  json.member("owned_by", model.is_system() ? "system" : "user").member("type", "model");
  json.member("display_name", model.name).member("created_at", to_string(model.created_at));
  json.end_object();
}

/// Little-endian 32 bit floats, one after another.
std::string bytes_of(const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(vector.size() * sizeof(float));
  for (auto number : vector) {
    auto bits = std::bit_cast<uint32_t>(number);
    for (int shift = 0; shift < 32; shift += 8)
      bytes += static_cast<char>(static_cast<uint8_t>(bits >> shift));
  }
  return bytes;
}

}  // namespace

std::unique_ptr<v1_writer> make_openai_writer(v1_reply_name name) {
  return std::make_unique<openai_writer>(std::move(name));
}

std::string v1_model_json(const model_config& model) {
  std::string out;
  json_writer json{out};
  write_model(json, model);
  return out;
}

std::string v1_models_json(const std::vector<model_config>& models) {
  std::string out;
  json_writer json{out};
  json.begin_object().member("object", "list").key("data").begin_array();
  for (const auto& model : models) write_model(json, model);
  json.end_array().member("has_more", false);
  auto name = [&](std::string_view key, bool is_last) {
    json.key(key);
    if (models.empty())
      json.null();
    else
      json.value(is_last ? models.back().name : models.front().name);
  };
  name("first_id", false);
  name("last_id", true);
  json.end_object();
  return out;
}

std::string openai_embeddings_json(const embedded& found, std::string_view model, bool is_base64) {
  std::string out;
  json_writer json{out};
  json.begin_object().member("object", "list").key("data").begin_array();
  for (size_t i = 0; i < found.vectors.size(); ++i) {
    json.begin_object().member("object", "embedding").member("index", i).key("embedding");
    if (is_base64) {
      json.value(base64(bytes_of(found.vectors[i])));
    } else {
      json.begin_array();
      for (auto number : found.vectors[i]) json.value(static_cast<double>(number));
      json.end_array();
    }
    json.end_object();
  }
  json.end_array().member("model", model).key("usage").begin_object();
  json.member("prompt_tokens", found.prompt_tokens).member("total_tokens", found.prompt_tokens);
  json.end_object().end_object();
  return out;
}

}  // namespace parley::http
