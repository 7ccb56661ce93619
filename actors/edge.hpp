/// The actor of one I/O thread's HTTP exchanges.
#pragma once

#include "actors/admin.hpp"

namespace parley {

/// From the reactor of the same thread: `exchange` holds a whole clean request.
struct request_arrived {
  uint64_t exchange = 0;
};
PARLEY_INSPECT(request_arrived, exchange)

/// From the reactor: the client is gone.
struct client_gone {
  uint64_t exchange = 0;
};
PARLEY_INSPECT(client_gone, exchange)

/// From the reactor: the connection's buffer has drained.
struct buffer_drained {
  uint64_t exchange = 0;
};
PARLEY_INSPECT(buffer_drained, exchange)

/// Stop accepting; streams get until the deadline, then they end as interrupted.
struct drain {};
PARLEY_INSPECT(drain)

/// Whoever still waits is answered, or has a stream ended, with errc::unavailable, reason
/// `draining`: what they wait for does not come in time.
struct cut_exchanges {};
PARLEY_INSPECT(cut_exchanges)

struct count_streams {};
PARLEY_INSPECT(count_streams)

struct stream_count {
  uint64_t open = 0;
};
PARLEY_INSPECT(stream_count, open)

/// The EDGE actor: the exchanges in flight on one I/O thread, pinned to it. Turns requests into
/// messages and answers into HTTP; reads replies as slices while its connections have room.
using edge_actor = caf::typed_actor<
    // message           what it does
    tell<slice>,                        // from SESSION; often, so it is looked for first
    tell<request_arrived>,              // from the reactor
    tell<client_gone>,                  // from the reactor
    tell<buffer_drained>,               // from the reactor: grant credit again
    tell<event_slice>,                  // from USER
    tell<call_slice>,                   // from CALL
    tell<drain>,                        // from app/node
    tell<cut_exchanges>,                // from app/node
    ask<count_streams, stream_count>>;  // from app/node

}  // namespace parley
