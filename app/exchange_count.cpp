#include "app/exchange_count.hpp"

namespace parley::app {

exchange_count count_exchanges(caf::actor_system& system, const std::vector<edge_actor>& edges) {
  caf::scoped_actor self{system};
  exchange_count sum;
  for (const auto& each : edges)
    self->request(each, std::chrono::seconds{1}, count_streams{})
        .receive([&](const stream_count& count) { sum.open += count.open; },
                 [&](const error&) { ++sum.silent; });
  return sum;
}

}  // namespace parley::app
