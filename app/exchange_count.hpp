/// What the edges of a running node hold now. Blocking, for the main thread: waits a second for
/// each edge that does not answer.
#pragma once

#include <vector>

#include "actors/edge.hpp"

namespace parley::app {

struct exchange_count {
  uint64_t open = 0;  ///< requests and streams
  size_t silent = 0;  ///< edges that did not answer
};

exchange_count count_exchanges(caf::actor_system& system, const std::vector<edge_actor>& edges);

}  // namespace parley::app
