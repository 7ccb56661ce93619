/// Model configurations: how to reach one model, personal or system.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "base/secret.hpp"

namespace parley {

/// What shapes a reply. Absent fields fall through: request, session, model, provider's default.
struct reply_params {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int32_t> max_tokens;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<int64_t> seed;
  std::optional<std::vector<std::string>> stop;
  std::optional<std::string> reasoning_effort;
};
PARLEY_RECORD(
    reply_params, FIELD(temperature, "temperature", .uses = in_create | out, .min = 0, .max = 2),
    FIELD(top_p, "topP", .uses = in_create | out, .min = 0, .max = 1),
    FIELD(max_tokens, "maxTokens", .uses = in_create | out, .min = 1, .max = 10'000'000),
    FIELD(presence_penalty, "presencePenalty", .uses = in_create | out, .min = -2, .max = 2),
    FIELD(frequency_penalty, "frequencyPenalty", .uses = in_create | out, .min = -2, .max = 2),
    FIELD(seed, "seed", .uses = in_create | out),
    FIELD(stop, "stop", .uses = in_create | out, .length_max = 4),
    FIELD(reasoning_effort, "reasoningEffort", .uses = in_create | out, .length_max = 20))

/// The params of `over` where it has them, those of `under` otherwise.
reply_params merge(const reply_params& over, const reply_params& under);

/// Prices for a million tokens, as decimals; what has none is not priced.
struct model_prices {
  std::string currency = "USD";
  std::string input;
  std::string output;
  std::optional<std::string> cached;
};
PARLEY_RECORD(model_prices,
              FIELD(currency, "currency", .uses = in_create | required | out, .length_min = 3,
                    .length_max = 3),
              FIELD(input, "inputPerMTok", .uses = in_create | required | out, .length_min = 1,
                    .length_max = 20),
              FIELD(output, "outputPerMTok", .uses = in_create | required | out, .length_min = 1,
                    .length_max = 20),
              FIELD(cached, "cachedPerMTok", .uses = in_create | out, .length_min = 1,
                    .length_max = 20))

/// What the model takes beside text, and does beside answering.
struct model_capabilities {
  bool images = false;
  bool tools = false;
  bool reasoning = false;
};
PARLEY_RECORD(model_capabilities, FIELD(images, "images", .uses = in_create | out),
              FIELD(tools, "tools", .uses = in_create | out),
              FIELD(reasoning, "reasoning", .uses = in_create | out))

/// The key is stored sealed, bound to this row, its owner and the origin of `base_url`; it is
/// written, never read. A system model has no owner and is made by an ADMIN. `provider` is a preset
/// or a dialect; what a body leaves out, the preset fills in when the model is made.
struct model_config {
  model_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  std::optional<user_id> owner_id;
  std::string name;
  std::string provider = "openai";
  std::string base_url;
  std::string model;
  secret_text api_key;
  std::string sealed_key;
  std::string key_hint;
  int32_t context_window = 8192;
  /// None: the provider decides how long a reply may be.
  std::optional<int32_t> max_tokens;
  reply_params params;
  std::optional<model_prices> prices;  ///< absent: not known, which is not free
  std::optional<model_capabilities> capabilities;
  bool enabled = true;
  /// Set by the owner's USER when it hands the model out, so that losing the role counts at once.
  bool owner_is_admin = false;

  bool is_system() const { return !owner_id.has_value(); }
  /// Who administers this server may name addresses of its own network.
  bool may_reach_private() const { return is_system() || owner_is_admin; }
};
PARLEY_RECORD(model_config, FIELD(id, "id"), FIELD(version, "version"),
              FIELD(created_at, "createdAt"), FIELD(updated_at, "updatedAt"),
              FIELD(owner_id, "ownerId", .uses = stored),
              FIELD(name, "name", .uses = in_create | in_patch | out | stored, .length_min = 1,
                    .length_max = 100),
              FIELD(provider, "provider", .uses = in_create | in_patch | out | stored,
                    .length_min = 1, .length_max = 40),
              FIELD(base_url, "baseUrl", .uses = in_create | in_patch | out | stored,
                    .length_min = 8, .length_max = 2000),
              FIELD(model, "model", .uses = in_create | in_patch | out | stored, .length_min = 1,
                    .length_max = 200),
              FIELD(api_key, "apiKey", .uses = in_create | in_patch | secret, .length_max = 1000),
              FIELD(sealed_key, "sealedKey", .uses = stored | secret),
              FIELD(key_hint, "keyHint", .uses = out | stored),
              FIELD(context_window, "contextWindow", .uses = in_create | in_patch | out | stored,
                    .min = 256, .max = 100'000'000),
              FIELD(max_tokens, "maxTokens", .uses = in_create | in_patch | out | stored | nullable,
                    .min = 1, .max = 10'000'000),
              FIELD(params, "params", .uses = in_create | in_patch | out | stored),
              FIELD(prices, "prices", .uses = in_create | in_patch | out | stored),
              FIELD(capabilities, "capabilities", .uses = in_create | in_patch | out | stored),
              FIELD(enabled, "enabled", .uses = in_create | in_patch | out | stored),
              FIELD(owner_is_admin, "ownerIsAdmin", .uses = local))

/// `system` and `hasApiKey` of api.md.
void write_derived(json_writer& writer, const model_config& model);

/// What a model's key is sealed with (base/sealing): moved to another row, owner or origin
/// ("https://host:port" of its base URL) it does not open.
std::vector<std::string> key_binding(const model_config& model, const std::string& origin);

/// "…last4" for keys of 20 characters and more, otherwise nothing.
std::string key_hint_of(const secret_text& key);

}  // namespace parley
