/// Messages: a tree in each session. Parts are the truth, `content` is derived from them.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "schema/model.hpp"

namespace parley {

enum class part_type : uint8_t { text = 1, image, reasoning, refusal };
constexpr std::array<std::string_view, 4> names_of(part_type) {
  return {"text", "image", "reasoning", "refusal"};
}

/// One typed piece of a message. A text, reasoning or refusal part has `text`; an image has a data:
/// url. Other types of api.md join this list without a migration: parts are stored as JSON.
struct part {
  part_type type = part_type::text;
  std::optional<std::string> text;
  std::optional<std::string> url;
  std::optional<std::string> media_type;
  std::optional<std::string> alt;
};
PARLEY_RECORD(part, FIELD(type, "type", .uses = in_create | required | out),
              FIELD(text, "text", .uses = in_create | out, .length_max = 4 << 20),
              FIELD(url, "url", .uses = in_create | out, .length_max = 20 << 20),
              FIELD(media_type, "mediaType", .uses = in_create | out, .length_max = 100),
              FIELD(alt, "alt", .uses = in_create | out, .length_max = 1000))

/// The text parts joined.
std::string content_of(const std::vector<part>& parts);

enum class message_role : uint8_t { system = 1, user, assistant, tool };
constexpr std::array<std::string_view, 4> names_of(message_role) {
  return {"system", "user", "assistant", "tool"};
}

enum class message_status : uint8_t {
  complete = 1,
  streaming,
  length,
  stopped,
  interrupted,
  error,
  quota,  ///< a budget ran out; what was said is kept
};
constexpr std::array<std::string_view, 7> names_of(message_status) {
  return {"complete", "streaming", "length", "stopped", "interrupted", "error", "quota"};
}

enum class usage_source : uint8_t { provider = 1, counted, estimated };
constexpr std::array<std::string_view, 3> names_of(usage_source) {
  return {"provider", "counted", "estimated"};
}

struct money {
  std::string amount;  ///< decimal
  std::string currency;
};
PARLEY_RECORD(money, FIELD(amount, "amount"), FIELD(currency, "currency"))

/// `cost` is absent where the model has no price.
struct usage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  std::optional<int64_t> reasoning_tokens;
  std::optional<int64_t> cached_tokens;
  usage_source source = usage_source::provider;
  std::optional<money> cost = {};
};
PARLEY_RECORD(usage, FIELD(prompt_tokens, "promptTokens"),
              FIELD(completion_tokens, "completionTokens"),
              FIELD(reasoning_tokens, "reasoningTokens"), FIELD(cached_tokens, "cachedTokens"),
              FIELD(source, "source"), FIELD(cost, "cost"))

struct message_tokens {
  int64_t count = 0;
  std::string vocabulary;
  bool estimated = false;
};
PARLEY_RECORD(message_tokens, FIELD(count, "count"), FIELD(vocabulary, "vocabulary"),
              FIELD(estimated, "estimated"))

/// What a message's content weighs before any model's rules: what a context is planned on, and why
/// a turn counts only what is new. -1: not counted in this vocabulary.
struct content_measure {
  int32_t cl100k = -1;
  int32_t o200k = -1;
  int32_t guessed = 0;  ///< from bytes, where there was no table to count with
  int32_t wide = 0;     ///< code points outside of ASCII
  int32_t symbols = 0;  ///< ASCII bytes that are neither letters nor blanks
  // Images, in the units of the providers' rules (chat/image_measure).
  uint16_t images = 0;
  uint16_t tiles = 0;
  uint16_t patches = 0;
  uint16_t areas = 0;
  uint16_t crops = 0;

  friend bool operator==(const content_measure&, const content_measure&) = default;
};
PARLEY_RECORD(content_measure, FIELD(cl100k, "cl100k"), FIELD(o200k, "o200k"),
              FIELD(guessed, "guessed"), FIELD(wide, "wide"), FIELD(symbols, "symbols"),
              FIELD(images, "images"), FIELD(tiles, "tiles"), FIELD(patches, "patches"),
              FIELD(areas, "areas"), FIELD(crops, "crops"))

struct reply_timing {
  int64_t first_token_ms = 0;
  int64_t total_ms = 0;
};
PARLEY_RECORD(reply_timing, FIELD(first_token_ms, "firstTokenMs"), FIELD(total_ms, "totalMs"))

/// Which of several ways to a model a reply came by.
struct reply_source {
  parley::model_id model_id;  ///< the one asked for, or its fallback
  std::string model_name;
  std::string channel;   ///< its name; empty: the model's own base URL
  int32_t attempts = 1;  ///< calls made for the reply, this one included
};
PARLEY_RECORD(reply_source, FIELD(model_id, "modelId"), FIELD(model_name, "modelName"),
              FIELD(channel, "channel"), FIELD(attempts, "attempts"))

/// What became of a message when a request was made up.
enum class context_fate : uint8_t { sent = 1, dropped, summarised };
constexpr std::array<std::string_view, 3> names_of(context_fate) {
  return {"sent", "dropped", "summarised"};
}

enum class context_reason : uint8_t {
  newest = 1,   ///< the message that is answered
  recent,       ///< of the conversation's end, which fits
  pinned,       ///< the user wants it to be sent always
  summary,      ///< the summary stands for it
  window,       ///< too old: the model's window is full
  ahead,        ///< would fit now; left out so that the next turns begin with the same bytes
  pinned_full,  ///< pinned, but the pinned messages alone fill the window
  empty,        ///< has nothing to send
};
constexpr std::array<std::string_view, 8> names_of(context_reason) {
  return {"newest", "recent", "pinned", "summary", "window", "ahead", "pinnedFull", "empty"};
}

/// Neighbouring messages of the conversation that had the same fate for the same reason.
struct context_span {
  message_id first;
  message_id last;
  int64_t messages = 0;
  int64_t tokens = 0;
  context_fate fate = context_fate::sent;
  context_reason reason = context_reason::recent;
};
PARLEY_RECORD(context_span, FIELD(first, "first"), FIELD(last, "last"), FIELD(messages, "messages"),
              FIELD(tokens, "tokens"), FIELD(fate, "fate"), FIELD(reason, "reason"))

/// What the tokens of a request went to; without the guard their sum is context_used::tokens.
struct context_parts {
  int64_t system = 0;
  int64_t pinned = 0;  ///< of messages older than the end that is sent
  int64_t summary = 0;
  int64_t recalled = 0;
  int64_t history = 0;  ///< the end of the conversation
  int64_t message = 0;  ///< the new message
  int64_t framing = 0;  ///< what the provider adds for a conversation
  int64_t guard = 0;    ///< kept free because counts are estimated
};
PARLEY_RECORD(context_parts, FIELD(system, "system"), FIELD(pinned, "pinned"),
              FIELD(summary, "summary"), FIELD(recalled, "recalled"), FIELD(history, "history"),
              FIELD(message, "message"), FIELD(framing, "framing"), FIELD(guard, "guard"))

/// What of the conversation was sent for a reply, and why. `refused_tokens`: the provider found the
/// first request too long and named this limit (0: none); what is described is the second one.
struct context_used {
  int64_t tokens = 0;
  int64_t limit = 0;
  int64_t kept = 0;     ///< messages sent
  int64_t dropped = 0;  ///< messages that did not fit
  int64_t summarised = 0;
  bool estimated = false;
  context_parts parts;
  std::vector<context_span> spans;
  std::optional<money> cost;  ///< of the request at the model's prices, without the reply
  std::optional<int64_t> refused_tokens;
};
PARLEY_RECORD(context_used, FIELD(tokens, "tokens"), FIELD(limit, "limit"), FIELD(kept, "kept"),
              FIELD(dropped, "dropped"), FIELD(summarised, "summarised"),
              FIELD(estimated, "estimated"), FIELD(parts, "parts"), FIELD(spans, "spans"),
              FIELD(cost, "cost"), FIELD(refused_tokens, "refusedTokens"))

/// Why a reply ended with status `error`, as the client saw it.
struct message_error {
  std::string code;
  std::string reason;
  std::string message;
  std::optional<int64_t> retry_after_ms = {};
};
PARLEY_RECORD(message_error, FIELD(code, "code"), FIELD(reason, "reason"),
              FIELD(message, "message"), FIELD(retry_after_ms, "retryAfterMs"))

/// Safe to show and to store.
message_error message_error_of(const error& cause);

/// The place among the messages that answer to the same one, from 0 in the order of their making.
struct message_siblings {
  int64_t index = 0;
  int64_t count = 1;
};
PARLEY_RECORD(message_siblings, FIELD(index, "index"), FIELD(count, "count"))

enum class message_rating : uint8_t { up = 1, down };
constexpr std::array<std::string_view, 2> names_of(message_rating) {
  return {"up", "down"};
}

struct message {
  message_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  parley::session_id session_id;
  std::optional<message_id> parent_id;
  message_siblings siblings;  ///< only READER knows
  message_role role = message_role::user;
  std::vector<part> parts;
  message_status status = message_status::complete;
  std::optional<parley::model_id> model_id;
  std::optional<std::string> model_name;
  std::optional<parley::usage> usage;
  message_tokens tokens;
  std::optional<reply_timing> timing;
  std::optional<reply_source> answered_by;  ///< absent where there was one way alone
  std::optional<context_used> context;
  std::optional<message_error> error;
  bool pinned = false;  ///< always sent, however old
  std::optional<message_rating> rating;
  json_text metadata;
  content_measure measure;
};
PARLEY_RECORD(message, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"), FIELD(session_id, "sessionId"),
              FIELD(parent_id, "parentId", .uses = out | stored | nullable),
              FIELD(siblings, "siblings", .uses = out), FIELD(role, "role"), FIELD(parts, "parts"),
              FIELD(status, "status"), FIELD(model_id, "modelId", .uses = out | stored | nullable),
              FIELD(model_name, "modelName"), FIELD(usage, "usage"), FIELD(tokens, "tokens"),
              FIELD(timing, "timing"), FIELD(answered_by, "answeredBy"), FIELD(context, "context"),
              FIELD(error, "error"), FIELD(pinned, "pinned", .uses = in_patch | out | stored),
              FIELD(rating, "rating", .uses = in_patch | out | stored),
              FIELD(metadata, "metadata", .uses = in_patch | out | stored, .length_max = 4096),
              FIELD(measure, "measure", .uses = stored))

/// `content` of api.md.
void write_derived(json_writer& writer, const message& value);

/// Of texts and addresses, which are nearly all of a message.
size_t content_bytes_of(const message& said);

/// What SESSION keeps of each stored message: about 70 bytes instead of its text.
struct message_header {
  message_id id;
  message_id parent_id;  ///< none at the root
  message_role role = message_role::user;
  message_status status = message_status::complete;
  bool is_pinned = false;
  content_measure measure;
};
PARLEY_INSPECT(message_header, id, parent_id, role, status, is_pinned, measure)

/// What a turn adds to the tree: a message and its reply, another reply, or more of a reply.
enum class turn_kind : uint8_t { say = 1, again, go_on };

/// A turn not stored yet.
struct draft {
  std::vector<part> parts;
  /// Of `say`: not given stands for the end of the branch shown, none for no parent at all.
  std::optional<message_id> parent_id;
  std::optional<parley::model_id> model_id;
  reply_params params;
  turn_kind kind = turn_kind::say;
  /// Of `again` the reply, or the message to be answered; of `go_on` the reply.
  message_id target{};
};
PARLEY_INSPECT(draft, parts, parent_id, model_id, params, kind, target)

}  // namespace parley
