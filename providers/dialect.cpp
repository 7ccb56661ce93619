#include "providers/dialect.hpp"

#include "providers/openai.hpp"

namespace parley::providers {

const dialect* find_dialect(std::string_view name) {
  return find_openai_dialect(name);
}

json_limits reply_json_limits(const reply_limits& limits) {
  json_limits result;
  // Escapes take up to six bytes for one of text.
  result.bytes_max = 6 * limits.reply_bytes_max;
  result.strict = false;
  return result;
}

bool append_delta(std::vector<text_delta>& out, part_type type, std::string_view text,
                  size_t& bytes_left) {
  if (text.empty()) return true;
  if (text.size() > bytes_left) return false;
  bytes_left -= text.size();
  if (out.empty() || out.back().type != type) out.push_back({type, {}});
  auto& target = out.back().text;
  auto begin = target.size();
  target += text;
  // U+0000 is refused everywhere else: a model cannot bring it in.
  if (text.find('\0') != text.npos)
    target.erase(
        std::remove(target.begin() + static_cast<std::ptrdiff_t>(begin), target.end(), '\0'),
        target.end());
  return true;
}

error reply_broken() {
  return make_error(errc::provider_failed, "upstream_broken",
                    "The answer of the model provider is broken.");
}

error reply_too_large() {
  return make_error(errc::provider_failed, "upstream_too_large",
                    "The answer of the model provider is too large.");
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
