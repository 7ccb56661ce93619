#include "actors/impl/model_channels.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/record_json.hpp"

namespace parley {

namespace {

expected<std::string> origin_of(const model_config& model, const std::string& base_url,
                                const model_tools& tools) {
  auto there = model;
  there.base_url = base_url;
  return tools.origin_of(there);
}

/// The place of a channel of this name and origin; none if there is no such one.
std::optional<size_t> same_channel(const model_config& present, const model_channel& wanted,
                                   const std::string& origin, const model_tools& tools) {
  for (size_t i = 0; i < present.channels.size() && i < present.channel_keys.size(); ++i) {
    if (present.channels[i].name != wanted.name) continue;
    auto known = origin_of(present, present.channels[i].base_url, tools);
    if (known && *known == origin) return i;
  }
  return std::nullopt;
}

bool seal_text_anew(std::string& sealed, const std::string& base_url, const model_config& model,
                    const model_tools& tools) {
  if (sealed.empty() || tools.keys->is_current(sealed)) return false;
  auto origin = origin_of(model, base_url, tools);
  if (!origin) return false;
  auto binding = key_binding(model, *origin);
  auto key = tools.keys->open(sealed, binding);
  if (!key) return false;
  auto fresh = tools.keys->seal(*key, binding);
  if (fresh) sealed = std::move(*fresh);
  return static_cast<bool>(fresh);
}

}  // namespace

expected<void> check_extras(const model_config& model, const patch_of<model_config>& given) {
  fault_list faults;
  for (size_t i = 0; i < model.channels.size(); ++i) {
    auto has_same_name = [&](const model_channel& other) {
      return other.name == model.channels[i].name;
    };
    auto before = model.channels.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(model.channels.begin(), before, has_same_name))
      faults.add("/channels/" + std::to_string(i) + "/name", "unique",
                 "Another channel of this model has this name.");
  }
  if (given.has(&model_config::ca_certificates) && model.ca_certificates) {
    if (!model.may_reach_private())
      faults.add("/caCertificates", "admin", "Only an ADMIN may set certificates.");
    else if (!is_certificate_list(*model.ca_certificates))
      faults.add("/caCertificates", "pem", "These are no certificates in PEM.");
  }
  if (faults.is_empty()) return caf::unit;
  return std::move(faults).to_error();
}

expected<void> seal_channels(model_config& model, const model_config* present,
                             const model_tools& tools) {
  model.channel_keys.assign(model.channels.size(), {});
  fault_list faults;
  for (size_t i = 0; i < model.channels.size(); ++i) {
    auto& channel = model.channels[i];
    auto key = std::exchange(channel.api_key, secret_text{});
    channel.has_key = false;
    channel.key_hint.clear();
    auto origin = origin_of(model, channel.base_url, tools);
    if (!origin) {
      faults.add("/channels/" + std::to_string(i) + "/baseUrl", "allowed",
                 sentence_of(origin.error()));
      continue;
    }
    if (!key.empty()) {
      TRY(model.channel_keys[i], tools.keys->seal(key, key_binding(model, *origin)));
      channel.has_key = true;
      channel.key_hint = key_hint_of(key);
    } else if (auto known = present ? same_channel(*present, channel, *origin, tools)
                                    : std::optional<size_t>{}) {
      model.channel_keys[i] = present->channel_keys[*known];
      channel.has_key = present->channels[*known].has_key;
      channel.key_hint = present->channels[*known].key_hint;
    }
  }
  if (faults.is_empty()) return caf::unit;
  return std::move(faults).to_error();
}

bool seal_anew(model_config& model, const model_tools& tools) {
  // For the origin alone: whether it may be called is asked at each call.
  model.owner_is_admin = true;
  auto is_changed = seal_text_anew(model.sealed_key, model.base_url, model, tools);
  for (size_t i = 0; i < model.channel_keys.size() && i < model.channels.size(); ++i)
    if (seal_text_anew(model.channel_keys[i], model.channels[i].base_url, model, tools))
      is_changed = true;
  return is_changed;
}

}  // namespace parley
