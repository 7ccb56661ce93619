/// Model configurations: how to reach one model, personal or system.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "base/secret.hpp"
#include "schema/user.hpp"

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
  std::string currency;  ///< empty in a wish: the system's
  std::string input;
  std::string output;
  std::optional<std::string> cached;
};
PARLEY_RECORD(model_prices,
              FIELD(currency, "currency", .uses = in_create | out, .length_min = 3,
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

/// Another way to the same model: an address with a key and a weight of its own. It is told apart
/// by its name; where that and the origin stay, the key does.
struct model_channel {
  std::string name;
  std::string base_url;
  secret_text api_key;
  bool has_key = false;
  std::string key_hint;
  int32_t weight = 1;  ///< its share of the calls; 0: only when the others fail
};
PARLEY_RECORD(model_channel,
              FIELD(name, "name", .uses = in_create | required | out, .length_min = 1,
                    .length_max = 40),
              FIELD(base_url, "baseUrl", .uses = in_create | required | out, .length_min = 8,
                    .length_max = 2000),
              FIELD(api_key, "apiKey", .uses = in_create | secret, .length_max = 1000),
              FIELD(has_key, "hasApiKey", .uses = out), FIELD(key_hint, "keyHint", .uses = out),
              FIELD(weight, "weight", .uses = in_create | out, .min = 0, .max = 1000))

enum class access_type : uint8_t { everyone = 1, role, user };
constexpr std::array<std::string_view, 3> names_of(access_type) {
  return {"everyone", "role", "user"};
}

/// Whom a system model is open to. `id` is the name of a role or the id of a user.
struct model_access {
  access_type type = access_type::everyone;
  std::optional<std::string> id;
};
PARLEY_RECORD(model_access, FIELD(type, "type", .uses = in_create | required | out),
              FIELD(id, "id", .uses = in_create | out, .length_min = 1, .length_max = 40))

/// Who wants to use a model.
struct model_viewer {
  user_id user;
  parley::role role = parley::role::user;
};
PARLEY_INSPECT(model_viewer, user, role)

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
  int32_t weight = 1;                     ///< of `base_url` among the channels
  std::vector<model_channel> channels;    ///< beside `base_url`
  std::vector<std::string> channel_keys;  ///< sealed like `sealed_key`, in the channels' order
  /// Is asked when no channel of this model can answer.
  std::optional<model_id> fallback_model_id;
  /// PEM; trusted in place of the system's, by models that an ADMIN made.
  std::optional<std::string> ca_certificates;
  int32_t context_window = 8192;
  /// None: the provider decides how long a reply may be.
  std::optional<int32_t> max_tokens;
  reply_params params;
  std::optional<model_prices> prices;  ///< absent: not known, which is not free
  std::optional<model_capabilities> capabilities;
  bool enabled = true;
  std::vector<model_access> access = {model_access{}};  ///< of a system model: any of them suffices
  int32_t place = 0;                                    ///< in lists, the lower ones first
  /// Set by the owner's USER when it hands the model out, so that losing the role counts at once.
  bool owner_is_admin = false;

  bool is_system() const { return !owner_id.has_value(); }
  /// Who administers this server may name addresses of its own network.
  bool may_reach_private() const { return is_system() || owner_is_admin; }
};
PARLEY_RECORD(
    model_config, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
    FIELD(updated_at, "updatedAt"), FIELD(owner_id, "ownerId", .uses = stored),
    FIELD(name, "name", .uses = in_create | in_patch | out | stored, .length_min = 1,
          .length_max = 100),
    FIELD(provider, "provider", .uses = in_create | in_patch | out | stored, .length_min = 1,
          .length_max = 40),
    FIELD(base_url, "baseUrl", .uses = in_create | in_patch | out | stored, .length_min = 8,
          .length_max = 2000),
    FIELD(model, "model", .uses = in_create | in_patch | out | stored, .length_min = 1,
          .length_max = 200),
    FIELD(api_key, "apiKey", .uses = in_create | in_patch | secret, .length_max = 1000),
    FIELD(sealed_key, "sealedKey", .uses = stored | secret),
    FIELD(key_hint, "keyHint", .uses = out | stored),
    FIELD(weight, "weight", .uses = in_create | in_patch | out | stored, .min = 0, .max = 1000),
    FIELD(channels, "channels", .uses = in_create | in_patch | out | stored, .length_max = 8),
    FIELD(channel_keys, "channelKeys", .uses = stored | secret),
    FIELD(fallback_model_id, "fallbackModelId",
          .uses = in_create | in_patch | out | stored | nullable),
    FIELD(ca_certificates, "caCertificates", .uses = in_create | in_patch | stored, .length_min = 1,
          .length_max = 65536),
    FIELD(context_window, "contextWindow", .uses = in_create | in_patch | out | stored, .min = 256,
          .max = 100'000'000),
    FIELD(max_tokens, "maxTokens", .uses = in_create | in_patch | out | stored | nullable, .min = 1,
          .max = 10'000'000),
    FIELD(params, "params", .uses = in_create | in_patch | out | stored),
    FIELD(prices, "prices", .uses = in_create | in_patch | out | stored),
    FIELD(capabilities, "capabilities", .uses = in_create | in_patch | out | stored),
    FIELD(enabled, "enabled", .uses = in_create | in_patch | out | stored),
    FIELD(access, "access", .uses = in_create | in_patch | out | stored, .length_max = 500),
    FIELD(place, "order", .uses = in_create | in_patch | out | stored, .min = -1'000'000,
          .max = 1'000'000),
    FIELD(owner_is_admin, "ownerIsAdmin", .uses = local))

/// `system`, `hasApiKey` and `hasCaCertificates` of api.md.
void write_derived(json_writer& writer, const model_config& model);

/// What a model's key is sealed with (base/sealing): moved to another row, owner or origin
/// ("https://host:port" of its base URL) it does not open.
std::vector<std::string> key_binding(const model_config& model, const std::string& origin);

/// Whether it is enabled and, as a system model, open to `viewer`.
bool is_usable_by(const model_config& model, const model_viewer& viewer);

/// "…last4" for keys of 20 characters and more, otherwise nothing.
std::string key_hint_of(const secret_text& key);

}  // namespace parley
