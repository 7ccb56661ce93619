#include "actors/impl/model_changes.hpp"

#include <algorithm>

#include "actors/impl/model_channels.hpp"
#include "base/money.hpp"
#include "base/record_json.hpp"
#include "schema/system.hpp"

namespace parley {

namespace {

expected<void> seal_key(model_config& model, const secret_text& key, const std::string& origin,
                        const model_tools& tools) {
  model.sealed_key.clear();
  model.key_hint.clear();
  if (key.empty()) return caf::unit;
  TRY(model.sealed_key, tools.keys->seal(key, key_binding(model, origin)));
  model.key_hint = key_hint_of(key);
  return caf::unit;
}

void complete_prices(model_config& model, const model_tools& tools) {
  if (model.prices && model.prices->currency.empty())
    model.prices->currency = tools.currency ? tools.currency() : system_settings{}.currency;
}

void check_prices(const model_config& model, fault_list& faults) {
  if (!model.prices) return;
  auto check = [&faults](std::string_view name, const std::string& text) {
    if (!parse_money(text))
      faults.add("/prices/" + std::string{name}, "decimal",
                 "Not a decimal of nine places at most.");
  };
  check("inputPerMTok", model.prices->input);
  check("outputPerMTok", model.prices->output);
  if (model.prices->cached) check("cachedPerMTok", *model.prices->cached);
  if (!is_currency(model.prices->currency))
    faults.add("/prices/currency", "currency", "Not the code of a currency.");
}

expected<void> check_model(const model_config& model) {
  fault_list faults;
  auto check = [&faults](std::string_view path, const std::string& text) {
    if (text.empty()) faults.add(std::string{path}, "required", "This field is needed.");
  };
  check("/name", model.name);
  check("/baseUrl", model.base_url);
  check("/model", model.model);
  check_prices(model, faults);
  if (faults.is_empty()) return caf::unit;
  return std::move(faults).to_error();
}

/// Whom a system model is open to; a personal one is its owner's alone.
expected<void> check_access(const model_config& model, const patch_of<model_config>& given) {
  if (!given.has(&model_config::access)) return caf::unit;
  fault_list faults;
  if (!model.is_system()) faults.add("/access", "system", "Only a system model is open to others.");
  for (size_t i = 0; i < model.access.size(); ++i) {
    const auto& open_to = model.access[i];
    auto id = open_to.id.value_or("");
    auto is_good = open_to.type == access_type::everyone ? !open_to.id
                   : open_to.type == access_type::role   ? enum_of<role>(id).has_value()
                                                         : user_id::parse(id).has_value();
    if (!is_good)
      faults.add("/access/" + std::to_string(i) + "/id", "access",
                 "Must name a role or a user; everyone has no id.");
  }
  if (faults.is_empty()) return caf::unit;
  return std::move(faults).to_error();
}

}  // namespace

expected<model_config> make_model(const patch_of<model_config>& wanted, const model_owner& owner,
                                  const model_tools& tools, instant now) {
  auto wish = wanted;
  if (tools.complete_wish) TRY_DONE(tools.complete_wish(wish));
  model_config model;
  wish.apply_to(model);
  complete_prices(model, tools);
  TRY_DONE(check_model(model));
  model.id = model_id::make();
  model.created_at = model.updated_at = now;
  model.owner_id = owner.id;
  model.owner_is_admin = owner.is_admin;
  auto key = std::exchange(model.api_key, secret_text{});
  TRY(auto origin, tools.origin_of(model));
  TRY_DONE(check_access(model, wish));
  TRY_DONE(check_extras(model, wish));
  TRY_DONE(seal_key(model, key, origin, tools));
  TRY_DONE(seal_channels(model, nullptr, tools));
  return model;
}

expected<model_config> change_model_config(const model_config& present,
                                           const patch_of<model_config>& patch,
                                           const model_tools& tools, instant now) {
  auto model = present;
  patch.apply_to(model);
  complete_prices(model, tools);
  TRY_DONE(check_model(model));
  ++model.version;
  model.updated_at = now;
  auto key = std::exchange(model.api_key, secret_text{});
  TRY(auto origin, tools.origin_of(model));
  auto has_new_key = patch.has(&model_config::api_key);
  // One that may no longer be called has no origin: its key is not carried over either.
  auto old_origin = tools.origin_of(present);
  if (has_new_key || !old_origin || *old_origin != origin)
    TRY_DONE(seal_key(model, key, origin, tools));
  TRY_DONE(check_access(model, patch));
  TRY_DONE(check_extras(model, patch));
  if (patch.has(&model_config::channels)) TRY_DONE(seal_channels(model, &present, tools));
  return model;
}

expected<void> check_name_is_free(const std::vector<model_config>& models,
                                  const model_config& named) {
  auto is_other = [&](const model_config& model) {
    return model.id != named.id && model.name == named.name;
  };
  if (std::none_of(models.begin(), models.end(), is_other)) return caf::unit;
  return make_error(errc::conflict, "name_taken", "There is a model of this name already.");
}

const model_config* find_model_in(const std::vector<model_config>& models, model_id id) {
  auto found = std::find_if(models.begin(), models.end(),
                            [&](const model_config& model) { return model.id == id; });
  return found == models.end() ? nullptr : &*found;
}

patch_of<model_config> wish_for_a_list(patch_of<model_config> wish) {
  if (!wish.has(&model_config::name)) wish.set(&model_config::name, std::string{"?"});
  if (!wish.has(&model_config::model)) wish.set(&model_config::model, std::string{"?"});
  return wish;
}

std::vector<model_config> in_order(std::vector<model_config> models) {
  std::stable_sort(models.begin(), models.end(),
                   [](const model_config& a, const model_config& b) { return a.place < b.place; });
  return models;
}

error model_gone() {
  return make_error(errc::not_found, "model_gone", "There is no such model.");
}

}  // namespace parley
