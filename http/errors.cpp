#include "http/errors.hpp"

#include "base/json.hpp"

namespace parley::http {

namespace {

constexpr std::array<int, 17> statuses = {
    400,  // malformed
    422,  // invalid_input
    401,  // unauthenticated
    403,  // forbidden
    404,  // not_found
    409,  // conflict
    413,  // too_large
    429,  // rate_limited
    429,  // quota_exceeded
    504,  // timeout
    503,  // unavailable
    502,  // provider_failed
    502,  // provider_refused
    500,  // storage_failed
    507,  // storage_full
    500,  // corrupt_data
    500,  // internal
};

void write_fields(json_writer& json, const std::vector<field_fault>& faults) {
  json.key("fields").begin_array();
  for (const auto& fault : faults) {
    json.begin_object().member("path", fault.path).member("rule", fault.rule);
    if (!fault.bound.empty()) {
      json.key("params").begin_object().key(fault.rule).raw(fault.bound).end_object();
    }
    json.member("message", fault.message).end_object();
  }
  json.end_array();
}

}  // namespace

int status_of(const error& cause) {
  if (detail_of(cause).reason == "version_mismatch") return 412;
  return statuses[static_cast<size_t>(code_of(cause)) - 1];
}

std::string error_json(const error& cause, std::string_view request_id) {
  auto detail = detail_of(cause);
  auto code = to_string(code_of(cause));
  std::string body;
  json_writer json{body};
  json.begin_object().member("code", code);
  json.member("reason", detail.reason.empty() ? code : detail.reason);
  json.member("message", sentence_of(cause));
  if (!detail.id.empty()) json.key("params").begin_object().member("id", detail.id).end_object();
  if (!detail.fields.empty()) write_fields(json, detail.fields);
  if (detail.retry_after_s > 0) json.member("retryAfterMs", int64_t{detail.retry_after_s} * 1000);
  json.member("requestId", request_id).end_object();
  return body;
}

answer error_answer(const error& cause, std::string_view request_id) {
  answer result;
  result.status = status_of(cause);
  result.content_type = "application/json";
  result.body = "{\"error\":" + error_json(cause, request_id) + "}";
  if (result.status == 401) result.headers.emplace_back("WWW-Authenticate", "Bearer");
  auto wait = detail_of(cause).retry_after_s;
  if (wait == 0 && (result.status == 503 || result.status == 429)) wait = 1;
  if (wait > 0) result.headers.emplace_back("Retry-After", std::to_string(wait));
  return result;
}

}  // namespace parley::http
