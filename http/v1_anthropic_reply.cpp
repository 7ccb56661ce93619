// What Anthropic's clients read.
#include "base/json.hpp"
#include "base/sse.hpp"
#include "http/v1_reply.hpp"

namespace parley::http {

namespace {

std::string_view stop_reason_of(const call_end& end) {
  if (!end.calls.empty()) return "tool_use";
  return end.reason == finish_reason::length    ? "max_tokens"
         : end.reason == finish_reason::refused ? "refusal"
                                                : "end_turn";
}

/// What was read from the cache is not part of `input_tokens` here.
void write_anthropic_usage(json_writer& json, const usage& used) {
  auto cached = used.cached_tokens.value_or(0);
  json.begin_object().member("input_tokens", std::max<int64_t>(used.prompt_tokens - cached, 0));
  json.member("cache_creation_input_tokens", 0).member("cache_read_input_tokens", cached);
  json.member("output_tokens", used.completion_tokens).end_object();
}

/// What a model wrote as arguments is shown as they are only if they are an object.
std::string input_of(const tool_call& made) {
  json_reader reader{{.bytes_max = std::max<size_t>(made.arguments.size(), 1), .strict = false}};
  auto value = reader.parse(made.arguments);
  return value && value->type() == json_type::object ? value->text() : "{}";
}

class anthropic_writer final : public v1_writer {
 public:
  explicit anthropic_writer(v1_reply_name name) : name_(std::move(name)) {}

  void begin(std::string& out) override {
    std::string data;
    json_writer json{data};
    json.begin_object().member("type", "message_start").key("message").begin_object();
    write_name(json);
    json.key("content").begin_array().end_array();
    json.key("stop_reason").null().key("stop_sequence").null().key("usage");
    write_anthropic_usage(json, {});
    json.end_object().end_object();
    append_event(out, {}, "message_start", data);
  }

  void add(std::string& out, const text_delta& delta) override {
    auto is_thought = delta.type == part_type::reasoning;
    if (is_open_ && is_thought != is_thinking_) close_block(out);
    if (!is_open_) {
      is_thinking_ = is_thought;
      open_block(out, is_thought ? R"({"type":"thinking","thinking":"","signature":""})"
                                 : R"({"type":"text","text":""})");
    }
    out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
    out += std::to_string(index_);
    out += is_thought ? R"(,"delta":{"type":"thinking_delta","thinking":)"
                      : R"(,"delta":{"type":"text_delta","text":)";
    append_json_string(out, delta.text);
    out += "}}\n\n";
  }

  void end(std::string& out, const call_end& end) override {
    if (is_open_) close_block(out);
    for (const auto& made : end.calls) write_call(out, made);
    std::string data;
    json_writer json{data};
    json.begin_object().member("type", "message_delta").key("delta").begin_object();
    json.member("stop_reason", stop_reason_of(end)).key("stop_sequence").null().end_object();
    json.key("usage");
    write_anthropic_usage(json, end.used);
    json.end_object();
    append_event(out, {}, "message_delta", data);
    append_event(out, {}, "message_stop", R"({"type":"message_stop"})");
  }

  void fail(std::string& out, const error& cause, std::string_view request_id) override {
    append_event(out, {}, "error",
                 v1_error_json(error_shape::anthropic, cause, v1_status_of(cause), request_id));
  }

  std::string whole(const std::vector<text_delta>& deltas, const call_end& end) override {
    std::string out;
    json_writer json{out};
    json.begin_object();
    write_name(json);
    json.key("content").begin_array();
    // Deltas of one kind that follow each other have been joined.
    for (const auto& delta : deltas) {
      json.begin_object();
      if (delta.type == part_type::reasoning)
        json.member("type", "thinking").member("thinking", delta.text).member("signature", "");
      else
        json.member("type", "text").member("text", delta.text);
      json.end_object();
    }
    for (const auto& made : end.calls) {
      json.begin_object().member("type", "tool_use").member("id", made.call_id);
      json.member("name", made.name).key("input").raw(input_of(made)).end_object();
    }
    json.end_array()
        .member("stop_reason", stop_reason_of(end))
        .key("stop_sequence")
        .null()
        .key("usage");
    write_anthropic_usage(json, end.used);
    json.end_object();
    return out;
  }

 private:
  void write_name(json_writer& json) const {
    json.member("id", name_.id).member("type", "message").member("role", "assistant");
    json.member("model", name_.model);
  }

  void open_block(std::string& out, std::string_view block) {
    is_open_ = true;
    append_event(out, {}, "content_block_start",
                 R"({"type":"content_block_start","index":)" + std::to_string(index_) +
                     R"(,"content_block":)" + std::string{block} + "}");
  }

  void close_block(std::string& out) {
    is_open_ = false;
    append_event(out, {}, "content_block_stop",
                 R"({"type":"content_block_stop","index":)" + std::to_string(index_++) + "}");
  }

  void write_call(std::string& out, const tool_call& made) {
    std::string block;
    json_writer json{block};
    json.begin_object().member("type", "tool_use").member("id", made.call_id);
    json.member("name", made.name).key("input").begin_object().end_object().end_object();
    open_block(out, block);
    std::string delta;
    json_writer piece{delta};
    piece.begin_object().member("type", "content_block_delta").member("index", index_);
    piece.key("delta").begin_object().member("type", "input_json_delta");
    piece.member("partial_json", input_of(made)).end_object().end_object();
    append_event(out, {}, "content_block_delta", delta);
    close_block(out);
  }

  v1_reply_name name_;
  int64_t index_ = 0;
  bool is_open_ = false;
  bool is_thinking_ = false;
};

}  // namespace

std::unique_ptr<v1_writer> make_anthropic_writer(v1_reply_name name) {
  return std::make_unique<anthropic_writer>(std::move(name));
}

}  // namespace parley::http
