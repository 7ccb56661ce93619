/// Requests by route, for /metrics. Any thread.
#pragma once

#include <chrono>

#include "http/route_table.hpp"

namespace parley::http {

/// `where`: a row of THE table; none for what has no route of its own. Streams are told at their
/// end.
void note_request(const route_row* where, route_index route, int status,
                  std::chrono::nanoseconds took);

/// All since the start.
struct request_totals {
  uint64_t requests = 0;
  uint64_t failures = 0;  ///< answered with 5xx
};
request_totals count_requests();

}  // namespace parley::http
