/// The contract, schema/openapi.yaml, as the build embeds it (cmake/embed_openapi.py).
///
/// Read-only, any thread.
#pragma once

#include <string>
#include <string_view>

namespace parley::http {

/// What GET /openapi.json answers.
std::string_view contract_json();
/// Its ETag, which changes with it.
std::string_view contract_tag();

}  // namespace parley::http
