/// The actor of one I/O thread's upstream calls.
#pragma once

#include "actors/provider_messages.hpp"

namespace parley {

/// A PROVIDER actor: the calls of one I/O thread, pinned to it. Opens sealed API keys, speaks the
/// dialects, retries before the first token and at another channel if there is one, never sleeps. A
/// sink that ends cancels its calls.
using provider_actor = caf::typed_actor<
    // message          what it does
    tell<complete>,        // start a call; its sink hears of it
    tell<pause_call>,      // let its provider wait, or go on
    tell<cancel_call>,     // close its socket at once
    ask<embed, embedded>,  // texts to vectors
    // does it answer, what else is there, how are the channels?
    ask<try_model, model_trial>, ask<list_offers, offer_list>, ask<read_channels, channel_reports>,
    tell<channel_changed>,  // from another PROVIDER
    tell<meet_providers>,   // from app/node: the others
    tell<fail_calls>>;      // from app/node: the node stops

}  // namespace parley
