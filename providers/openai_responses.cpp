#include "providers/openai_responses.hpp"

#include <algorithm>

#include "providers/openai.hpp"
#include "providers/reply_framing.hpp"
#include "providers/request_parts.hpp"

namespace parley::providers {

namespace {

// -- Requests -------------------------------------------------------------------------------------

void write_message(json_writer& json, const prompt_message& message) {
  auto is_assistant = message.role == message_role::assistant;
  json.begin_object().member("role", is_assistant ? "assistant" : "user");
  json.key("content").begin_array();
  for (auto& part : message.parts) {
    if (is_spoken(part)) {
      json.begin_object().member("type", is_assistant ? "output_text" : "input_text");
      json.member("text", *part.text).end_object();
    } else if (!is_assistant && (image_of(part) || image_link_of(part))) {
      json.begin_object().member("type", "input_image");
      json.member("image_url", *part.url).end_object();
    }
  }
  json.end_array().end_object();
}

void write_call(json_writer& json, const tool_call& made) {
  json.begin_object().member("type", "function_call").member("call_id", made.call_id);
  json.member("name", made.name).member("arguments", made.arguments).end_object();
}

void write_result(json_writer& json, std::string_view call_id, std::string_view text) {
  json.begin_object().member("type", "function_call_output");
  json.member("call_id", call_id).member("output", text).end_object();
}

void write_input(json_writer& json, const prompt& asked) {
  json.key("input").begin_array();
  for (auto& message : asked.messages) {
    if (message.role == message_role::tool) {
      write_result(json, message.answers.call_id, text_of(message));
      continue;
    }
    auto has_content = has_image(message) || !text_of(message).empty();
    if (message.role != message_role::system && has_content) write_message(json, message);
    for (auto& made : message.calls) write_call(json, made);
  }
  for (auto& round : asked.rounds) {
    // The items of the reply, without the list's brackets.
    if (!round.unseen.empty()) json.raw(round.unseen);
    for (auto& result : round.results) write_result(json, result.call_id, result.text);
  }
  json.end_array();
}

void write_tools(json_writer& json, const prompt& asked) {
  if (asked.tools.empty()) return;
  json.key("tools").begin_array();
  for (auto& tool : asked.tools) {
    json.begin_object().member("type", "function").member("name", tool.name);
    json.member("description", tool.description).key("parameters").raw(tool.parameters);
    json.member("strict", tool.is_strict.value_or(false)).end_object();
  }
  json.end_array();
  if (auto choice = choice_of(asked)) {
    json.key("tool_choice");
    if (*choice == tool_choice::named)
      json.begin_object()
          .member("type", "function")
          .member("name", asked.wishes->chosen_tool)
          .end_object();
    else
      json.value(*choice == tool_choice::required ? "required"
                 : *choice == tool_choice::none   ? "none"
                                                  : "auto");
  }
  if (asked.wishes) write_if(json, "parallel_tool_calls", asked.wishes->has_parallel_calls);
}

void write_format(json_writer& json, const prompt& asked) {
  if (!asked.wishes || !asked.wishes->is_json) return;
  auto& wishes = *asked.wishes;
  json.key("text").begin_object().key("format").begin_object();
  if (wishes.schema.empty()) {
    json.member("type", "json_object");
  } else {
    json.member("type", "json_schema").member("name", wishes.schema_name);
    json.key("schema").raw(wishes.schema);
    write_if(json, "strict", wishes.is_schema_strict);
  }
  json.end_object().end_object();
}

/// A summary of the thoughts is asked for with an effort only: the API gives none to organisations
/// that have not shown who they are, and refuses the call.
void write_reasoning(json_writer& json, const prompt& asked) {
  auto& effort = asked.params.reasoning_effort;
  auto thinks = effort ? *effort != "none" : is_reasoning_model(asked.model.model);
  if (effort) {
    json.key("reasoning").begin_object().member("effort", *effort);
    if (thinks) json.member("summary", "auto");
    json.end_object();
  }
  // Nothing is stored over there, so thoughts go back sealed when results of tools follow.
  if (!asked.tools.empty() && thinks)
    json.key("include").begin_array().value("reasoning.encrypted_content").end_array();
}

/// This API has neither stop texts, nor a seed, nor penalties.
std::string body_of(const prompt& asked) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("model", asked.model.model);
  auto system = system_text_of(asked);
  if (!system.empty()) json.member("instructions", system);
  write_input(json, asked);
  write_tools(json, asked);
  write_reasoning(json, asked);
  write_if(json, "max_output_tokens", max_tokens_of(asked));
  if (takes_sampling(asked)) {
    write_if(json, "temperature", asked.params.temperature);
    write_if(json, "top_p", asked.params.top_p);
  }
  write_format(json, asked);
  json.member("stream", true).member("store", false).end_object();
  return body;
}

// -- Replies --------------------------------------------------------------------------------------

/// The last event repeats the whole reply, and the instructions as well.
parser_wish with_long_lines(parser_wish wish) {
  auto& limits = wish.limits;
  limits.line_bytes_max = std::max(limits.line_bytes_max, 2 * limits.reply_bytes_max);
  return wish;
}

class responses_parser final : public framed_parser {
 public:
  explicit responses_parser(const parser_wish& wish)
      : framed_parser(with_long_lines(wish), framing::events) {}

 private:
  void read(const json_value& event) override {
    auto type = event.string_at("type").value_or("");
    if (type == "response.output_text.delta") return add(part_type::text, event.string_at("delta"));
    if (type == "response.refusal.delta") return read_refusal(event.string_at("delta"));
    if (type == "response.reasoning_summary_text.delta" || type == "response.reasoning_text.delta")
      return add(part_type::reasoning, event.string_at("delta"));
    if (type == "response.reasoning_summary_part.added") return read_paragraph(event);
    if (type == "response.output_item.done") {
      if (auto item = event.find("item")) read_item(*item);
      return;
    }
    if (type == "response.completed" || type == "response.incomplete" || type == "response.failed")
      return read_end(event);
    if (type == "error") {
      auto inner = event.find("error");
      return fail(refusal_in_stream(inner && !inner->is_null() ? *inner : event));
    }
    // Items and parts that begin or end, and what will be invented.
  }

  /// The response itself.
  void read_whole(const json_value& value) override {
    if (value.string_at("object") != "response") {
      auto fault = value.find("error");
      return fail(fault && !fault->is_null() ? refusal_in_stream(*fault) : reply_broken());
    }
    if (auto output = value.find("output")) {
      for (auto& item : output->items()) read_whole_item(item);
    }
    read_response(value);
  }

  void read_end(const json_value& event) {
    auto response = event.find("response");
    if (!response) return fail(reply_broken());
    read_response(*response);
    complete();
  }

  void read_response(const json_value& response) {
    if (auto counts = response.find("usage")) read_usage(*counts);
    auto fault = response.find("error");
    if (fault && !fault->is_null()) return fail(refusal_in_stream(*fault));
    auto status = response.string_at("status").value_or("completed");
    if (status == "failed" || status == "cancelled") return fail(refusal_by_status({500, 0, {}}));
    auto why = response.find("incomplete_details");
    auto word = why ? why->string_at("reason").value_or("") : std::string_view{};
    set_reason(has_refused_ || word == "content_filter" ? finish_reason::refused
               : status == "incomplete"                 ? finish_reason::length
                                                        : finish_reason::stop);
  }

  void read_usage(const json_value& counts) {
    auto input = count_at(counts, "input_tokens");
    auto output = count_at(counts, "output_tokens");
    if (!input && !output) return;
    auto& sum = used().emplace();
    sum.prompt_tokens = input.value_or(0);
    sum.completion_tokens = output.value_or(0);
    if (auto details = counts.find("input_tokens_details"))
      sum.cached_tokens = count_at(*details, "cached_tokens");
    if (auto details = counts.find("output_tokens_details"))
      sum.reasoning_tokens = count_at(*details, "reasoning_tokens");
  }

  void read_refusal(std::optional<std::string_view> text) {
    has_refused_ = true;
    add(part_type::refusal, text);
  }

  /// Summaries come in parts, each a paragraph.
  void read_paragraph(const json_value& event) {
    if (event.integer_at("summary_index").value_or(0) > 0) add(part_type::reasoning, "\n\n");
  }

  /// An item that is whole: a call of a tool, or sealed thoughts that have to go back.
  void read_item(const json_value& item) {
    if (has_tools()) {
      auto kept = item.text();
      if (count(kept.size())) append_json(items_, kept);
    }
    if (item.string_at("type") != "function_call") return;
    if (calls_.size() == tool_calls_max) return fail(reply_broken());
    tool_call made;
    made.call_id = item.string_at("call_id").value_or("");
    made.name = item.string_at("name").value_or("");
    made.arguments = item.string_at("arguments").value_or("");
    if (count(made.call_id.size() + made.name.size() + made.arguments.size()))
      calls_.push_back(std::move(made));
  }

  void read_whole_item(const json_value& item) {
    read_item(item);
    if (auto summary = item.find("summary")) {
      for (auto& paragraph : summary->items())
        add(part_type::reasoning, paragraph.string_at("text"));
    }
    auto content = item.find("content");
    if (!content || item.string_at("type") != "message") return;
    for (auto& piece : content->items()) {
      add(part_type::text, piece.string_at("text"));
      if (auto refusal = piece.string_at("refusal")) read_refusal(refusal);
    }
  }

  void close(reply_end& end) override {
    end.unseen = std::move(items_);
    end.calls = std::move(calls_);
  }

  std::vector<tool_call> calls_;
  std::string items_;  // only of those who were offered tools
  bool has_refused_ = false;
};

class responses_dialect final : public dialect {
 public:
  std::string_view name() const override { return "openai-responses"; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    TRY(auto request, begin_request("/responses", auth, key));
    request.body = body_of(asked);
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const override {
    return std::make_unique<responses_parser>(wish);
  }

  expected<dialect_request> build_embedding(const embedding_prompt& asked,
                                            const secret_text& key) const override {
    TRY(auto request, begin_request("/embeddings", auth, key));
    request.body = openai_embedding_body(asked);
    return request;
  }

  expected<embeddings> read_embedding(std::string_view body, size_t count,
                                      json_reader& reader) const override {
    return read_openai_embedding(body, count, reader);
  }

  expected<dialect_request> build_discovery(const model_config&,
                                            const secret_text& key) const override {
    return begin_request("/models", auth, key);
  }

  expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                      json_reader& reader) const override {
    return read_openai_models(body, reader);
  }

 private:
  static constexpr std::string_view auth = "Authorization: Bearer ";
};

}  // namespace

const dialect& openai_responses_dialect() {
  static const responses_dialect dialect;
  return dialect;
}

}  // namespace parley::providers
