/// The actor that alerts whoever runs the server, and the workers that block for it.
#pragma once

#include "actors/admin.hpp"
#include "actors/alert_messages.hpp"
#include "actors/provider.hpp"
#include "schema/alert.hpp"

namespace parley {

/// Of the disk that a setting's directory is on.
struct disk_room {
  std::string setting;
  std::string path;
  uint64_t free_bytes = 0;  ///< for this process
  uint64_t bytes = 0;       ///< in all
};
PARLEY_INSPECT(disk_room, setting, path, free_bytes, bytes)

struct alert_samples {
  uint64_t requests = 0;  ///< since the start
  uint64_t failures = 0;  ///< of these, answered with 5xx
  std::vector<disk_room> disks;
  std::optional<int64_t> backup_age_s;  ///< none: backups are nobody's business here
};
PARLEY_INSPECT(alert_samples, requests, failures, disks, backup_age_s)

struct take_samples {};
PARLEY_INSPECT(take_samples)

struct load_alerts {};
PARLEY_INSPECT(load_alerts)

struct keep_alerts {
  kept_alerts all;
};
PARLEY_INSPECT(keep_alerts, all)

/// Detached, because it waits for the disk: takes samples, and keeps what fires over a restart.
using alert_watch_actor = caf::typed_actor<ask<take_samples, alert_samples>,
                                           ask<load_alerts, kept_alerts>, tell<keep_alerts>>;

/// All of them in one message.
struct deliver_alerts {
  std::vector<alert> items;
};
PARLEY_INSPECT(deliver_alerts, items)

/// Detached, because it waits for the network: one for each receiver, so that one which is slow
/// holds up nobody else. Its error says why, without the receiver's URL.
using alert_sender_actor = caf::typed_actor<ask<deliver_alerts, done>>;

struct look_around {};
PARLEY_INSPECT(look_around)

/// After a pause, to the receiver of this place in the list.
struct post_again {
  uint32_t outlet = 0;
};
PARLEY_INSPECT(post_again, outlet)

/// From app/node, which has its PROVIDERs last: any of them knows all channels.
struct meet_provider {
  provider_actor provider;
};
PARLEY_INSPECT(meet_provider, provider)

struct read_alerts {};
PARLEY_INSPECT(read_alerts)

struct test_receivers {};
PARLEY_INSPECT(test_receivers)

/// The ALERTS actor: what fires, and what waits for each receiver. One a node, never sleeps;
/// without a receiver it looks at nothing.
using alerts_actor = caf::typed_actor<
    // message            answer           what it does
    ask<read_alerts, alert_overview>,   // EDGE has had the caller admitted
    ask<test_receivers, alert_trials>,  // tells each receiver that nothing is wrong
    tell<budget_crossed>,               // from USER
    tell<meet_provider>,                //
    tell<look_around>,                  // from itself, each alert_look_s
    tell<post_again>>;                  // from itself

}  // namespace parley
