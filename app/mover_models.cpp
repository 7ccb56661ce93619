// Models of another installation: it knows addresses with keys, and of models what somebody wrote
// down about them or what chats name.
#include "app/mover.hpp"
#include "chat/import_tree.hpp"

namespace parley::app {

namespace {

using storage::openwebui_model;

std::string without_slashes(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return std::string{url};
}

/// The preset that is reached at this address, or the dialect that nearly everybody speaks.
std::string provider_at(const std::string& base_url, const providers::catalogue& presets) {
  for (const auto& preset : presets.presets())
    if (!preset.base_url.empty() && without_slashes(preset.base_url) == base_url)
      return preset.name;
  return base_url.find(".openai.azure.com") != std::string::npos ? "azure" : "openai";
}

std::vector<std::string> texts_in(const std::optional<json_value>& list) {
  std::vector<std::string> texts;
  if (!list) return texts;
  for (const auto& item : list->items()) {
    auto text = item.as_string();
    texts.emplace_back(text ? *text : "");
  }
  return texts;
}

/// Of a connection: by its number, in older versions by its address.
std::optional<json_value> config_of(const std::optional<json_value>& configs, size_t number,
                                    const std::string& base_url) {
  if (!configs) return std::nullopt;
  auto found = configs->find(std::to_string(number));
  return found ? found : configs->find(base_url);
}

template <class Number>
void take_number(const json_value& from, std::string_view key, std::optional<Number>& to,
                 double min, double max) {
  auto value = from.find(key);
  auto number = value ? value->as_number() : std::nullopt;
  if (number && *number >= min && *number <= max) to = static_cast<Number>(*number);
}

reply_params params_of(const json_value& from) {
  reply_params made;
  take_number(from, "temperature", made.temperature, 0, 2);
  take_number(from, "top_p", made.top_p, 0, 1);
  take_number(from, "max_tokens", made.max_tokens, 1, 10'000'000);
  take_number(from, "presence_penalty", made.presence_penalty, -2, 2);
  take_number(from, "frequency_penalty", made.frequency_penalty, -2, 2);
  take_number(from, "seed", made.seed, -9e15, 9e15);
  constexpr size_t effort_length_max = 20;
  if (auto effort = text_at(from, "reasoning_effort");
      !effort.empty() && effort.size() <= effort_length_max)
    made.reasoning_effort = effort;
  constexpr size_t stops_max = 4;
  if (auto stops = texts_in(from.find("stop")); !stops.empty() && stops.size() <= stops_max)
    made.stop = stops;
  return made;
}

bool has_model(const std::vector<std::string>& models, std::string_view id) {
  return std::find(models.begin(), models.end(), id) != models.end();
}

}  // namespace

expected<void> mover::read_upstreams_of(const std::string& kind) {
  auto is_ollama = kind == "ollama";
  TRY(auto urls, parts_.from->setting(kind + (is_ollama ? ".base_urls" : ".api_base_urls")));
  TRY(auto keys, parts_.from->setting(kind + ".api_keys"));
  TRY(auto configs, parts_.from->setting(kind + ".api_configs"));
  TRY(auto enabled, parts_.from->setting(kind + ".enable"));
  // One text, for one parse: values live until the next.
  auto or_null = [](const std::string& json) { return json.empty() ? "null" : json; };
  auto whole =
      json_.parse("[" + or_null(urls) + "," + or_null(keys) + "," + or_null(configs) + "]");
  if (!whole) return {};
  auto members = whole->items();
  auto all_keys = texts_in(members[1]);
  auto all_urls = texts_in(members[0]);
  for (size_t i = 0; i < all_urls.size(); ++i) {
    auto& made = upstreams_.emplace_back();
    made.is_ollama = is_ollama;
    made.base_url = without_slashes(all_urls[i]);
    if (made.base_url.empty()) {
      upstreams_.pop_back();
      continue;
    }
    made.provider = is_ollama ? "ollama" : provider_at(made.base_url, *parts_.presets);
    if (i < all_keys.size()) made.key = all_keys[i];
    made.is_enabled = enabled != "false";
    auto config = config_of(members[2], i, all_urls[i]);
    if (!config) continue;
    if (auto key = text_at(*config, "key"); !key.empty()) made.key = key;
    made.prefix = text_at(*config, "prefix_id");
    made.models = texts_in(config->find("model_ids"));
    if (auto is_on = config->find("enable"))
      made.is_enabled = made.is_enabled && is_on->as_bool().value_or(true);
    if (flag_at(*config, "azure")) made.provider = "azure";
  }
  return {};
}

expected<std::vector<mover::wanted_model>> mover::wanted_models() {
  std::vector<wanted_model> all;
  auto is_known = [&](const std::string& id) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.row.id == id; });
  };
  TRY_DONE(parts_.from->each_model([&](openwebui_model&& row) -> expected<void> {
    auto upstream_id = row.base_model_id.empty() ? row.id : row.base_model_id;
    all.push_back({std::move(row), true, std::move(upstream_id)});
    return {};
  }));
  std::vector<std::string> named;
  for (const auto& one : upstreams_)
    for (const auto& id : one.models)
      named.push_back(one.prefix.empty() ? id : one.prefix + "." + id);
  TRY(auto in_chats, parts_.from->models_in_chats());
  named.insert(named.end(), in_chats.begin(), in_chats.end());
  for (const auto& id : named) {
    if (id.empty() || is_known(id)) continue;
    wanted_model one;
    one.row.id = one.row.name = one.upstream_id = id;
    all.push_back(std::move(one));
  }
  return all;
}

/// Where a model is called whose id there is `id`; null if nothing says it.
const mover::upstream* mover::upstream_of(const std::string& id, std::string& upstream_id) const {
  for (const auto& one : upstreams_) {
    auto own = id;
    if (!one.prefix.empty()) {
      if (!id.starts_with(one.prefix + ".")) continue;
      own = id.substr(one.prefix.size() + 1);
      if (!one.models.empty() && !has_model(one.models, own)) continue;
    } else if (!has_model(one.models, id)) {
      continue;
    }
    upstream_id = own;
    return &one;
  }
  upstream_id = id;
  // Those that offer whatever they have. Ollama's models have a tag, others hardly ever.
  auto is_tagged = id.find(':') != std::string::npos && id.find('/') == std::string::npos;
  const upstream* best = nullptr;
  for (const auto& one : upstreams_) {
    if (!one.models.empty() || !one.prefix.empty()) continue;
    const auto* preset = parts_.presets->find(one.provider);
    if (preset != nullptr && !one.is_ollama && parts_.presets->find_model(*preset, id) != nullptr)
      return &one;
    if (best == nullptr || (best->is_ollama != is_tagged && one.is_ollama == is_tagged))
      best = &one;
  }
  return best;
}

std::vector<model_access> mover::access_of(const wanted_model& wanted, std::string& change) {
  auto open_to = [](access_type type, std::optional<std::string> id) {
    model_access made;
    made.type = type;
    made.id = std::move(id);
    return made;
  };
  // There a model that nobody has written a word about is the administrators'.
  if (!wanted.has_row) {
    if (!parts_.from->has_access_rules()) return {model_access{}};
    return {open_to(access_type::role, std::string{name_of(role::admin)})};
  }
  std::vector<model_access> made;
  auto owner = users_.find(wanted.row.user_id);
  if (owner != users_.end()) made.push_back(open_to(access_type::user, to_string(owner->second)));
  auto rules = json_.parse(wanted.row.access.empty() ? "{}" : wanted.row.access);
  if (!rules) return made;
  if (flag_at(*rules, "public")) return {model_access{}};
  for (const auto& id : texts_in(rules->find("users")))
    if (auto user = users_.find(id); user != users_.end() && user != owner)
      made.push_back(open_to(access_type::user, to_string(user->second)));
  if (!texts_in(rules->find("groups")).empty()) change = "groups_left_out";
  made.push_back(open_to(access_type::role, std::string{name_of(role::admin)}));
  return made;
}

expected<void> mover::move_models() {
  TRY_DONE(read_upstreams_of("openai"));
  TRY_DONE(read_upstreams_of("ollama"));
  TRY(auto wanted, wanted_models());
  for (const auto& one : wanted) TRY_DONE(move_model(one));
  return {};
}

expected<void> mover::move_model(const wanted_model& wanted) {
  constexpr size_t name_bytes_max = 100;
  std::string upstream_id;
  const auto* at = upstream_of(wanted.upstream_id, upstream_id);
  auto leave_out = [&](const char* reason) -> expected<void> {
    ++report_.models.left_out[reason];
    return {};
  };
  if (at == nullptr) return leave_out("address_missing");
  if (wanted.row.id.size() > name_bytes_max) return leave_out("name_too_long");
  if (parts_.to != nullptr) {
    auto known =
        parts_.to->prepare("SELECT id FROM model_configs WHERE owner_id IS NULL AND name=?");
    known.bind(wanted.row.id);
    TRY(auto id, found<model_id>(std::move(known)));
    if (id) {
      models_[wanted.row.id] = *id;
      return leave_out("already_there");
    }
  }
  patch_of<model_config> wish;
  wish.set(&model_config::provider, at->provider);
  wish.set(&model_config::base_url, at->base_url);
  wish.set(&model_config::model, upstream_id);
  wish.set(&model_config::name, wanted.row.id);
  if (!at->key.empty() && !parts_.is_trial) wish.set(&model_config::api_key, secret_text{at->key});
  wish.set(&model_config::enabled, at->is_enabled && wanted.row.is_active);
  std::string change;
  wish.set(&model_config::access, access_of(wanted, change));
  if (auto params = json_.parse(wanted.row.params.empty() ? "{}" : wanted.row.params)) {
    wish.set(&model_config::params, params_of(*params));
    if (!text_at(*params, "system").empty()) change = "system_prompt_left_out";
    std::optional<int32_t> window;
    take_number(*params, "num_ctx", window, 256, 100'000'000);
    if (window) wish.set(&model_config::context_window, *window);
  }
  auto made = make_model(wish, {}, parts_.tools, parts_.now);
  if (!made) return leave_out("not_usable");
  if (wanted.row.created_at.ms > 0) made->created_at = wanted.row.created_at;
  TRY_DONE(store(create_model{*made}));
  models_[wanted.row.id] = made->id;
  if (change.empty() && wanted.row.name != wanted.row.id) change = "title_left_out";
  if (change.empty())
    ++report_.models.taken;
  else
    ++report_.models.changed[change];
  return {};
}

}  // namespace parley::app
