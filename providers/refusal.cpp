#include "providers/refusal.hpp"

#include <algorithm>
#include <charconv>

namespace parley::providers {

namespace {

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
        "maximum context length", "context window", "limit of", "maximum of", "up to",
        "tokens allowed", "context limit", "tokens >"}) {
    auto at = message.find(phrase);
    if (at == message.npos) continue;
    at += phrase.size();
    // "exceed context limit: 188240 + 21333 > 200000": the limit is behind the comparison.
    if (phrase == "context limit") at = std::min(message.find('>', at), message.size());
    at = message.find_first_of("0123456789", at);
    int64_t number = 0;
    if (at == message.npos) continue;
    std::from_chars(message.data() + at, message.data() + message.size(), number);
    if (number >= 100 && number <= 100'000'000) return number;
  }
  return 0;
}

/// Google's google.rpc.Status: reasons and a delay in a list of typed details.
void read_details(const json_value& object, upstream_fault& fault) {
  constexpr uint32_t delay_s_max = 86'400;
  auto details = object.find("details");
  if (!details) return;
  for (auto& detail : details->items()) {
    if (auto reason = detail.string_at("reason")) fault.code += " " + lower(*reason);
    auto delay = detail.string_at("retryDelay");  // "34s", "0.5s"
    if (!delay) continue;
    uint32_t seconds = 0;
    auto read = std::from_chars(delay->data(), delay->data() + delay->size(), seconds);
    auto is_fraction = read.ptr != delay->data() + delay->size() && *read.ptr == '.';
    if (read.ec == std::errc{})
      fault.retry_after_s = std::min(seconds + (is_fraction ? 1 : 0), delay_s_max);
  }
}

bool is_overlong(const upstream_fault& fault) {
  return has_any(fault.code, {"context_length_exceeded", "exceed_context_size"}) ||
         has_any(fault.message,
                 {"context length", "context window", "context size", "context limit",
                  "prompt is too long", "too many tokens", "input token count"});
}

/// The HTTP status that belongs to an error told in a stream.
int status_of(const upstream_fault& fault) {
  struct word {
    std::string_view text;
    int status;
  };
  // Anthropic's types, Google's statuses, OpenAI's codes.
  static constexpr word words[] = {
      {"overloaded", 529},         {"unavailable", 503},    {"rate_limit", 429},
      {"resource_exhausted", 429}, {"authentication", 401}, {"unauthenticated", 401},
      {"permission", 403},         {"not_found", 404},      {"invalid_request", 400},
      {"invalid_argument", 400},   {"context_length", 400}, {"request_too_large", 413},
      {"invalid_prompt", 400},
  };
  if (fault.number >= 400 && fault.number <= 599) return static_cast<int>(fault.number);
  for (auto& known : words) {
    if (fault.code.find(known.text) != fault.code.npos) return known.status;
  }
  return 500;
}

}  // namespace

upstream_fault read_fault(const json_value& object) {
  upstream_fault fault;
  if (auto text = object.as_string()) {
    fault.message = lower(*text);
    return fault;
  }
  fault.message = lower(object.string_at("message").value_or(""));
  for (auto key : {"code", "type", "status"})
    fault.code += lower(object.string_at(key).value_or("")) + " ";
  fault.number = object.integer_at("code").value_or(0);
  fault.tokens_max = object.integer_at("n_ctx").value_or(0);
  read_details(object, fault);
  return fault;
}

error refusal_from(const upstream_fault& fault, const refused_response& response) {
  auto status = response.status;
  if (is_overlong(fault) && (status == 400 || status == 413 || status == 422 || status >= 500))
    return context_too_long(fault.tokens_max > 0 ? fault.tokens_max
                                                 : limit_named_in(fault.message));
  if (has_any(fault.code, {"insufficient_quota", "billing"}) ||
      has_any(fault.message, {"credit balance is too low", "insufficient balance"}))
    return refusal_by_status({402, 0, {}});
  if (has_any(fault.code, {"content_filter", "content_policy", "data_inspection_failed"}))
    return refused_by_filter();
  // Gemini answers 400 to a wrong key.
  if (has_any(fault.code, {"invalid_api_key", "authentication_error", "api_key_invalid"}))
    return refusal_by_status({401, 0, {}});
  auto wait_s = response.retry_after_s > 0 ? response.retry_after_s : fault.retry_after_s;
  if (has_any(fault.code, {"rate_limit"})) return refusal_by_status({429, wait_s, {}});
  return refusal_by_status({status, wait_s, {}});
}

error refusal_in_stream(const json_value& object) {
  auto fault = read_fault(object);
  return refusal_from(fault, {status_of(fault), 0, {}});
}

error dialect::refusal_of(const refused_response& response, json_reader& reader) const {
  auto object = reader.parse(response.body.substr(0, refusal_bytes_max));
  if (!object) return refusal_by_status(response);
  // Some servers put the one error into a list, some spread it over the top level.
  auto top = object->type() == json_type::array ? object->first() : *object;
  auto fault = top ? top->find("error") : std::nullopt;
  if (fault && !fault->is_null()) return refusal_from(read_fault(*fault), response);
  return top ? refusal_from(read_fault(*top), response) : refusal_by_status(response);
}

error reply_broken() {
  return make_error(errc::provider_failed, "upstream_broken",
                    "The answer of the model provider is broken.");
}

error reply_too_large() {
  return make_error(errc::provider_failed, "upstream_too_large",
                    "The answer of the model provider is too large.");
}

error refused_by_filter() {
  return make_error(errc::provider_refused, "upstream_content_filter",
                    "The model provider's filter refused the request.");
}

error context_too_long(int64_t tokens_max) {
  error_detail detail;
  detail.reason = "context_too_long";
  if (tokens_max > 0)
    detail.fields.push_back({"/messages", "tokens_max", std::to_string(tokens_max),
                             "The model reads at most this many tokens."});
  return make_error(errc::provider_refused, "The conversation is too long for the model.",
                    std::move(detail));
}

error refusal_by_status(const refused_response& response) {
  auto refused = [](std::string_view reason, std::string sentence) {
    return make_error(errc::provider_refused, reason, std::move(sentence));
  };
  auto status = response.status;
  if (status == 401 || status == 403)
    return refused("upstream_auth", "The model provider does not accept the API key.");
  if (status == 402)
    return refused("upstream_quota", "The account at the model provider is used up.");
  if (status == 404) return refused("upstream_not_found", "The model provider has no such model.");
  if (status == 408)
    return make_error(errc::timeout, "upstream_timeout", "The model provider did not answer.");
  error_detail detail;
  detail.retry_after_s = response.retry_after_s;
  if (status == 429) {
    detail.reason = "upstream_rate_limited";
    return make_error(errc::rate_limited, "The model provider is asked too often.",
                      std::move(detail));
  }
  if (status >= 500) {
    detail.reason = status == 503 || status == 529 ? "upstream_overloaded" : "upstream_error";
    return make_error(errc::provider_failed, "The model provider has a fault.", std::move(detail));
  }
  if (status >= 300 && status < 400)
    return refused("upstream_redirect", "The base URL leads elsewhere.");
  return refused("upstream_refused", "The model provider refused the request.");
}

}  // namespace parley::providers
