// USER: calls of /v1, which have no chat session.
#include <algorithm>

#include "actors/impl/user_state.hpp"

namespace parley {

caf::result<model_config> user_state::on(const get_named_model& asked) {
  TRY_DONE(check_caller(asked.who));
  auto by = spender_of(asked.who);
  for (const auto& model : models_)
    if (model.enabled && model.name == asked.name && may_use(by.key, model.id))
      return judged(model);
  if (asked.name.empty()) return model_gone();
  find_system_model wanted{{}, model_purpose::turn, viewer(), asked.name};
  if (by.key.is_none()) return hand_on(self, parts_->system_models, std::move(wanted));
  auto held = answers.hold<model_config>(self);
  self->request(parts_->system_models, caf::infinite, std::move(wanted))
      .then(
          [this, key = held.first, by](const model_config& model) {
            if (!may_use(by.key, model.id)) return answers.fail<model_config>(key, model_gone());
            answers.deliver<model_config>(key, model);
          },
          [this, key = held.first](error& cause) {
            answers.fail<model_config>(key, std::move(cause));
          });
  return held.second;
}

caf::result<call_ticket> user_state::on(const open_call& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY_DONE(check_maintenance());
  auto held = answers.hold<call_ticket>(self);
  auto me = caf::actor_cast<user_actor>(self);
  self->request(me, caf::infinite, get_named_model{asked.who, asked.model})
      .then([this, key = held.first,
             asked](const model_config& model) { begin_call(key, asked, model); },
            [this, key = held.first](error& cause) {
              answers.fail<call_ticket>(key, std::move(cause));
            });
  return held.second;
}

void user_state::begin_call(uint64_t key, const open_call& asked, const model_config& model) {
  // A login that ended meanwhile calls nobody.
  auto admitted = check_caller(asked.who);
  if (admitted) admitted = check_streams();
  if (!admitted) return answers.fail<call_ticket>(key, admitted.error());
  call_place place{caf::actor_cast<call_parent_actor>(self),
                   id_,
                   asked.who.login,
                   model,
                   asked.reader,
                   asked.stream,
                   spender_of(asked.who)};
  auto holder = parts_->start_call(std::move(place));
  self->monitor(holder);
  ++running_;
  calls_.push_back(holder);
  answers.deliver<call_ticket>(key, call_ticket{holder});
}

/// The one place where a user's use of /v1 is known.
void user_state::on(const call_ended& ended) {
  auto sender = self->current_sender();
  if (!sender || !forget_call(sender->address())) return;
  self->demonitor(sender->address());
  settle_call(ended);
}

// Nothing else of a call is stored; whoever asks what was used meanwhile waits for it.
void user_state::settle_call(const call_ended& ended) {
  auto spend = spends_.find(ended.reply);
  if (spend == spends_.end()) return;
  spend_settled over{ended.reply, ended.spent};
  if (over.used) {
    over.used->owner_id = id_;
    over.used->slot = usage_slot_of(now());
    over.used->key_id = spend->second.by.key;
    over.used->label = spend->second.by.label;
    store_usage(*over.used);
  }
  on(over);
}

bool user_state::forget_call(const caf::actor_addr& over) {
  auto found = std::find_if(calls_.begin(), calls_.end(),
                            [&](const call_actor& call) { return call.address() == over; });
  if (found == calls_.end()) return false;
  calls_.erase(found);
  --running_;
  return true;
}

}  // namespace parley
