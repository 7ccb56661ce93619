// USER: personal models, and which model a turn uses.
#include <algorithm>

#include "actors/impl/user_state.hpp"
#include "chat/event_text.hpp"

namespace parley {

caf::result<model_list> user_state::on(const list_models& message) {
  TRY_DONE(check_caller(message.who));
  auto held = answers.hold<model_list>(self);
  self->request(parts_->system_models, caf::infinite, list_system_models{})
      .then(
          [this, key = held.first, by = spender_of(message.who)](const model_list& system) {
            model_list list{models_};
            for (const auto& model : system.items)
              if (is_admin() || is_usable_by(model, viewer())) list.items.push_back(model);
            std::erase_if(list.items,
                          [&](const model_config& model) { return !may_use(by.key, model.id); });
            list.items = in_order(std::move(list.items));
            answers.deliver<model_list>(key, std::move(list));
          },
          [this, key = held.first](error& cause) {
            answers.fail<model_list>(key, std::move(cause));
          });
  return held.second;
}

caf::result<model_config> user_state::on(const get_model& message) {
  TRY_DONE(check_caller(message.who));
  if (!may_use(message.who, message.id)) return model_gone();
  if (auto* model = find_model_in(models_, message.id)) return *model;
  if (message.id.is_none()) return model_gone();
  if (account_.role != role::admin)
    return hand_on(self, parts_->system_models,
                   find_system_model{message.id, model_purpose::turn, viewer()});
  // An ADMIN sees all, also those that are disabled or open to others alone.
  auto held = answers.hold<model_config>(self);
  self->request(parts_->system_models, caf::infinite, list_system_models{})
      .then(
          [this, key = held.first, wanted = message.id](const model_list& system) {
            if (auto* model = find_model_in(system.items, wanted))
              answers.deliver<model_config>(key, *model);
            else
              answers.fail<model_config>(key, model_gone());
          },
          [this, key = held.first](error& cause) {
            answers.fail<model_config>(key, std::move(cause));
          });
  return held.second;
}

caf::result<model_config> user_state::on(const add_model& message) {
  TRY_DONE(check_caller(message.who));
  auto held = answers.hold<model_config>(self);
  make_once<model_config>(
      *this, held.first, own(message.key),
      [this, key = held.first, message] { make_personal_model(key, message); },
      [this, key = held.first](const remember_key& made) {
        if (auto* model = find_model_in(models_, made.model))
          answers.deliver<model_config>(key, *model);
        else
          answers.fail<model_config>(key, model_gone());
      });
  return held.second;
}

caf::result<model_config> user_state::on(const draft_model& message) {
  TRY_DONE(check_caller(message.who));
  auto wish = message.needs_model ? message.patch : wish_for_a_list(message.patch);
  TRY(auto drafted, make_model(wish, {id_, is_admin()}, parts_->models, now()));
  return drafted;
}

// A model of the system is tried by who administers it.
caf::result<model_config> user_state::on(const get_tried_model& message) {
  TRY_DONE(check_caller(message.who));
  if (auto* model = find_model_in(models_, message.id)) return judged(*model);
  auto held = answers.hold<model_config>(self);
  get_model wanted{message.who, message.id};
  self->request(caf::actor_cast<user_actor>(self), caf::infinite, std::move(wanted))
      .then(
          [this, key = held.first](model_config& found) {
            if (is_admin()) return answers.deliver<model_config>(key, std::move(found));
            answers.fail<model_config>(
                key, make_error(errc::forbidden, "role_needed", "This is for administrators."));
          },
          [this, key = held.first](error& cause) {
            answers.fail<model_config>(key, std::move(cause));
          });
  return held.second;
}

// With `await`: of two requests with one Idempotency-Key the second finds what the first has made.
void user_state::need_model(const std::optional<model_id>& wanted,
                            const std::function<void(error)>& then) {
  if (!wanted) return then({});
  if (auto* model = find_model_in(models_, *wanted))
    return then(model->enabled ? error{} : model_gone());
  self->request(parts_->system_models, caf::infinite,
                find_system_model{*wanted, model_purpose::turn, viewer()})
      .await([then](const model_config&) { then({}); },
             [then](error& cause) { then(std::move(cause)); });
}

void user_state::make_personal_model(uint64_t key, const add_model& asked) {
  need_model(asked.patch.value.fallback_model_id, [this, key, asked](error fault) {
    if (fault) return answers.fail<model_config>(key, std::move(fault));
    store_model(key, asked);
  });
}

void user_state::store_model(uint64_t key, const add_model& asked) {
  auto fail = [&](error cause) { answers.fail<model_config>(key, std::move(cause)); };
  if (models_.size() >= models_max())
    return fail(
        make_error(errc::quota_exceeded, "models_max", "You have as many models as you may."));
  auto model = make_model(asked.patch, {id_, is_admin()}, parts_->models, now());
  if (!model) return fail(std::move(model.error()));
  if (auto free = check_name_is_free(models_, *model); !free) return fail(free.error());
  std::vector<change> changes;
  remember(changes, own(asked.key), now(), &remember_key::model, model->id);
  changes.emplace_back(create_model{*model});
  changes.emplace_back(
      audited(asked.who, now(), "model.created", target_of(*model), given_names(asked.patch)));
  store_then<model_config>(*this, key, std::move(changes), [this, model = *model] {
    models_.push_back(model);
    tell_event("model.updated", event_text_of_id(to_string(model.id)));
    return model;
  });
}

std::optional<owned_key> user_state::own(const std::optional<request_key>& key) const {
  return owned_by(id_, key);
}

caf::result<model_config> user_state::on(const change_model& message) {
  TRY_DONE(check_caller(message.who));
  auto* present = find_model_in(models_, message.id);
  if (present == nullptr) return model_gone();
  auto held = answers.hold<model_config>(self);
  auto fallback = message.patch.value.fallback_model_id;
  if (fallback == present->fallback_model_id) fallback.reset();
  need_model(fallback, [this, key = held.first, message](error fault) {
    if (fault) return answers.fail<model_config>(key, std::move(fault));
    change_personal_model(key, message);
  });
  return held.second;
}

void user_state::change_personal_model(uint64_t key, const change_model& asked) {
  auto fail = [&](error cause) { answers.fail<model_config>(key, std::move(cause)); };
  auto* present = find_model_in(models_, asked.id);
  if (present == nullptr) return fail(model_gone());
  if (auto same = check_version(asked.if_version, present->version); !same)
    return fail(same.error());
  auto made = change_model_config(judged(*present), asked.patch, parts_->models, now());
  if (!made) return fail(std::move(made.error()));
  if (auto free = check_name_is_free(models_, *made); !free) return fail(free.error());
  auto told =
      audited(asked.who, now(), "model.changed", target_of(*made), given_names(asked.patch));
  store_then<model_config>(*this, key, {update_model{*made}, told}, [this, changed = *made] {
    for (auto& model : models_)
      if (model.id == changed.id) model = changed;
    tell_event("model.updated", event_text_of_id(to_string(changed.id)));
    return changed;
  });
}

caf::result<done> user_state::on(const drop_model& message) {
  TRY_DONE(check_caller(message.who));
  auto* present = find_model_in(models_, message.id);
  if (present == nullptr) return model_gone();
  TRY_DONE(check_version(message.if_version, present->version));
  auto told = audited(message.who, now(), "model.deleted", target_of(*present));
  return store_then<done>(*this, {erase_model{message.id}, told}, [this, dropped = message.id] {
    auto is_it = [&](const model_config& model) { return model.id == dropped; };
    models_.erase(std::remove_if(models_.begin(), models_.end(), is_it), models_.end());
    tell_event("model.updated", event_text_of_id(to_string(dropped)));
    return done{};
  });
}

caf::result<model_config> user_state::on(const find_model& message) {
  TRY_DONE(check_present());
  if (message.purpose != model_purpose::turn) TRY_DONE(check_budget_left());
  if (message.purpose == model_purpose::summary) return find_summary_model(message.id);
  if (message.purpose == model_purpose::title)
    return hand_on(self, parts_->system_models, find_system_model{{}, model_purpose::title});
  if (message.id.is_none()) {
    auto held = answers.hold<model_config>(self);
    find_default_model(held.first);
    return held.second;
  }
  auto* model = find_model_in(models_, message.id);
  if (model == nullptr)
    return hand_on(self, parts_->system_models,
                   find_system_model{message.id, model_purpose::turn, viewer()});
  if (!model->enabled) return model_gone();
  return judged(*model);
}

// The system's summary model, else the session's own.
caf::result<model_config> user_state::find_summary_model(model_id otherwise) {
  auto held = answers.hold<model_config>(self);
  self->request(parts_->system_models, caf::infinite, find_system_model{{}, model_purpose::summary})
      .then([this, key = held.first](
                const model_config& found) { answers.deliver<model_config>(key, found); },
            [this, key = held.first, otherwise](const error&) {
              answers.hand_on<model_config>(key, caf::actor_cast<user_actor>(self),
                                            find_model{otherwise});
            });
  return held.second;
}

bool user_state::is_admin() const {
  return account_.role == role::admin;
}

// As its present role lets it be called.
model_config user_state::judged(model_config model) const {
  model.owner_is_admin = is_admin();
  return model;
}

// The user's default; if that is gone or none, the system's; if there is none, the only model.
void user_state::find_default_model(uint64_t key) {
  auto wanted = settings_.default_model_id.value_or(model_id{});
  auto* model = wanted.is_none() ? nullptr : find_model_in(models_, wanted);
  if (model != nullptr && model->enabled) return answers.deliver<model_config>(key, judged(*model));
  auto is_system_model = !wanted.is_none() && model == nullptr;
  self->request(
          parts_->system_models, caf::infinite,
          find_system_model{is_system_model ? wanted : model_id{}, model_purpose::turn, viewer()})
      .then([this, key](const model_config& found) { answers.deliver<model_config>(key, found); },
            [this, key, is_system_model](error& cause) {
              if (!is_system_model) return find_only_model(key, std::move(cause));
              self->request(parts_->system_models, caf::infinite,
                            find_system_model{{}, model_purpose::turn, viewer()})
                  .then(
                      [this, key](const model_config& found) {
                        answers.deliver<model_config>(key, found);
                      },
                      [this, key](error& again) { find_only_model(key, std::move(again)); });
            });
}

void user_state::find_only_model(uint64_t key, error otherwise) {
  auto is_enabled = [](const model_config& model) { return model.enabled; };
  if (code_of(otherwise) != errc::not_found ||
      std::count_if(models_.begin(), models_.end(), is_enabled) != 1)
    return answers.fail<model_config>(key, std::move(otherwise));
  answers.deliver<model_config>(key,
                                judged(*std::find_if(models_.begin(), models_.end(), is_enabled)));
}

}  // namespace parley
