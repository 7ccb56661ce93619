/// The actor of one call from outside of any chat (/v1), and what it is told.
#pragma once

#include "actors/session_messages.hpp"

namespace parley {

/// How the reply of a call ended well.
struct call_end {
  finish_reason reason = finish_reason::stop;
  usage used;
  std::vector<tool_call> calls;
};
PARLEY_INSPECT(call_end, reason, used, calls)

/// From CALL: what has come since the last one. One with an end or a fault is the last.
struct call_slice {
  uint64_t stream = 0;  ///< the reader's own name for it
  std::vector<text_delta> deltas;
  std::optional<call_end> end;
  error fault;
};
PARLEY_INSPECT(call_slice, stream, deltas, end, fault)

/// Whoever reads the reply of a call: EDGE.
using call_reader_actor = caf::typed_actor<tell<call_slice>>;

/// What is asked of the model, straight from EDGE once USER has let the call in.
struct start_call {
  provider_actor provider;  ///< that of the loop the request came in on
  std::vector<prompt_message> messages;
  reply_params params;
  call_wishes wishes;
  int64_t credit = 0;  ///< bytes of text that may be sent; 0: the whole reply in one slice
};
PARLEY_INSPECT(start_call, provider, messages, params, wishes, credit)

/// From the reader: so many more bytes may be sent.
struct grant_call {
  int64_t bytes = 0;
};
PARLEY_INSPECT(grant_call, bytes)

/// From the reader: its client is gone. The upstream's call is closed at once.
struct leave_call {};
PARLEY_INSPECT(leave_call)

/// Texts to vectors, in place of a reply.
struct start_embedding {
  provider_actor provider;
  std::vector<std::string> texts;
  int32_t dimensions = 0;  ///< 0: the model's own
};
PARLEY_INSPECT(start_embedding, provider, texts, dimensions)

/// CALL to USER: the call is over, well or not. Told exactly once.
struct call_ended {
  login_id login;  ///< with which it was called
  model_id model;
  std::string model_name;
  std::optional<usage> used;  ///< of what came, also of a call that broke; absent if nothing did
  message_id reply{};         ///< as it was reserved
  /// The same with its price; USER says whose it is.
  std::optional<usage_entry> spent{};
};
PARLEY_INSPECT(call_ended, login, model, model_name, used, reply, spent)

/// What CALL needs of the USER that spawned it.
using call_parent_actor =
    caf::typed_actor<ask<find_model, model_config>, tell<call_ended>,
                     ask<reserve_spend, spend_granted>, tell<tokens_streamed>>;

/// The CALL actor: one call to a model without a chat session; nothing of it is stored. Spawned and
/// watched by its USER actor, which counts it among the user's streams; floats. Ends with its
/// reply, with its reader, with its login and with its USER.
using call_actor = caf::typed_actor<
    // message               what it does
    tell<start_call>,                // from the reader: call the model
    ask<start_embedding, embedded>,  // from the reader: as many calls as the texts need
    tell<grant_call>,                // from the reader
    tell<leave_call>,                // from the reader
    tell<end_streams>,               // from USER: a login ended
    tell<spend_ruled>,               // from USER: how the budget stands
    tell<reply_delta>,               // from PROVIDER
    tell<reply_finished>,            // from PROVIDER
    tell<reply_failed>,              // from PROVIDER
    tell<reply_tick>>;               // from PROVIDER; from itself: has it been started?

/// A call of the model of this name, for the caller.
struct open_call {
  caller who;
  std::string model;
  call_reader_actor reader;
  uint64_t stream = 0;
};
PARLEY_INSPECT(open_call, who, model, reader, stream)

struct call_ticket {
  call_actor holder;
};
PARLEY_INSPECT(call_ticket, holder)

/// The model of this name that is open to the caller: a personal one before one of the system's.
struct get_named_model {
  caller who;
  std::string name;
};
PARLEY_INSPECT(get_named_model, who, name)

}  // namespace parley
