/// errc -> HTTP status and body: the only such table.
#pragma once

#include "base/error.hpp"
#include "http/answer.hpp"

namespace parley::http {

/// 412 instead of 409 for the reason `version_mismatch`.
int status_of(const error& cause);

/// The body `{"error":{…}}` of api.md with its headers (Retry-After, WWW-Authenticate).
answer error_answer(const error& cause, std::string_view request_id);

/// The members of the record `error`, without its braces' name: {"code",…}.
std::string error_json(const error& cause, std::string_view request_id);

}  // namespace parley::http
