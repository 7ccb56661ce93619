/// What PROVIDER is told, and what it tells the sink of a call.
#pragma once

#include "actors/protocol.hpp"
#include "schema/message.hpp"

namespace parley {

/// Names one call to an upstream within this process; never reused.
using call_id = uint64_t;
call_id make_call_id();

/// A tool the model may call.
struct tool_offer {
  std::string name;
  std::string description;
  std::string parameters = R"({"type":"object"})";  ///< a JSON Schema, as valid JSON text
  std::optional<bool> is_strict = {};               ///< arguments must match the schema
};
PARLEY_INSPECT(tool_offer, name, description, parameters, is_strict)

/// The model calls a tool. `arguments` is what it wrote: meant to be a JSON object, not checked.
struct tool_call {
  std::string call_id;
  std::string name;
  std::string arguments;
};
PARLEY_INSPECT(tool_call, call_id, name, arguments)

/// A message as the upstream sees it.
struct prompt_message {
  message_role role = message_role::user;
  std::vector<part> parts;
  std::vector<tool_call> calls = {};  ///< an assistant's
  tool_call answers = {};             ///< a tool's: the call whose result it is
  bool is_error = false;              ///< a tool's: it failed
};
PARLEY_INSPECT(prompt_message, role, parts, calls, answers, is_error)

enum class tool_choice : uint8_t { automatic = 1, none, required, named };

/// What a caller may want of a reply beside its params. A dialect carries what its provider knows
/// and leaves the rest out.
struct call_wishes {
  std::vector<tool_offer> tools;
  std::optional<tool_choice> choice;
  std::string chosen_tool;  ///< with tool_choice::named
  std::optional<bool> has_parallel_calls;
  bool is_json = false;     ///< the reply is to be JSON
  std::string schema;       ///< that the reply is to match; empty: any JSON
  std::string schema_name;  ///< with a schema
  std::optional<bool> is_schema_strict;
};
PARLEY_INSPECT(call_wishes, tools, choice, chosen_tool, has_parallel_calls, is_json, schema,
               schema_name, is_schema_strict)

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
  std::optional<reply_source> source = {};  ///< with the first one, if there were several ways
};
PARLEY_INSPECT(reply_delta, call, deltas, source)

enum class finish_reason : uint8_t { stop = 1, length, refused };
constexpr std::array<std::string_view, 3> names_of(finish_reason) {
  return {"stop", "length", "refused"};
}

/// The upstream ended the reply properly; nothing follows.
struct reply_finished {
  call_id call = 0;
  finish_reason reason = finish_reason::stop;
  std::optional<usage> used;          ///< absent when the upstream did not say
  std::vector<tool_call> calls = {};  ///< only of those who offered tools
};
PARLEY_INSPECT(reply_finished, call, reason, used, calls)

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

/// Who answers when no channel of a model can.
struct fallback_model {
  model_config model;
  reply_params params;  ///< already merged
};
PARLEY_INSPECT(fallback_model, model, params)

/// Calls the model. Exactly one reply_finished or reply_failed follows, unless it is cancelled.
struct complete {
  call_id call = 0;
  reply_sink_actor sink;
  user_id caller;  ///< whose turn it is
  model_config model;
  std::vector<prompt_message> messages;
  reply_params params;  ///< already merged
  std::optional<fallback_model> fallback;
  call_wishes wishes = {};
};
PARLEY_INSPECT(complete, call, sink, caller, model, messages, params, fallback, wishes)

/// The sink has enough: the provider is made to wait until it is told otherwise (over HTTP/1.1;
/// over HTTP/2 other calls would wait as well, so nothing changes). What was read already is still
/// told. Unknown calls are passed over.
struct pause_call {
  call_id call = 0;
  bool is_paused = false;
};
PARLEY_INSPECT(pause_call, call, is_paused)

/// Nothing of this call is told any more. Unknown calls are passed over.
struct cancel_call {
  call_id call = 0;
};
PARLEY_INSPECT(cancel_call, call)

constexpr size_t embedded_texts_max = 128;  ///< of one question

/// One vector for each text.
struct embed {
  user_id caller;
  model_config model;
  std::vector<std::string> texts;
  int32_t dimensions = 0;  ///< 0: the model's own
};
PARLEY_INSPECT(embed, caller, model, texts, dimensions)

struct embedded {
  std::vector<std::vector<float>> vectors;  ///< in the texts' order, all of one length
  int64_t prompt_tokens = 0;                ///< 0: the provider did not say
  std::optional<reply_source> source;       ///< if there were several ways
};
PARLEY_INSPECT(embedded, vectors, prompt_tokens, source)

/// One tiny call, which ends with the first token.
struct try_model {
  model_config model;
};
PARLEY_INSPECT(try_model, model)

struct model_trial {
  int64_t first_token_ms = 0;
};
PARLEY_INSPECT(model_trial, first_token_ms)

/// The list of models at a model's address, with its key.
struct list_offers {
  model_config model;
};
PARLEY_INSPECT(list_offers, model)

/// Numbers are 0 where the provider does not say.
struct model_offer {
  std::string id;
  std::string name;
  int64_t context_window = 0;
  int64_t max_tokens = 0;
};
PARLEY_INSPECT(model_offer, id, name, context_window, max_tokens)

struct offer_list {
  std::vector<model_offer> items;
};
PARLEY_INSPECT(offer_list, items)

/// How the channels are that PROVIDER has called since it began, or heard of.
struct read_channels {};
PARLEY_INSPECT(read_channels)

enum class channel_condition : uint8_t { well = 1, resting, open, half_open };
constexpr std::array<std::string_view, 4> names_of(channel_condition) {
  return {"well", "resting", "open", "half_open"};
}

struct channel_report {
  model_id model;
  std::string channel;  ///< empty: the model's own base URL
  std::string origin;
  channel_condition condition = channel_condition::well;
  std::optional<int64_t> first_token_ms;
  int64_t rest_ms = 0;
};
PARLEY_INSPECT(channel_report, model, channel, origin, condition, first_token_ms, rest_ms)

struct channel_reports {
  std::vector<channel_report> items;
};
PARLEY_INSPECT(channel_reports, items)

/// A channel of a model failed, or answers again, at the PROVIDER of another I/O thread.
struct channel_changed {
  model_id model;
  std::string channel;
  std::string origin;
  uint32_t opened = 0;   ///< how often in a row its circuit opened; 0: it is closed
  uint32_t rest_ms = 0;  ///< for so long it is not called; 0: at once
};
PARLEY_INSPECT(channel_changed, model, channel, origin, opened, rest_ms)

using channel_listener_actor = caf::typed_actor<tell<channel_changed>>;

/// From app/node: who else calls the same channels.
struct meet_providers {
  std::vector<channel_listener_actor> others;
};
PARLEY_INSPECT(meet_providers, others)

/// From app/node, which stops: every call fails with errc::unavailable, reason `draining`.
struct fail_calls {};
PARLEY_INSPECT(fail_calls)

}  // namespace parley
