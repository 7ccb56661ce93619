/// What a request proves who calls with. Pure.
#pragma once

#include <optional>
#include <string>

#include "http/engine.hpp"
#include "http/route_table.hpp"

namespace parley::http {

/// The access token or API key: `Authorization: Bearer`, on /v1 also `x-api-key`, which goes
/// first there: it is sent by clients that send no other. Nothing without one.
std::optional<std::string> read_credential(const parsed_request& request, const route_row& row);

}  // namespace parley::http
