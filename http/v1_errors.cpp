// Errors as OpenAI's and Anthropic's clients read them.
#include "base/json.hpp"
#include "http/errors.hpp"
#include "http/v1_reply.hpp"

namespace parley::http {

namespace {

/// OpenAI's `code`, which its clients compare.
std::string code_word(const error& cause, int status) {
  auto reason = detail_of(cause).reason;
  if (status == 401) return "invalid_api_key";
  if (reason == "model_gone") return "model_not_found";
  if (reason == "context_too_long") return "context_length_exceeded";
  if (reason == "upstream_content_filter") return "content_filter";
  if (code_of(cause) == errc::quota_exceeded) return "insufficient_quota";
  if (status == 429) return "rate_limit_exceeded";
  return reason.empty() ? to_string(code_of(cause)) : reason;
}

std::string_view openai_type_of(const error& cause, int status) {
  if (code_of(cause) == errc::quota_exceeded) return "insufficient_quota";
  return status == 429   ? "rate_limit_error"
         : status == 403 ? "permission_error"
         : status >= 500 ? "server_error"
                         : "invalid_request_error";
}

std::string_view anthropic_type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

std::string param_of(const error& cause) {
  auto detail = detail_of(cause);
  if (detail.reason == "model_gone") return "model";
  return detail.fields.empty() ? std::string{} : detail.fields.front().path;
}

}  // namespace

error_shape shape_of(std::string_view path, bool names_anthropic) {
  constexpr std::string_view root = "/v1";
  if (!path.starts_with(root)) return error_shape::own;
  path.remove_prefix(root.size());
  if (!path.empty() && path.front() != '/') return error_shape::own;
  auto is_messages = path.starts_with("/messages");
  return is_messages || names_anthropic ? error_shape::anthropic : error_shape::openai;
}

int v1_status_of(const error& cause) {
  auto reason = detail_of(cause).reason;
  for (std::string_view refusal :
       {"upstream_refused", "context_too_long", "upstream_content_filter"})
    if (reason == refusal) return 400;
  return status_of(cause);
}

std::string v1_error_json(error_shape shape, const error& cause, int status,
                          std::string_view request_id) {
  std::string body;
  json_writer json{body};
  json.begin_object();
  if (shape == error_shape::anthropic) {
    json.member("type", "error").key("error").begin_object();
    json.member("type", anthropic_type_of(status)).member("message", sentence_of(cause));
    json.end_object().member("request_id", request_id).end_object();
    return body;
  }
  json.key("error").begin_object().member("message", sentence_of(cause));
  json.member("type", openai_type_of(cause, status)).key("param");
  if (auto param = param_of(cause); param.empty())
    json.null();
  else
    json.value(param);
  json.member("code", code_word(cause, status)).end_object().end_object();
  return body;
}

answer shaped_error_answer(error_shape shape, const error& cause, std::string_view request_id,
                           int status) {
  auto result = error_answer(cause, request_id);
  if (shape != error_shape::own) {
    result.status = status != 0 ? status : v1_status_of(cause);
    result.body = v1_error_json(shape, cause, result.status, request_id);
  } else if (status != 0) {
    result.status = status;
  }
  return result;
}

}  // namespace parley::http
