/// Starts the EDGE actor of one I/O thread (actors/edge.hpp).
#pragma once

#include "actors/alerts.hpp"
#include "actors/edge.hpp"
#include "actors/jobs.hpp"
#include "actors/logs.hpp"
#include "base/io_loop.hpp"
#include "base/settings.hpp"
#include "base/signed_token.hpp"
#include "http/limits.hpp"
#include "http/node_status.hpp"
#include "http/reactor.hpp"

namespace parley::http {

class router;

/// What an EDGE is made of; whatever is pointed to outlives all actors.
struct edge_parts {
  const settings* values = nullptr;
  const router* routes = nullptr;
  const token_signer* signer = nullptr;
  const wall_clock* clock = nullptr;
  node_status* status = nullptr;
  rate_limits* rates = nullptr;  ///< the node's, shared by its edges
  directory_actor directory;
  admin_actor admin;
  jobs_actor jobs;
  logs_actor logs;
  alerts_actor alerts;
  provider_actor provider;  ///< that of the same loop
  /// Mode `single` on the loopback: who is on this machine needs no password.
  bool is_loopback_only = false;
};

/// The port the listener got, or why there is none. Fulfilled once, on the loop.
using listen_result = std::function<void(expected<uint16_t>)>;

/// Spawns an EDGE pinned to `loop`; it listens as soon as it runs there.
edge_actor spawn_edge(caf::actor_system& system, io_loop& loop, edge_parts parts,
                      listen_address address, listen_result listening);

}  // namespace parley::http
