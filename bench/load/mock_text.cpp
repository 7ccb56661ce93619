#include "bench/load/mock_text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <limits>

#include "bench/load/http_text.hpp"
#include "bench/load/token_stamp.hpp"

namespace parley::bench {
namespace {

/// Words with the space before them, as tokens are.
std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = text.find(' ', begin + 1);
    words.emplace_back(text.substr(begin, end - begin));
    begin = end == std::string_view::npos ? text.size() : end;
  }
  return words;
}

std::string friendly_answer(std::string_view message) {
  constexpr size_t quoted_bytes_max = 200;
  auto quoted = message.substr(0, quoted_bytes_max);
  // Never cut a UTF-8 sequence in two.
  while (quoted.size() < message.size() && !quoted.empty() &&
         (static_cast<unsigned char>(message[quoted.size()]) & 0xC0) == 0x80) {
    quoted.remove_suffix(1);
  }
  std::string answer = "Hello! You wrote: “";
  answer += quoted;
  answer += quoted.size() < message.size() ? "…”" : "”";
  answer +=
      ".\n\nI am a practice model: I run on this machine, know nothing of the world and need no"
      " key. What you see here is streamed word by word as a real model would send it. To talk to"
      " a real one, add it under *Models* with its address and your key.";
  return answer;
}

std::string_view line_end_of(line_end lines) {
  switch (lines) {
    case line_end::crlf:
      return "\r\n";
    case line_end::cr:
      return "\r";
    default:
      return "\n";
  }
}

}  // namespace

mock_text::mock_text(const mock_model& model, chat_request request, uint64_t call)
    : model_(model), request_(std::move(request)), line_end_(line_end_of(model.lines)) {
  if (model_.script == mock_script::echo) words_ = split_words(request_.last_user_text);
  if (model_.script == mock_script::friendly) {
    words_ = split_words(friendly_answer(request_.last_user_text));
  }
  token_count_ = model_.script == mock_script::stamped ? model_.tokens : words_.size();
  token_count_ += model_.reasoning_tokens;
  if (request_.tokens_max != 0 && request_.tokens_max < token_count_) {
    token_count_ = request_.tokens_max;
    is_limited_ = true;
  }
  if (model_.endless) token_count_ = std::numeric_limits<uint64_t>::max();
  id_ = "chatcmpl-mock" + std::to_string(call);
  chunk_head_ = "{\"id\":\"" + id_ + "\",\"object\":\"chat.completion.chunk\",\"created\":" +
                std::to_string(std::time(nullptr)) + ",\"model\":" + json_string(request_.model) +
                ",\"system_fingerprint\":\"fp_mock\"";
}

void mock_text::append_event(std::string& out, std::string_view data) const {
  out += "data: ";
  out += data;
  out += line_end_;
  out += line_end_;
}

void mock_text::append_chunk(std::string& out, std::string_view choices,
                             std::string_view usage) const {
  out += "data: ";
  out += chunk_head_;
  if (!choices.empty()) {
    out += ",\"choices\":";
    out += choices;
  }
  if (!usage.empty()) {
    out += ",\"usage\":";
    out += usage;
  }
  out += '}';
  out += line_end_;
  out += line_end_;
}

void mock_text::append_opening(std::string& out) const {
  if (model_.byte_order_mark) out += "\xEF\xBB\xBF";
  if (model_.comments) out += std::string{": practice model"} + std::string{line_end_};
  append_chunk(
      out,
      model_.null_content
          ? R"([{"index":0,"delta":{"role":"assistant","content":null},"finish_reason":null}])"
          : R"([{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}])",
      wants_usage() ? "null" : "");
}

void mock_text::append_noise(std::string& out, uint64_t index) const {
  if (model_.comments) {
    out += ": ping";
    out += line_end_;
    out += "event: message";
    out += line_end_;
    out += "id: " + std::to_string(index);
    out += line_end_;
  }
  if (!model_.garbage) return;
  constexpr auto broken = std::to_array<std::string_view>(
      {"{\"choices\":[{\"delta\":{\"content\":\"half", "not json at all", "42", "[]", "null",
       "{\"choices\":42}", "{\"choices\":[42]}", "{\"choices\":[{\"delta\":\"text\"}]}",
       "{\"choices\":[{\"delta\":{\"content\":7}}]}", "\"\xFF\xFE\"", "{\"choices\":[{}]}", ""});
  append_event(out, broken[index % broken.size()]);
  out += "a line without a field";
  out += line_end_;
}

std::string mock_text::content_token(uint64_t index) const {
  std::string token;
  if (model_.script == mock_script::stamped) {
    append_stamped_token(token, index, model_.token_bytes);
  } else if (!words_.empty()) {
    token = words_[index % words_.size()];
  }
  return token;
}

void mock_text::append_token(std::string& out, uint64_t index) const {
  append_noise(out, index);
  const bool is_reasoning = index < model_.reasoning_tokens;
  out += "data: ";
  out += chunk_head_;
  out += ",\"choices\":[{\"index\":0,\"delta\":{";
  if (is_reasoning) {
    out += "\"reasoning_content\":\" thought";
    out += std::to_string(index);
    out += '"';
  } else {
    out += "\"content\":";
    append_json_string(out, content_token(index - model_.reasoning_tokens));
  }
  out += "},\"finish_reason\":null}]";
  if (wants_usage()) out += ",\"usage\":null";
  out += '}';
  out += line_end_;
  out += line_end_;
}

std::string_view mock_text::finish_reason() const {
  return model_.length_stop || is_limited_ ? "length" : "stop";
}

std::string mock_text::usage_record() const {
  const auto total = request_.prompt_tokens + token_count_;
  auto record = "{\"prompt_tokens\":" + std::to_string(request_.prompt_tokens) +
                ",\"completion_tokens\":" + std::to_string(token_count_) +
                ",\"total_tokens\":" + std::to_string(total);
  if (model_.reasoning_tokens > 0) {
    record += ",\"completion_tokens_details\":{\"reasoning_tokens\":" +
              std::to_string(std::min<uint64_t>(model_.reasoning_tokens, token_count_)) + "}";
  }
  return record + "}";
}

void mock_text::append_closing(std::string& out) const {
  std::string last = R"([{"index":0,"delta":{},"finish_reason":")";
  last += finish_reason();
  last += "\"}]";
  const bool has_usage_chunk = wants_usage() && !model_.usage_in_last;
  append_chunk(out, last,
               has_usage_chunk ? "null"
               : wants_usage() ? usage_record()
                               : std::string{});
  if (has_usage_chunk) {
    append_chunk(out, model_.null_choices ? "null" : model_.no_choices ? "" : "[]", usage_record());
  }
  if (!model_.no_done) append_event(out, "[DONE]");
}

void mock_text::append_long_line(std::string& out) const {
  out += "data: ";
  out += chunk_head_;
  out += ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
}

std::string mock_text::whole_answer() const {
  std::string content;
  std::string reasoning;
  for (uint64_t index = 0; index < token_count_; ++index) {
    if (index < model_.reasoning_tokens)
      reasoning += " thought" + std::to_string(index);
    else
      content += content_token(index - model_.reasoning_tokens);
  }
  auto answer = "{\"id\":\"" + id_ + "\",\"object\":\"chat.completion\",\"created\":" +
                std::to_string(std::time(nullptr)) + ",\"model\":" + json_string(request_.model) +
                ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" +
                json_string(content);
  if (!reasoning.empty()) answer += ",\"reasoning_content\":" + json_string(reasoning);
  answer += "},\"finish_reason\":\"" + std::string{finish_reason()} + "\"}]";
  if (!model_.no_usage) answer += ",\"usage\":" + usage_record();
  return answer + "}";
}

}  // namespace parley::bench
