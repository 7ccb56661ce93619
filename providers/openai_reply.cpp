// What chat completions answer: the chunks of a stream, or one object.
#include "providers/openai.hpp"
#include "providers/reply_framing.hpp"

namespace parley::providers {

namespace {

finish_reason finish_of(std::string_view word) {
  if (word == "length" || word == "max_tokens" || word == "model_length")
    return finish_reason::length;
  if (word == "content_filter" || word == "refusal" || word == "sensitive")
    return finish_reason::refused;
  return finish_reason::stop;
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
  if (!result.cached_tokens) result.cached_tokens = count_at(object, "prompt_cache_hit_tokens");
  if (!result.cached_tokens) result.cached_tokens = count_at(object, "cached_tokens");
  return result;
}

/// One call of a tool, whose arguments come in pieces.
struct growing_call {
  tool_call call;
  std::string extra;  ///< Gemini's thought signature travels in `extra_content`
};

class openai_parser final : public framed_parser {
 public:
  explicit openai_parser(const parser_wish& wish) : framed_parser(wish, framing::events) {}

 private:
  void read(const json_value& object) override {
    auto fault = object.find("error");
    if (fault && !fault->is_null()) return fail(refusal_in_stream(*fault));
    if (object.string_at("object") == "error") return fail(refusal_in_stream(object));
    if (auto told = object.find("usage")) {
      if (auto counts = usage_of(*told)) used() = counts;
    }
    auto choices = object.find("choices");
    auto choice = choices ? choices->first() : std::nullopt;
    if (!choice || choice->integer_at("index").value_or(0) != 0) return;
    // Moonshot tells the usage inside the choice.
    if (auto told = choice->find("usage")) {
      if (auto counts = usage_of(*told)) used() = counts;
    }
    read_choice(*choice);
  }

  void read_whole(const json_value& value) override {
    if (value.type() != json_type::object) return fail(reply_broken());
    read(value);
  }

  void read_done() override { complete(); }

  void read_choice(const json_value& choice) {
    auto delta = choice.find("delta");
    if (!delta || delta->is_null()) delta = choice.find("message");
    if (delta) read_message(*delta);
    auto word = choice.string_at("finish_reason");
    if (!word || word->empty()) return;
    if (*word == "error") return fail(refusal_by_status({500, 0, {}}));
    set_reason(finish_of(*word));
  }

  void read_message(const json_value& message) {
    auto reasoning = message.find("reasoning_content");
    if (reasoning && !reasoning->is_null()) names_reasoning_content_ = true;
    if (!reasoning || reasoning->is_null()) reasoning = message.find("reasoning");
    if (reasoning) add_reasoning(reasoning->as_string());
    if (auto content = message.find("content")) {
      add_text(content->as_string());
      if (content->type() == json_type::array) read_pieces(*content);
    }
    add(part_type::refusal, message.string_at("refusal"));
    if (auto calls = message.find("tool_calls")) {
      for (auto& call : calls->items()) read_call(call);
    }
    if (!has_tools()) return;
    // OpenRouter's sealed thoughts: the list is wanted back as it came.
    if (auto details = message.find("reasoning_details")) {
      for (auto& detail : details->items()) keep(details_, detail.text());
    }
  }

  /// Mistral's reasoning models send `content` as a list.
  void read_pieces(const json_value& content) {
    for (auto& piece : content.items()) {
      if (piece.string_at("type") == "text") add_text(piece.string_at("text"));
      if (piece.string_at("type") != "thinking") continue;
      if (auto thinking = piece.find("thinking")) {
        for (auto& thought : thinking->items()) add_reasoning(thought.string_at("text"));
      }
    }
  }

  void read_call(const json_value& piece) {
    // Some servers number nothing: each piece is then a whole call.
    auto index = piece.integer_at("index").value_or(static_cast<int64_t>(calls_.size()));
    if (index < 0 || static_cast<size_t>(index) > calls_.size() ||
        static_cast<size_t>(index) >= tool_calls_max)
      return fail(reply_broken());
    if (static_cast<size_t>(index) == calls_.size()) calls_.emplace_back();
    auto& growing = calls_[static_cast<size_t>(index)];
    if (auto id = piece.string_at("id"); id && growing.call.call_id.empty())
      keep_text(growing.call.call_id, *id);
    if (auto extra = piece.find("extra_content"); extra && has_tools() && growing.extra.empty())
      keep_text(growing.extra, extra->text());
    auto function = piece.find("function");
    if (!function) return;
    if (auto name = function->string_at("name"); name && growing.call.name.empty())
      keep_text(growing.call.name, *name);
    if (auto arguments = function->find("arguments")) {
      if (auto text = arguments->as_string())
        keep_text(growing.call.arguments, *text);
      else if (arguments->type() == json_type::object)
        keep_text(growing.call.arguments, arguments->text());
    }
  }

  void add_text(std::optional<std::string_view> text) {
    add(part_type::text, text);
    if (text && has_tools() && !has_failed()) text_ += *text;
  }

  void add_reasoning(std::optional<std::string_view> text) {
    add(part_type::reasoning, text);
    if (text && has_tools() && !has_failed()) reasoning_ += *text;
  }

  void keep_text(std::string& target, std::string_view text) {
    if (count(text.size())) target += text;
  }

  void keep(std::string& list, std::string_view piece) {
    if (count(piece.size())) append_json(list, piece);
  }

  void close(reply_end& end) override {
    if (calls_.empty()) return;
    write_unseen(end.unseen);
    for (auto& growing : calls_) end.calls.push_back(std::move(growing.call));
  }

  void write_unseen(std::string& out) const {
    json_writer json{out};
    json.begin_object().member("role", "assistant");
    if (text_.empty())
      json.key("content").null();
    else
      json.member("content", text_);
    // DeepSeek and Moonshot demand it back within the turn; others have never sent it.
    if (names_reasoning_content_) json.member("reasoning_content", reasoning_);
    if (!details_.empty()) json.key("reasoning_details").raw("[" + details_ + "]");
    json.key("tool_calls").begin_array();
    for (auto& growing : calls_) {
      json.begin_object().member("id", growing.call.call_id).member("type", "function");
      json.key("function").begin_object().member("name", growing.call.name);
      json.member("arguments", growing.call.arguments).end_object();
      if (!growing.extra.empty()) json.key("extra_content").raw(growing.extra);
      json.end_object();
    }
    json.end_array().end_object();
  }

  std::vector<growing_call> calls_;
  std::string text_;  // this and the following only of those who were offered tools
  std::string reasoning_;
  std::string details_;
  bool names_reasoning_content_ = false;
};

}  // namespace

std::unique_ptr<reply_parser> make_openai_parser(const parser_wish& wish) {
  return std::make_unique<openai_parser>(wish);
}

}  // namespace parley::providers
