/// Requests by route, for /metrics. Any thread.
#pragma once

#include <chrono>

#include "http/route_table.hpp"

namespace parley::http {

/// `where`: a row of THE table; none for what has no route of its own. Streams are told at their
/// end.
void note_request(const route_row* where, route_index route, int status,
                  std::chrono::nanoseconds took);

}  // namespace parley::http
