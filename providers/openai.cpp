#include "providers/openai.hpp"

#include <charconv>

#include "base/sse.hpp"
#include "base/text.hpp"

namespace parley::providers {

namespace {

/// Where those who speak the dialect differ.
struct quirks {
  std::string_view name;
  bool has_stream_options;     ///< else usage comes unasked, and the field is an error
  bool has_completion_tokens;  ///< `max_completion_tokens`; `max_tokens` is refused by newer models
};

// -- Requests -------------------------------------------------------------------------------------

void write_content(json_writer& json, const prompt_message& message) {
  auto is_image = [](const part& p) {
    return p.type == part_type::image && p.url && p.url->substr(0, 5) == "data:";
  };
  auto is_text = [](const part& p) {
    return (p.type == part_type::text || p.type == part_type::refusal) && p.text;
  };
  auto has_image = message.role == message_role::user &&
                   std::any_of(message.parts.begin(), message.parts.end(), is_image);
  if (!has_image) {
    std::string text;
    for (auto& p : message.parts) {
      if (is_text(p)) text += *p.text;
    }
    json.value(text);
    return;
  }
  json.begin_array();
  for (auto& p : message.parts) {
    if (is_text(p)) {
      json.begin_object().member("type", "text").member("text", *p.text).end_object();
    } else if (is_image(p)) {
      json.begin_object().member("type", "image_url").key("image_url");
      json.begin_object().member("url", *p.url).end_object().end_object();
    }
  }
  json.end_array();
}

template <class T>
void write_if(json_writer& json, std::string_view name, const std::optional<T>& value) {
  if (value) json.member(name, *value);
}

std::string body_of(const prompt& asked, const quirks& server) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("model", asked.model.model).key("messages").begin_array();
  for (auto& message : asked.messages) {
    json.begin_object().member("role", name_of(message.role)).key("content");
    write_content(json, message);
    json.end_object();
  }
  json.end_array().member("stream", true);
  if (server.has_stream_options)
    json.key("stream_options").begin_object().member("include_usage", true).end_object();
  auto& params = asked.params;
  write_if(json, "temperature", params.temperature);
  write_if(json, "top_p", params.top_p);
  write_if(json, server.has_completion_tokens ? "max_completion_tokens" : "max_tokens",
           params.max_tokens ? params.max_tokens : asked.model.max_tokens);
  write_if(json, "presence_penalty", params.presence_penalty);
  write_if(json, "frequency_penalty", params.frequency_penalty);
  write_if(json, "seed", params.seed);
  write_if(json, "reasoning_effort", params.reasoning_effort);
  if (params.stop && !params.stop->empty()) {
    json.key("stop").begin_array();
    for (auto& text : *params.stop) json.value(text);
    json.end_array();
  }
  json.end_object();
  return body;
}

// -- Refusals -------------------------------------------------------------------------------------

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [text](std::string_view word) { return text.find(word) != text.npos; });
}

/// The first number of three digits or more behind a phrase that announces the limit.
int64_t limit_named_in(std::string_view message) {
  for (std::string_view phrase :
       {"context length is", "context length of", "context window of", "context size",
        "maximum context length", "context window", "limit of", "maximum of", "up to"}) {
    auto at = message.find(phrase);
    if (at == message.npos) continue;
    at = message.find_first_of("0123456789", at + phrase.size());
    int64_t number = 0;
    if (at == message.npos) continue;
    std::from_chars(message.data() + at, message.data() + message.size(), number);
    if (number >= 100 && number <= 100'000'000) return number;
  }
  return 0;
}

/// What an error object says, in whichever of the usual shapes.
struct upstream_fault {
  std::string code;  ///< lower case: code and type
  std::string message;
  int64_t number = 0;      ///< a numeric code: often the HTTP status
  int64_t tokens_max = 0;  ///< llama.cpp names it
};

upstream_fault read_fault(const json_value& object) {
  upstream_fault fault;
  if (auto text = object.as_string()) {
    fault.message = lower(*text);
    return fault;
  }
  fault.message = lower(object.string_at("message").value_or(""));
  fault.code = lower(object.string_at("code").value_or("")) + " " +
               lower(object.string_at("type").value_or(""));
  fault.number = object.integer_at("code").value_or(0);
  fault.tokens_max = object.integer_at("n_ctx").value_or(0);
  return fault;
}

error refusal_from(const upstream_fault& fault, const refused_response& response) {
  auto is_overlong = has_any(fault.code, {"context_length_exceeded", "exceed_context_size"}) ||
                     has_any(fault.message, {"context length", "context window", "context size",
                                             "prompt is too long", "too many tokens"});
  auto status = response.status;
  if (is_overlong && (status == 400 || status == 413 || status == 422 || status >= 500))
    return context_too_long(fault.tokens_max > 0 ? fault.tokens_max
                                                 : limit_named_in(fault.message));
  if (has_any(fault.code, {"insufficient_quota", "billing"}))
    return refusal_by_status({402, 0, {}});
  if (has_any(fault.code, {"content_filter", "content_policy"}))
    return make_error(errc::provider_refused, "upstream_content_filter",
                      "The model provider's filter refused the request.");
  if (has_any(fault.code, {"invalid_api_key", "authentication_error"}))
    return refusal_by_status({401, 0, {}});
  if (has_any(fault.code, {"rate_limit"}))
    return refusal_by_status({429, response.retry_after_s, {}});
  return refusal_by_status(response);
}

/// An error object in the middle of a 200: its own code takes the place of the status.
error fault_in_stream(const json_value& object) {
  auto fault = read_fault(object);
  auto is_status = fault.number >= 400 && fault.number <= 599;
  auto status = is_status ? static_cast<int>(fault.number)
                : has_any(fault.code, {"invalid_request", "context_length"}) ? 400
                                                                             : 500;
  return refusal_from(fault, {status, 0, {}});
}

// -- Replies --------------------------------------------------------------------------------------

finish_reason finish_of(std::string_view word) {
  if (word == "length" || word == "max_tokens" || word == "model_length")
    return finish_reason::length;
  if (word == "content_filter" || word == "refusal") return finish_reason::refused;
  return finish_reason::stop;
}

std::optional<int64_t> count_at(const json_value& object, std::string_view key) {
  constexpr int64_t tokens_max = 1'000'000'000;
  auto count = object.integer_at(key);
  return count && *count >= 0 && *count <= tokens_max ? count : std::nullopt;
}

std::optional<usage> usage_of(const json_value& object) {
  auto prompt_tokens = count_at(object, "prompt_tokens");
  auto completion_tokens = count_at(object, "completion_tokens");
  if (!prompt_tokens && !completion_tokens) return std::nullopt;
  usage result;
  result.prompt_tokens = prompt_tokens.value_or(0);
  result.completion_tokens = completion_tokens.value_or(0);
  if (auto details = object.find("completion_tokens_details"))
    result.reasoning_tokens = count_at(*details, "reasoning_tokens");
  if (auto details = object.find("prompt_tokens_details"))
    result.cached_tokens = count_at(*details, "cached_tokens");
  else
    result.cached_tokens = count_at(object, "prompt_cache_hit_tokens");
  return result;
}

class openai_parser final : public reply_parser {
 public:
  openai_parser(json_reader& reader, const reply_limits& limits)
      : reader_(reader),
        events_({limits.line_bytes_max, std::max(limits.line_bytes_max, limits.reply_bytes_max)}),
        whole_bytes_max_(reply_json_limits(limits).bytes_max),
        bytes_left_(limits.reply_bytes_max) {}

  expected<void> push(std::string_view bytes, std::vector<text_delta>& out) override {
    if (fault_) return fault_;
    if (shape_ == shape::unknown) bytes = look_at_beginning(bytes);
    if (shape_ == shape::other) return fail(reply_broken());
    if (shape_ == shape::whole) {
      if (whole_.size() + bytes.size() > whole_bytes_max_) return fail(reply_too_large());
      whole_ += bytes;
      return caf::unit;
    }
    if (shape_ == shape::unknown) return caf::unit;
    auto pushed = events_.push(bytes, [&](const sse_event& event) {
      if (!fault_ && !is_done_) read_event(event, out);
    });
    if (!fault_ && !pushed) fault_ = reply_too_large();
    if (fault_) return fault_;
    return caf::unit;
  }

  bool is_complete() const override { return is_done_; }

  expected<reply_end> finish(std::vector<text_delta>& out) override {
    if (fault_) return fault_;
    if (shape_ == shape::whole) read_object(whole_, out);
    if (shape_ == shape::events && !is_done_) {
      // The last event of a server that does not end it with an empty line.
      auto pushed = push("\n\n", out);
      if (!pushed) return std::move(pushed.error());
    }
    if (fault_) return fault_;
    if (!is_done_ && !reason_) return fail(reply_broken());
    return reply_end{reason_.value_or(finish_reason::stop), used_};
  }

 private:
  enum class shape : uint8_t { unknown, events, whole, other };

  /// Servers name wrong content types, so the first byte decides: JSON if they ignored `stream`,
  /// HTML if a proxy answers in their place.
  std::string_view look_at_beginning(std::string_view bytes) {
    auto at = bytes.find_first_not_of(" \t\r\n");
    if (at == bytes.npos) return {};
    auto first = bytes[at];
    shape_ = first == '{' ? shape::whole : first == '<' ? shape::other : shape::events;
    return bytes.substr(at);
  }

  void read_event(const sse_event& event, std::vector<text_delta>& out) {
    auto begin = event.data.find_first_not_of(" \t\r\n");
    if (begin == event.data.npos) return;
    auto data = event.data.substr(begin);
    if (data.substr(0, 6) == "[DONE]") {
      is_done_ = true;
      return;
    }
    read_object(data, out);
  }

  void read_object(std::string_view text, std::vector<text_delta>& out) {
    auto object = reader_.parse(text);
    std::string repaired;
    if (!object && !is_utf8(text)) {
      repaired = repair_utf8(text);
      object = reader_.parse(repaired);
    }
    if (!object || object->type() != json_type::object) return void(fail(reply_broken()));
    auto fault = object->find("error");
    if (fault && !fault->is_null()) return void(fail(fault_in_stream(*fault)));
    if (object->string_at("object") == "error") return void(fail(fault_in_stream(*object)));
    if (auto used = object->find("usage")) {
      if (auto counts = usage_of(*used)) used_ = counts;
    }
    auto choices = object->find("choices");
    auto choice = choices ? choices->first() : std::nullopt;
    if (!choice || choice->integer_at("index").value_or(0) != 0) return;
    read_choice(*choice, out);
  }

  void read_choice(const json_value& choice, std::vector<text_delta>& out) {
    auto delta = choice.find("delta");
    if (!delta || delta->is_null()) delta = choice.find("message");
    if (delta) read_message(*delta, out);
    auto word = choice.string_at("finish_reason");
    if (!word || word->empty()) return;
    if (*word == "error") return void(fail(refusal_by_status({500, 0, {}})));
    reason_ = finish_of(*word);
  }

  void read_message(const json_value& message, std::vector<text_delta>& out) {
    auto reasoning = message.find("reasoning_content");
    if (!reasoning || reasoning->is_null()) reasoning = message.find("reasoning");
    if (reasoning) add(out, part_type::reasoning, reasoning->as_string());
    if (auto content = message.find("content")) {
      add(out, part_type::text, content->as_string());
      if (content->type() == json_type::array) read_pieces(*content, out);
    }
    add(out, part_type::refusal, message.string_at("refusal"));
  }

  /// Mistral's reasoning models send `content` as a list.
  void read_pieces(const json_value& content, std::vector<text_delta>& out) {
    for (auto& piece : content.items()) {
      if (piece.string_at("type") == "text") add(out, part_type::text, piece.string_at("text"));
      if (piece.string_at("type") != "thinking") continue;
      if (auto thinking = piece.find("thinking")) {
        for (auto& thought : thinking->items())
          add(out, part_type::reasoning, thought.string_at("text"));
      }
    }
  }

  void add(std::vector<text_delta>& out, part_type type, std::optional<std::string_view> text) {
    if (text && !append_delta(out, type, *text, bytes_left_)) fail(reply_too_large());
  }

  error fail(error cause) {
    if (!fault_) fault_ = std::move(cause);
    return fault_;
  }

  json_reader& reader_;
  sse_parser events_;
  std::string whole_;
  error fault_;
  std::optional<usage> used_;
  std::optional<finish_reason> reason_;
  size_t whole_bytes_max_;
  size_t bytes_left_;
  shape shape_ = shape::unknown;
  bool is_done_ = false;
};

class openai_dialect final : public dialect {
 public:
  explicit openai_dialect(quirks server) : server_(server) {}

  std::string_view name() const { return server_.name; }

  expected<dialect_request> build(const prompt& asked, const secret_text& key) const override {
    auto& text = key.reveal();
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; }))
      return refusal_by_status({401, 0, {}});
    dialect_request request;
    request.path = "/chat/completions";
    request.headers = {"Content-Type: application/json", "Accept: text/event-stream",
                       "User-Agent: parley/" PARLEY_VERSION};
    if (!key.empty()) request.auth_header = secret_text{"Authorization: Bearer " + text};
    request.body = body_of(asked, server_);
    return request;
  }

  std::unique_ptr<reply_parser> make_parser(json_reader& reader,
                                            const reply_limits& limits) const override {
    return std::make_unique<openai_parser>(reader, limits);
  }

  error refusal_of(const refused_response& response, json_reader& reader) const override {
    auto object = reader.parse(response.body.substr(0, refusal_bytes_max));
    if (!object) return refusal_by_status(response);
    // Some servers put the one error into a list, some spread it over the top level.
    auto top = object->type() == json_type::array ? object->first() : *object;
    auto fault = top ? top->find("error") : std::nullopt;
    if (fault && !fault->is_null()) return refusal_from(read_fault(*fault), response);
    return top ? refusal_from(read_fault(*top), response) : refusal_by_status(response);
  }

 private:
  quirks server_;
};

}  // namespace

const dialect* find_openai_dialect(std::string_view name) {
  static const openai_dialect dialects[] = {
      openai_dialect{{"openai", true, true}},
      openai_dialect{{"openai-compatible", true, false}},
      openai_dialect{{"mistral", false, false}},
  };
  for (auto& known : dialects) {
    if (known.name() == name) return &known;
  }
  return nullptr;
}

}  // namespace parley::providers
