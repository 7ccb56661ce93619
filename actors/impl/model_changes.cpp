#include "actors/impl/model_changes.hpp"

#include <algorithm>

#include "base/money.hpp"
#include "base/record_json.hpp"

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

expected<void> check_prices(const model_config& model) {
  fault_list faults;
  auto check = [&](const char* path, const std::string& price) {
    if (!parse_money(price))
      faults.add(path, "decimal", "A price is a decimal number in a string, such as \"2.50\".");
  };
  if (!model.prices) return {};
  check("/prices/inputPerMTok", model.prices->input);
  check("/prices/outputPerMTok", model.prices->output);
  if (model.prices->cached) check("/prices/cachedPerMTok", *model.prices->cached);
  if (!faults.is_empty()) return std::move(faults).to_error();
  return {};
}

}  // namespace

expected<model_config> make_model(const patch_of<model_config>& wanted, const model_owner& owner,
                                  const model_tools& tools, instant now) {
  model_config model;
  wanted.apply_to(model);
  model.id = model_id::make();
  model.created_at = model.updated_at = now;
  model.owner_id = owner.id;
  model.owner_is_admin = owner.is_admin;
  TRY_DONE(check_prices(model));
  auto key = std::exchange(model.api_key, secret_text{});
  TRY(auto origin, tools.origin_of(model));
  TRY_DONE(seal_key(model, key, origin, tools));
  return model;
}

expected<model_config> change_model_config(const model_config& present,
                                           const patch_of<model_config>& patch,
                                           const model_tools& tools, instant now) {
  auto model = present;
  patch.apply_to(model);
  TRY_DONE(check_prices(model));
  ++model.version;
  model.updated_at = now;
  auto key = std::exchange(model.api_key, secret_text{});
  TRY(auto origin, tools.origin_of(model));
  auto has_new_key = patch.has(&model_config::api_key);
  // One that may no longer be called has no origin: its key is not carried over either.
  auto old_origin = tools.origin_of(present);
  if (has_new_key || !old_origin || *old_origin != origin)
    TRY_DONE(seal_key(model, key, origin, tools));
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

error model_gone() {
  return make_error(errc::not_found, "model_gone", "There is no such model.");
}

}  // namespace parley
