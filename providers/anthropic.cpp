#include "providers/anthropic.hpp"

#include <algorithm>
#include <map>

#include "providers/reply_framing.hpp"
#include "providers/request_parts.hpp"

namespace parley::providers {

namespace {

// -- Requests -------------------------------------------------------------------------------------

constexpr int32_t thinking_tokens_min = 1024;  // the API refuses less

/// The one dialect that cannot leave the length of a reply to the provider.
int32_t reply_tokens_max(const prompt& asked) {
  constexpr int32_t unasked = 8'192;
  return max_tokens_of(asked).value_or(std::min(unasked, asked.model.context_window / 2));
}

/// What the API takes from a model's generation on; what is older refuses it, and the reverse.
constexpr model_version formats_since{4, 5};          // a schema that the answer is to match
constexpr model_version effort_since{4, 6};           // in place of a budget for thinking
constexpr model_version no_sampling_since{4, 7};      // nor are thoughts shown unasked
constexpr model_version thinks_unasked_since{5, 0};   // and is to be told not to
constexpr model_version no_forced_tools_since{5, 5};  // that a tool must be called is refused

struct claude {
  std::string_view family;
  model_version version;
};

claude model_named(std::string_view name) {
  for (std::string_view family : {"opus", "sonnet", "haiku", "fable"}) {
    auto version = version_behind(name, "claude-" + std::string{family} + "-");
    if (version.major > 0) return {family, version};
  }
  return {};
}

/// What version 5.5 brought to the other families this one had before.
bool is_fable(const claude& model) {
  return model.family == "fable";
}

/// Marks the end of a prefix that the next turn will send again: the provider keeps it for five
/// minutes. Prefixes too short to be kept cost nothing.
void write_cache_mark(json_writer& json) {
  json.key("cache_control").begin_object().member("type", "ephemeral").end_object();
}

void write_text_block(json_writer& json, std::string_view text, bool is_cached) {
  json.begin_object().member("type", "text").member("text", text);
  if (is_cached) write_cache_mark(json);
  json.end_object();
}

void write_image_block(json_writer& json, const inline_image& image) {
  json.begin_object().member("type", "image").key("source").begin_object();
  json.member("type", "base64").member("media_type", image.media_type);
  json.member("data", image.base64).end_object().end_object();
}

void write_image_link(json_writer& json, std::string_view link) {
  json.begin_object().member("type", "image").key("source").begin_object();
  json.member("type", "url").member("url", link).end_object().end_object();
}

std::string_view without_trailing_blanks(std::string_view text) {
  auto end = text.find_last_not_of(" \t\r\n");
  return end == text.npos ? std::string_view{} : text.substr(0, end + 1);
}

bool is_blank(std::string_view text) {
  return without_trailing_blanks(text).empty();
}

/// Blank text is refused, and so are blanks behind an answer that is to be continued.
bool has_content(const prompt_message& message) {
  return has_image(message) || !message.calls.empty() || message.role == message_role::tool ||
         !is_blank(text_of(message));
}

void write_result(json_writer& json, std::string_view call_id, std::string_view text,
                  bool is_error) {
  json.begin_object().member("type", "tool_result").member("tool_use_id", call_id);
  if (!is_blank(text)) json.member("content", text);
  if (is_error) json.member("is_error", true);
  json.end_object();
}

void write_message(json_writer& json, const prompt_message& message, bool is_last) {
  auto is_assistant = message.role == message_role::assistant;
  json.begin_object().member("role", is_assistant ? "assistant" : "user");
  json.key("content").begin_array();
  if (!is_assistant) {
    for (auto& part : message.parts) {
      if (auto image = image_of(part)) write_image_block(json, *image);
      if (auto link = image_link_of(part)) write_image_link(json, *link);
    }
  }
  auto text = text_of(message);
  auto content = is_assistant ? without_trailing_blanks(text) : std::string_view{text};
  if (message.role == message_role::tool)
    write_result(json, message.answers.call_id, text, message.is_error);
  else if (!is_blank(content))
    write_text_block(json, content, is_last);
  for (auto& made : message.calls) {
    json.begin_object().member("type", "tool_use").member("id", made.call_id);
    json.member("name", made.name).key("input").raw(arguments_of(made)).end_object();
  }
  json.end_array().end_object();
}

void write_round(json_writer& json, const tool_round& round) {
  json.begin_object().member("role", "assistant").key("content").raw(round.unseen).end_object();
  json.begin_object().member("role", "user").key("content").begin_array();
  for (auto& result : round.results)
    write_result(json, result.call_id, result.text, result.is_error);
  json.end_array().end_object();
}

void write_messages(json_writer& json, const prompt& asked) {
  std::vector<const prompt_message*> spoken;
  for (auto& message : asked.messages) {
    if (message.role != message_role::system && has_content(message)) spoken.push_back(&message);
  }
  json.key("messages").begin_array();
  // A conversation whose beginning was dropped may start with an answer, which the API refuses.
  if (!spoken.empty() && spoken.front()->role == message_role::assistant)
    json.begin_object().member("role", "user").member("content", "…").end_object();
  for (auto* message : spoken) write_message(json, *message, message == spoken.back());
  for (auto& round : asked.rounds) write_round(json, round);
  json.end_array();
}

/// OpenAI's words for effort, as a budget of tokens that leaves room for the answer. 0: none.
int32_t thinking_budget(std::string_view effort, int32_t max_tokens) {
  auto wanted = effort == "none"                         ? 0
                : effort == "low" || effort == "minimal" ? 2'048
                : effort == "medium"                     ? 8'192
                                                         : 24'576;
  auto budget = std::min(wanted, max_tokens / 2);
  return budget < thinking_tokens_min ? 0 : budget;
}

void write_thinking_type(json_writer& json, std::string_view type, bool is_hidden_unasked) {
  json.key("thinking").begin_object().member("type", type);
  if (is_hidden_unasked) json.member("display", "summarized");
  json.end_object();
}

/// Models that would think unasked are told not to, in the word that they take. The effort that is
/// left to those which cannot but think.
std::optional<std::string> write_no_thinking(json_writer& json, const claude& model) {
  if (model.version < thinks_unasked_since) return std::nullopt;
  auto is_newest = model.version >= no_forced_tools_since;
  if (is_fable(model) || (is_newest && model.family == "opus")) {
    write_thinking_type(json, "adaptive", true);
    return "low";
  }
  write_thinking_type(json, is_newest && model.family == "sonnet" ? "between_tools" : "disabled",
                      false);
  return std::nullopt;
}

/// The effort that an adaptive model is to be told.
std::optional<std::string> write_adaptive(json_writer& json, const prompt& asked,
                                          const claude& model) {
  auto& effort = asked.params.reasoning_effort;
  if (effort == "none") return write_no_thinking(json, model);
  if (effort || model.version >= thinks_unasked_since)
    write_thinking_type(json, "adaptive", model.version >= no_sampling_since);
  if (effort == "minimal") return "low";
  return effort;
}

/// True if the model will think within a budget.
bool write_budget(json_writer& json, const prompt& asked) {
  auto& effort = asked.params.reasoning_effort;
  auto budget = effort ? thinking_budget(*effort, reply_tokens_max(asked)) : 0;
  if (budget == 0) return false;
  json.key("thinking").begin_object().member("type", "enabled");
  json.member("budget_tokens", budget).end_object();
  return true;
}

/// The schema is demanded only by who was strict about it: others may be no schema that the
/// provider takes.
void write_output(json_writer& json, const prompt& asked,
                  const std::optional<std::string>& effort) {
  auto* wishes = asked.wishes;
  auto has_format = wishes && wishes->is_json && wishes->is_schema_strict == true &&
                    !wishes->schema.empty() &&
                    model_named(asked.model.model).version >= formats_since;
  if (!effort && !has_format) return;
  json.key("output_config").begin_object();
  write_if(json, "effort", effort);
  if (has_format) {
    json.key("format").begin_object().member("type", "json_schema");
    json.key("schema").raw(wishes->schema).end_object();
  }
  json.end_object();
}

/// True if the model will think, which fixes its sampling.
bool write_thinking(json_writer& json, const prompt& asked) {
  auto model = model_named(asked.model.model);
  if (model.version >= effort_since) {
    auto effort = write_adaptive(json, asked, model);
    write_output(json, asked, effort);
    return effort.has_value();
  }
  write_output(json, asked, std::nullopt);
  return write_budget(json, asked);
}

void write_sampling(json_writer& json, const prompt& asked, bool thinks) {
  if (thinks || model_named(asked.model.model).version >= no_sampling_since) return;
  // Elsewhere temperature goes up to 2, here to 1; newer models take only one of the two.
  if (auto temperature = asked.params.temperature)
    json.member("temperature", std::min(*temperature, 1.0));
  else
    write_if(json, "top_p", asked.params.top_p);
}

void write_choice(json_writer& json, const prompt& asked) {
  auto is_one_at_a_time = asked.wishes && asked.wishes->has_parallel_calls == false;
  auto choice = choice_of(asked);
  if (!choice && !is_one_at_a_time) return;
  auto wanted = choice.value_or(tool_choice::automatic);
  auto model = model_named(asked.model.model);
  auto is_forced = wanted == tool_choice::named || wanted == tool_choice::required;
  if (is_forced && (model.version >= no_forced_tools_since || is_fable(model)))
    wanted = tool_choice::automatic;
  json.key("tool_choice").begin_object();
  json.member("type", wanted == tool_choice::named      ? "tool"
                      : wanted == tool_choice::required ? "any"
                      : wanted == tool_choice::none     ? "none"
                                                        : "auto");
  if (wanted == tool_choice::named) json.member("name", asked.wishes->chosen_tool);
  if (is_one_at_a_time && wanted != tool_choice::none)
    json.member("disable_parallel_tool_use", true);
  json.end_object();
}

void write_tools(json_writer& json, const prompt& asked) {
  if (asked.tools.empty()) return;
  json.key("tools").begin_array();
  for (auto& tool : asked.tools) {
    json.begin_object().member("name", tool.name).member("description", tool.description);
    json.key("input_schema").raw(tool.parameters).end_object();
  }
  json.end_array();
  write_choice(json, asked);
}

std::string body_of(const prompt& asked) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("model", asked.model.model);
  json.member("max_tokens", reply_tokens_max(asked));
  auto system = system_text_of(asked);
  // The order of a prefix is tools, system, messages: this mark keeps the tools too.
  if (!is_blank(system)) {
    json.key("system").begin_array();
    write_text_block(json, system, true);
    json.end_array();
  }
  write_tools(json, asked);
  write_messages(json, asked);
  auto thinks = write_thinking(json, asked);
  write_sampling(json, asked, thinks);
  write_list(json, "stop_sequences", asked.params.stop);
  json.member("stream", true).end_object();
  return body;
}

// -- Replies --------------------------------------------------------------------------------------

finish_reason finish_of(std::string_view word) {
  if (word == "max_tokens" || word == "model_context_window_exceeded") return finish_reason::length;
  if (word == "refusal") return finish_reason::refused;
  return finish_reason::stop;
}

/// A content block under way. What is shown goes out at once; what has to go back is kept.
struct open_block {
  std::string type;
  std::string text;       ///< text or thinking
  std::string signature;  ///< of a thinking block
  std::string sealed;     ///< the data of a redacted one
  tool_call call;
};

class messages_parser final : public framed_parser {
 public:
  explicit messages_parser(const parser_wish& wish) : framed_parser(wish, framing::events) {}

 private:
  void read(const json_value& event) override {
    auto type = event.string_at("type").value_or("");
    if (type == "content_block_delta") return read_delta(event);
    if (type == "content_block_start") return read_start(event);
    if (type == "message_start") return read_message_start(event);
    if (type == "message_delta") return read_message_delta(event);
    if (type == "message_stop") return complete();
    auto fault = event.find("error");
    if (fault && !fault->is_null()) return fail(refusal_in_stream(*fault));
    if (type == "error") return fail(refusal_in_stream(event));
    // `ping`, `content_block_stop`, and what will be invented.
  }

  void read_whole(const json_value& value) override {
    if (value.string_at("type") != "message") {
      auto fault = value.find("error");
      return fail(fault ? refusal_in_stream(*fault) : reply_broken());
    }
    read_usage(value);
    if (auto content = value.find("content")) {
      int64_t index = 0;
      for (auto& block : content->items()) open(index++, block);
    }
    if (auto word = value.string_at("stop_reason")) set_reason(finish_of(*word));
  }

  void read_message_start(const json_value& event) {
    if (auto message = event.find("message")) read_usage(*message);
  }

  void read_message_delta(const json_value& event) {
    read_usage(event);
    auto delta = event.find("delta");
    auto word = delta ? delta->string_at("stop_reason") : std::nullopt;
    if (word && !word->empty()) set_reason(finish_of(*word));
  }

  /// Counts grow from event to event; each names only some. What was read from or written to the
  /// cache is not part of `input_tokens`.
  void read_usage(const json_value& holder) {
    auto told = holder.find("usage");
    if (!told) return;
    auto take = [&](std::string_view key, int64_t& target) {
      auto tokens = count_at(*told, key);
      if (tokens) target = *tokens;
      return tokens.has_value();
    };
    auto is_told = take("input_tokens", input_);
    is_told |= take("output_tokens", output_);
    take("cache_creation_input_tokens", cache_written_);
    has_cache_ |= take("cache_read_input_tokens", cache_read_);
    if (!is_told) return;
    auto& sum = used().emplace();
    sum.prompt_tokens = input_ + cache_written_ + cache_read_;
    sum.completion_tokens = output_;
    if (has_cache_) sum.cached_tokens = cache_read_;
  }

  void read_start(const json_value& event) {
    auto block = event.find("content_block");
    if (block) open(event.integer_at("index").value_or(-1), *block);
  }

  void open(int64_t index, const json_value& content) {
    if (index < 0 || blocks_.size() >= blocks_max || blocks_.count(index) != 0)
      return fail(reply_broken());
    auto& block = blocks_[index];
    keep(block.type, content.string_at("type").value_or(""));
    show(block, part_type::text, content.string_at("text"));
    show(block, part_type::reasoning, content.string_at("thinking"));
    keep(block.signature, content.string_at("signature").value_or(""));
    keep(block.sealed, content.string_at("data").value_or(""));
    if (block.type != "tool_use") return;
    keep(block.call.call_id, content.string_at("id").value_or(""));
    keep(block.call.name, content.string_at("name").value_or(""));
    // Whole answers have the arguments here, streams an empty object and deltas.
    auto input = content.find("input");
    if (input && !input->members().empty()) keep(block.call.arguments, input->text());
  }

  void read_delta(const json_value& event) {
    auto delta = event.find("delta");
    auto found = blocks_.find(event.integer_at("index").value_or(-1));
    if (!delta || found == blocks_.end()) return fail(reply_broken());
    auto& block = found->second;
    auto type = delta->string_at("type").value_or("");
    if (type == "text_delta") show(block, part_type::text, delta->string_at("text"));
    if (type == "thinking_delta") show(block, part_type::reasoning, delta->string_at("thinking"));
    if (type == "signature_delta")
      keep(block.signature, delta->string_at("signature").value_or(""));
    if (type == "input_json_delta" && block.type == "tool_use")
      keep(block.call.arguments, delta->string_at("partial_json").value_or(""));
  }

  void show(open_block& block, part_type type, std::optional<std::string_view> text) {
    add(type, text);
    if (text && has_tools() && !has_failed()) block.text += *text;
  }

  void keep(std::string& target, std::string_view text) {
    if (count(text.size())) target += text;
  }

  void close(reply_end& end) override {
    json_writer json{end.unseen};
    json.begin_array();
    for (auto& [index, block] : blocks_) {
      if (block.type == "tool_use") {
        if (block.call.arguments.empty()) block.call.arguments = "{}";
        json.begin_object().member("type", "tool_use").member("id", block.call.call_id);
        json.member("name", block.call.name).key("input");
        json.raw(object_or_empty(block.call.arguments, reader())).end_object();
        end.calls.push_back(std::move(block.call));
      } else if (block.type == "thinking") {
        json.begin_object().member("type", "thinking").member("thinking", block.text);
        json.member("signature", block.signature).end_object();
      } else if (block.type == "redacted_thinking") {
        json.begin_object().member("type", block.type).member("data", block.sealed).end_object();
      } else if (block.type == "text" && !is_blank(block.text)) {
        write_text_block(json, block.text, false);
      }
    }
    json.end_array();
  }

  static constexpr size_t blocks_max = 1000;

  std::map<int64_t, open_block> blocks_;
  int64_t input_ = 0;
  int64_t output_ = 0;
  int64_t cache_written_ = 0;
  int64_t cache_read_ = 0;
  bool has_cache_ = false;
};

class messages_dialect final : public dialect {
 public:
  std::string_view name() const override { return "anthropic"; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    TRY(auto request, begin("/messages", key));
    request.body = body_of(asked);
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(const parser_wish& wish) const override {
    return std::make_unique<messages_parser>(wish);
  }

  expected<dialect_request> build_discovery(const model_config&,
                                            const secret_text& key) const override {
    return begin("/models?limit=1000", key);
  }

  expected<std::vector<offered_model>> read_discovery(std::string_view body,
                                                      json_reader& reader) const override {
    return read_models(body, reader,
                       {"data", "id", "display_name", {"max_input_tokens"}, {"max_tokens"}});
  }

 private:
  static expected<dialect_request> begin(std::string path, const secret_text& key) {
    TRY(auto request, begin_request(std::move(path), "x-api-key: ", key));
    request.headers.push_back("anthropic-version: 2023-06-01");
    return request;
  }
};

}  // namespace

const dialect& anthropic_dialect() {
  static const messages_dialect dialect;
  return dialect;
}

}  // namespace parley::providers
