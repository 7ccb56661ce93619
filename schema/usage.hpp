/// What replies have used, summed up by a quarter of an hour.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "schema/message.hpp"

namespace parley {

/// Days begin at a multiple of it in every time zone there is, so that sums by day are exact.
inline constexpr int64_t usage_slot_ms = 15 * 60 * 1000;

constexpr instant usage_slot_of(instant at) {
  return {at.ms - at.ms % usage_slot_ms};
}

/// What one user has used of one model with one key within one slot; of one reply before it is
/// added to that. Names stay when model or key are gone. No currency: there was no price.
struct usage_entry {
  user_id owner_id;
  instant slot;
  parley::model_id model_id;
  api_key_id key_id;  ///< none: a login
  std::string currency;
  std::string model_name;
  std::string label;  ///< the key's name
  int64_t requests = 1;
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t cost = 0;  ///< in 10^-9
};
PARLEY_RECORD(usage_entry, FIELD(owner_id, "ownerId"), FIELD(slot, "slot"),
              FIELD(model_id, "modelId"), FIELD(key_id, "keyId"), FIELD(currency, "currency"),
              FIELD(model_name, "modelName"), FIELD(label, "label"), FIELD(requests, "requests"),
              FIELD(prompt_tokens, "promptTokens"), FIELD(completion_tokens, "completionTokens"),
              FIELD(reasoning_tokens, "reasoningTokens"), FIELD(cached_tokens, "cachedTokens"),
              FIELD(cost, "cost"))

enum class usage_group : uint8_t { day = 1, model, user, label };
constexpr std::array<std::string_view, 4> names_of(usage_group) {
  return {"day", "model", "user", "label"};
}

/// The usage of one group in one currency; `cost` is null where there was no price.
struct usage_sum {
  std::optional<std::string> day;
  std::optional<parley::model_id> model_id;
  std::optional<std::string> model_name;
  std::optional<parley::user_id> user_id;
  std::optional<std::string> username;
  std::optional<api_key_id> key_id;
  std::optional<std::string> label;
  int64_t requests = 0;
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t reasoning_tokens = 0;
  int64_t cached_tokens = 0;
  std::optional<money> cost;
};
PARLEY_RECORD(usage_sum, FIELD(day, "day"), FIELD(model_id, "modelId"),
              FIELD(model_name, "modelName"), FIELD(user_id, "userId"), FIELD(username, "username"),
              FIELD(key_id, "keyId"), FIELD(label, "label"), FIELD(requests, "requests"),
              FIELD(prompt_tokens, "promptTokens"), FIELD(completion_tokens, "completionTokens"),
              FIELD(reasoning_tokens, "reasoningTokens"), FIELD(cached_tokens, "cachedTokens"),
              FIELD(cost, "cost", .uses = out | nullable))

}  // namespace parley
