// ADMIN: settings and models of the whole system.
#include <algorithm>

#include "actors/impl/account_rules.hpp"
#include "actors/impl/admin_state.hpp"
#include "base/money.hpp"
#include "base/record_json.hpp"
#include "base/time_zone.hpp"

namespace parley {

caf::result<system_settings> admin_state::on(const get_system&) {
  return settings_;
}

caf::result<system_settings> admin_state::on(const change_system& message) {
  TRY_DONE(check_version(message.if_version, settings_.version));
  auto changed = settings_;
  message.patch.apply_to(changed);
  fault_list faults;
  auto check = [&](const char* path, const std::optional<model_id>& next,
                   const std::optional<model_id>& present) {
    if (next && next != present && find_model_in(models_, *next) == nullptr)
      faults.add(path, "exists", "There is no such system model.");
  };
  check("/defaultModelId", changed.default_model_id, settings_.default_model_id);
  check("/summaryModelId", changed.summary_model_id, settings_.summary_model_id);
  check("/titleModelId", changed.title_model_id, settings_.title_model_id);
  if (changed.time_zone != settings_.time_zone && !time_zone::find(changed.time_zone))
    faults.add("/timeZone", "time_zone", "There is no such time zone.");
  if (!is_currency(changed.currency))
    faults.add("/currency", "currency", "Must be a currency's code like \"USD\".");
  if (!faults.is_empty()) return std::move(faults).to_error();
  ++changed.version;
  auto told = audited(message.by, now(), "settings.changed", {}, given_values(message.patch));
  return store_then<system_settings>(*this, {put_system_settings{changed}, told}, [this, changed] {
    settings_ = changed;
    publish_quotas();
    parts_.live->set(settings_);
    return settings_;
  });
}

// The one asked for; without an id the default, or the only one there is.
caf::result<model_config> admin_state::on(const find_system_model& message) {
  if (message.purpose != model_purpose::turn) {
    auto is_title = message.purpose == model_purpose::title;
    const auto& chosen = is_title ? settings_.title_model_id : settings_.summary_model_id;
    auto* writer = find_model_in(models_, chosen.value_or(model_id{}));
    if (writer == nullptr || !writer->enabled) return model_gone();
    return *writer;
  }
  auto is_usable = [&](const model_config& model) {
    return message.viewer ? is_usable_by(model, *message.viewer) : model.enabled;
  };
  if (!message.name.empty()) {
    for (const auto& model : models_)
      if (is_usable(model) && model.name == message.name) return model;
    return model_gone();
  }
  auto wanted = message.id.is_none() ? settings_.default_model_id.value_or(model_id{}) : message.id;
  if (auto* model = find_model_in(models_, wanted); model != nullptr && is_usable(*model))
    return *model;
  if (!message.id.is_none()) return model_gone();
  if (std::count_if(models_.begin(), models_.end(), is_usable) != 1) return model_gone();
  return *std::find_if(models_.begin(), models_.end(), is_usable);
}

caf::result<model_list> admin_state::on(const list_system_models&) {
  return model_list{models_};
}

caf::result<model_config> admin_state::on(const draft_system_model& message) const {
  TRY(auto drafted, make_model(message.patch, {}, parts_.models, now()));
  return drafted;
}

caf::result<page_of<audit_entry>> admin_state::on(const list_audit& message) const {
  return hand_on(self, parts_.reader, page_audit{message.page, message.filter});
}

caf::result<model_config> admin_state::on(const add_system_model& message) {
  auto held = answers.hold<model_config>(self);
  make_once<model_config>(
      *this, held.first, message.key,
      [this, key = held.first, message] { make_system_model(key, message); },
      [this, key = held.first](const remember_key& made) {
        if (auto* model = find_model_in(models_, made.model))
          answers.deliver<model_config>(key, *model);
        else
          answers.fail<model_config>(key, model_gone());
      });
  return held.second;
}

void admin_state::make_system_model(uint64_t key, const add_system_model& asked) {
  auto fail = [&](error cause) { answers.fail<model_config>(key, std::move(cause)); };
  if (models_.size() >= parts_.system_models_max)
    return fail(
        make_error(errc::quota_exceeded, "models_max", "There are as many models as may be."));
  auto model = make_model(asked.patch, {}, parts_.models, now());
  if (!model) return fail(std::move(model.error()));
  if (auto free = check_name_is_free(models_, *model); !free) return fail(free.error());
  std::vector<change> changes;
  remember(changes, asked.key, now(), &remember_key::model, model->id);
  changes.emplace_back(create_model{*model});
  changes.emplace_back(
      audited(asked.by, now(), "model.created", target_of(*model), given_values(asked.patch)));
  store_then<model_config>(*this, key, std::move(changes), [this, model = *model] {
    models_.push_back(model);
    return model;
  });
}

caf::result<model_config> admin_state::on(const change_system_model& message) {
  auto* present = find_model_in(models_, message.id);
  if (present == nullptr) return model_gone();
  TRY_DONE(check_version(message.if_version, present->version));
  TRY(auto changed, change_model_config(*present, message.patch, parts_.models, now()));
  TRY_DONE(check_name_is_free(models_, changed));
  auto told =
      audited(message.by, now(), "model.changed", target_of(changed), given_values(message.patch));
  return store_then<model_config>(*this, {update_model{changed}, told}, [this, changed] {
    for (auto& model : models_)
      if (model.id == changed.id) model = changed;
    return changed;
  });
}

caf::result<done> admin_state::on(const drop_system_model& message) {
  auto* present = find_model_in(models_, message.id);
  if (present == nullptr) return model_gone();
  TRY_DONE(check_version(message.if_version, present->version));
  auto told = audited(message.by, now(), "model.deleted", target_of(*present));
  return store_then<done>(*this, {erase_model{message.id}, told}, [this, dropped = message.id] {
    auto is_it = [&](const model_config& model) { return model.id == dropped; };
    models_.erase(std::remove_if(models_.begin(), models_.end(), is_it), models_.end());
    if (settings_.default_model_id == dropped) settings_.default_model_id.reset();
    if (settings_.summary_model_id == dropped) settings_.summary_model_id.reset();
    if (settings_.title_model_id == dropped) settings_.title_model_id.reset();
    return done{};
  });
}

}  // namespace parley
