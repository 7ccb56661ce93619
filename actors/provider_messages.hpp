/// What PROVIDER is told, and what it tells the sink of a call.
#pragma once

#include "actors/protocol.hpp"
#include "schema/message.hpp"

namespace parley {

/// Names one call to an upstream within this process; never reused.
using call_id = uint64_t;
call_id make_call_id();

/// A message as the upstream sees it.
struct prompt_message {
  message_role role = message_role::user;
  std::vector<part> parts;
};
PARLEY_INSPECT(prompt_message, role, parts)

/// Text that arrived, in order. Reasoning and text may alternate; each change opens a part.
struct text_delta {
  part_type type = part_type::text;
  std::string text;
};
PARLEY_INSPECT(text_delta, type, text)

/// What one read of the upstream's socket brought.
struct reply_delta {
  call_id call = 0;
  std::vector<text_delta> deltas;
};
PARLEY_INSPECT(reply_delta, call, deltas)

enum class finish_reason : uint8_t { stop = 1, length, refused };
constexpr std::array<std::string_view, 3> names_of(finish_reason) {
  return {"stop", "length", "refused"};
}

/// The upstream ended the reply properly; nothing follows.
struct reply_finished {
  call_id call = 0;
  finish_reason reason = finish_reason::stop;
  std::optional<usage> used;  ///< absent when the upstream did not say
};
PARLEY_INSPECT(reply_finished, call, reason, used)

/// The call broke, was refused or timed out; nothing follows. The error is safe to show.
struct reply_failed {
  call_id call = 0;
  error cause;
};
PARLEY_INSPECT(reply_failed, call, cause)

/// Once a second while a call runs: time to checkpoint what arrived.
struct reply_tick {
  call_id call = 0;
};
PARLEY_INSPECT(reply_tick, call)

/// Whoever receives a reply.
using reply_sink_actor =
    caf::typed_actor<tell<reply_delta>, tell<reply_finished>, tell<reply_failed>, tell<reply_tick>>;

/// Calls the model. Exactly one reply_finished or reply_failed follows, unless it is cancelled.
struct complete {
  call_id call = 0;
  reply_sink_actor sink;
  user_id caller;  ///< whose turn it is
  model_config model;
  std::vector<prompt_message> messages;
  reply_params params;  ///< already merged
};
PARLEY_INSPECT(complete, call, sink, caller, model, messages, params)

/// Nothing of this call is told any more. Unknown calls are passed over.
struct cancel_call {
  call_id call = 0;
};
PARLEY_INSPECT(cancel_call, call)

/// From app/node, which stops: every call fails with errc::unavailable, reason `draining`.
struct fail_calls {};
PARLEY_INSPECT(fail_calls)

}  // namespace parley
