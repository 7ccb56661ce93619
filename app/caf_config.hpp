/// How a node's actors are scheduled, and what they may send.
#pragma once

#include "actors/protocol.hpp"
#include "base/settings.hpp"

namespace parley::app {

struct caf_config : caf::actor_system_config {
  explicit caf_config(const settings& values) {
    // Cost and latency of the policies: docs/house.md section 7.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", values.scheduler_threads);
    set("scheduler.max-throughput", size_t{100});
    register_error_category(*this);
    parley::add_message_types(*this);
  }
};

}  // namespace parley::app
