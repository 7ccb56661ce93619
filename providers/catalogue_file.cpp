#include "providers/catalogue_file.hpp"

#include <algorithm>
#include <functional>

#include "base/money.hpp"
#include "base/toml_document.hpp"

namespace parley::providers {

namespace {

constexpr int64_t tokens_max = 100'000'000;
constexpr size_t presets_max = 1'000;
constexpr size_t models_max = 10'000;  // of one preset

/// Where in which file we are, for faults.
struct place {
  const std::string& path;

  error fault(const toml_value& at, const std::string& sentence) const {
    return make_error(errc::invalid_input, path + ":" + std::to_string(at.line) + ": " + sentence);
  }
};

expected<void> read_string(const place& in, const toml_value& from, std::string& to) {
  auto text = from.as<std::string>();
  if (!text) return in.fault(from, "a text is wanted here.");
  if (text->size() > 2000) return in.fault(from, "this text is too long.");
  to = *text;
  return caf::unit;
}

expected<void> read_flag(const place& in, const toml_value& from, bool& to) {
  auto flag = from.as<bool>();
  if (!flag) return in.fault(from, "true or false is wanted here.");
  to = *flag;
  return caf::unit;
}

expected<void> read_tokens(const place& in, const toml_value& from, int32_t& to) {
  auto number = from.as<int64_t>();
  if (!number || *number < 1 || *number > tokens_max)
    return in.fault(from, "a number of tokens is wanted here, 1 to 100,000,000.");
  to = static_cast<int32_t>(*number);
  return caf::unit;
}

/// ["input", "output"] or ["input", "output", "cached input"]
expected<void> read_price(const place& in, const toml_value& from, known_model& to) {
  auto list = from.as<toml_list>();
  if (!list || list->size() < 2 || list->size() > 3)
    return in.fault(from, "a price is two or three texts: input, output, cached input.");
  std::vector<std::string> texts;
  for (auto& item : *list) {
    auto text = item.as<std::string>();
    if (!text || !parse_money(*text))
      return in.fault(item, "a price is a decimal in quotes, such as \"0.28\".");
    texts.push_back(*text);
  }
  model_prices prices;
  prices.input = texts[0];
  prices.output = texts[1];
  if (texts.size() == 3) prices.cached = texts[2];
  to.prices = std::move(prices);
  return caf::unit;
}

expected<void> read_capabilities(const place& in, const toml_value& from, model_capabilities& to) {
  auto list = from.as<toml_list>();
  if (!list) return in.fault(from, "a list of capabilities is wanted here.");
  for (auto& item : *list) {
    auto text = item.as<std::string>();
    auto word = text ? std::string_view{*text} : std::string_view{};
    auto* flag = word == "images"      ? &to.images
                 : word == "tools"     ? &to.tools
                 : word == "reasoning" ? &to.reasoning
                                       : nullptr;
    if (!flag) return in.fault(item, "a capability is \"images\", \"tools\" or \"reasoning\".");
    *flag = true;
  }
  return caf::unit;
}

expected<known_model> read_model(const place& in, const toml_value& from) {
  auto table = from.as<toml_table>();
  if (!table) return in.fault(from, "a model is a table: { id = \"…\", window = … }.");
  known_model model;
  for (auto& [key, value] : *table) {
    if (key == "id") {
      TRY_DONE(read_string(in, value, model.id));
    } else if (key == "window") {
      TRY_DONE(read_tokens(in, value, model.context_window));
    } else if (key == "output") {
      TRY_DONE(read_tokens(in, value, model.output_max));
    } else if (key == "price") {
      TRY_DONE(read_price(in, value, model));
    } else if (key == "can") {
      TRY_DONE(read_capabilities(in, value, model.capabilities));
    } else if (key == "kind") {
      auto text = value.as<std::string>();
      auto kind = text ? enum_of<model_kind>(*text) : std::nullopt;
      if (!kind) return in.fault(value, "a kind is \"chat\" or \"embedding\".");
      model.kind = *kind;
    } else {
      return in.fault(value, "a model has no \"" + key + "\".");
    }
  }
  if (model.id.empty() || model.id.size() > 200) return in.fault(from, "the model has no id.");
  if (model.context_window < 256)
    return in.fault(from, "the model \"" + model.id + "\" has no window of 256 tokens or more.");
  return model;
}

expected<void> read_models(const place& in, const toml_value& from, preset& into) {
  auto list = from.as<toml_list>();
  if (!list) return in.fault(from, "models are a list of tables.");
  std::vector<std::string> seen;
  for (auto& item : *list) {
    TRY(auto model, read_model(in, item));
    if (std::find(seen.begin(), seen.end(), model.id) != seen.end())
      return in.fault(item, "the model \"" + model.id + "\" is there twice.");
    seen.push_back(model.id);
    auto known = std::find_if(into.models.begin(), into.models.end(),
                              [&model](auto& each) { return each.id == model.id; });
    if (known != into.models.end())
      *known = std::move(model);
    else if (into.models.size() < models_max)
      into.models.push_back(std::move(model));
    else
      return in.fault(item, "these are too many models.");
  }
  return caf::unit;
}

bool is_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  auto is_fine = [](char c) { return c == '-' || (c >= '0' && c <= '9'); };
  return std::all_of(text.begin(), text.end(), is_fine);
}

expected<void> read_key(const place& in, const std::string& key, const toml_value& value,
                        preset& into) {
  if (key == "title") return read_string(in, value, into.title);
  if (key == "base_url") return read_string(in, value, into.base_url);
  if (key == "default_model") return read_string(in, value, into.default_model);
  if (key == "models_of") return read_string(in, value, into.models_of);
  if (key == "local") return read_flag(in, value, into.is_local);
  if (key == "models") return read_models(in, value, into);
  if (key == "dialect") {
    TRY_DONE(read_string(in, value, into.dialect));
    if (!find_dialect(into.dialect))
      return in.fault(value, "there is no dialect \"" + into.dialect + "\".");
    return caf::unit;
  }
  if (key == "as_of") {
    TRY_DONE(read_string(in, value, into.as_of));
    if (!is_day(into.as_of)) return in.fault(value, "a day is written 2026-01-31.");
    return caf::unit;
  }
  if (key == "currency") {
    TRY_DONE(read_string(in, value, into.currency));
    if (!is_currency(into.currency)) return in.fault(value, "a currency is three capital letters.");
    return caf::unit;
  }
  return in.fault(value, "a provider has no \"" + key + "\".");
}

expected<void> read_preset(const place& in, const std::string& name, const toml_value& from,
                           std::vector<preset>& into) {
  auto table = from.as<toml_table>();
  if (!table) return in.fault(from, "a provider is a table: [provider." + name + "].");
  if (name.empty() || name.size() > 40)
    return in.fault(from, "a provider's name has 1 to 40 bytes.");
  auto found =
      std::find_if(into.begin(), into.end(), [&name](auto& each) { return each.name == name; });
  if (found == into.end()) {
    if (into.size() == presets_max) return in.fault(from, "these are too many providers.");
    into.emplace_back();
    found = std::prev(into.end());
    found->name = found->title = name;
  }
  for (auto& [key, value] : *table) TRY_DONE(read_key(in, key, value, *found));
  if (found->dialect.empty())
    return in.fault(from, "the provider \"" + name + "\" has no dialect.");
  for (auto& model : found->models) {
    if (model.prices) model.prices->currency = found->currency;
  }
  return caf::unit;
}

}  // namespace

expected<std::vector<preset>> with_catalogue_file(std::vector<preset> presets,
                                                  std::string_view text, const std::string& path) {
  place in{path};
  TRY(auto document, parse_toml(text, path));
  for (auto& [key, value] : document) {
    auto providers = key == "provider" ? value.as<toml_table>() : nullptr;
    if (!providers) return in.fault(value, "tables are called [provider.NAME].");
    for (auto& [name, table] : *providers) TRY_DONE(read_preset(in, name, table, presets));
  }
  auto is_known = [&presets](const std::string& name) {
    return std::any_of(presets.begin(), presets.end(),
                       [&name](auto& each) { return each.name == name; });
  };
  for (auto& each : presets) {
    if (!each.models_of.empty() && !is_known(each.models_of))
      return make_error(errc::invalid_input, path + ": the provider \"" + each.name +
                                                 "\" takes the models of \"" + each.models_of +
                                                 "\", which is not there.");
  }
  return presets;
}

}  // namespace parley::providers
