#include "actors/impl/admin_actor.hpp"

#include "actors/floating.hpp"
#include "actors/impl/account_rules.hpp"
#include "actors/impl/admin_state.hpp"
#include "base/log.hpp"

namespace parley {

void admin_state::begin(admin_parts given) {
  parts_ = std::move(given);
  load();
}

void admin_state::load() {
  self->request(parts_.reader, caf::infinite, load_system{})
      .await(
          [this](system_loaded& loaded) {
            settings_ = std::move(loaded.settings);
            parts_.live->set(settings_);
            models_ = std::move(loaded.models);
            quotas_ = std::move(loaded.quotas);
            publish_quotas();
            has_users_ = loaded.user_count > 0;
            if (!has_users_ && parts_.is_single) make_owner();
          },
          [this](error& cause) {
            log_error("admin.not_loaded", {{"cause", cause}});
            self->quit(make_error(errc::unavailable));
          });
}

// Without a password: the edge lets only this machine in until there is one.
void admin_state::make_owner() {
  user owner;
  owner.id = user_id::make();
  owner.username = single_username;
  owner.role = role::admin;
  owner.created_at = owner.updated_at = now();
  self->request(parts_.storage, caf::infinite, commit{{create_user{std::move(owner), true}}})
      .await([this](const done&) { has_users_ = true; },
             [this](error& cause) {
               log_error("admin.no_owner", {{"cause", cause}});
               self->quit(make_error(errc::unavailable));
             });
}

void admin_state::on(const meet_directory& message) {
  directory_ = message.directory;
}

// -- Accounts -----------------------------------------------------------------------------------

caf::result<login_methods> admin_state::on(const get_methods&) {
  if (!parts_.is_single)
    return login_methods{registration_now(), !has_users_, true, settings_.banner,
                         settings_.maintenance};
  auto held = answers.hold<login_methods>(self);
  tell_whether_owner_has_password(held.first);
  return held.second;
}

void admin_state::tell_whether_owner_has_password(uint64_t key) {
  auto fail = [this, key](error& cause) { answers.fail<login_methods>(key, std::move(cause)); };
  auto tell = [this, key](bool needs_password) {
    answers.deliver<login_methods>(key, {registration::closed, false, needs_password,
                                         settings_.banner, settings_.maintenance});
  };
  self->request(parts_.reader, caf::infinite, find_username{std::string{single_username}})
      .then(
          [this, tell, fail](const found_user& found) {
            if (!found.id) return tell(true);
            self->request(parts_.reader, caf::infinite, load_user{*found.id})
                .then(
                    [tell](const user_state_loaded& owner) {
                      tell(!owner.account.password_hash.empty());
                    },
                    fail);
          },
          fail);
}

caf::result<user> admin_state::on(const make_user& message) {
  auto held = answers.hold<user>(self);
  make_account_once(held.first, std::make_shared<const make_user>(message));
  return held.second;
}

void admin_state::make_account_once(uint64_t key, const std::shared_ptr<const make_user>& asked) {
  auto make = [this, key, asked] {
    auto account = make_account(asked->account, asked->password, now());
    if (!account) return answers.fail<user>(key, std::move(account.error()));
    account->role = asked->role;
    account->must_change_password = asked->must_change_password;
    hash<user>(key, asked->password,
               [this, key, asked, made = *account](std::string hashed) mutable {
                 made.password_hash = std::move(hashed);
                 store_account(key, asked, made);
               });
  };
  make_once<user>(*this, key, asked->key, make,
                  [this, key](const remember_key& known) { show_account(key, known.account); });
}

// Between the look at the key and this commit the password was hashed: another request may have
// used the key meanwhile, and its account is then the answer.
void admin_state::store_account(uint64_t key, const std::shared_ptr<const make_user>& asked,
                                const user& made) {
  std::vector<change> changes;
  remember(changes, asked->key, now(), &remember_key::account, made.id);
  changes.emplace_back(create_user{made, false});
  changes.emplace_back(audited(asked->by, now(), "user.created", target_of(made),
                               "{\"role\":\"" + to_string(made.role) + "\"}"));
  self->request(parts_.storage, caf::infinite, commit{std::move(changes)})
      .await(
          [this, key, made = shown(made)](const done&) {
            has_users_ = true;
            answers.deliver<user>(key, made);
          },
          [this, key, asked](error& cause) {
            if (is_key_known(cause)) return make_account_once(key, asked);
            answers.fail<user>(key, std::move(cause));
          });
}

void admin_state::show_account(uint64_t key, user_id id) {
  self->request(parts_.reader, caf::infinite, load_user{id})
      .then(
          [this, key](const user_state_loaded& loaded) {
            answers.deliver<user>(key, shown(loaded.account));
          },
          [this, key](error& cause) { answers.fail<user>(key, std::move(cause)); });
}

caf::result<page_of<user>> admin_state::on(const list_users& message) const {
  return hand_on(
      self, parts_.reader,
      list_accounts{message.page, message.search, message.role, message.status, message.order});
}

caf::result<user> admin_state::on(const get_user& message) {
  auto held = answers.hold<user>(self);
  show_account(held.first, message.id);
  return held.second;
}

template <class R, class M>
caf::result<R> admin_state::ask_user(user_id id, M message) {
  if (!directory_) return make_error(errc::unavailable);
  auto held = answers.hold<R>(self);
  self->request(directory_, caf::infinite, locate{id})
      .then([this, key = held.first, message = std::move(message)](
                const located& found) { answers.hand_on<R>(key, found.holder, message); },
            [this, key = held.first](error& cause) { answers.fail<R>(key, std::move(cause)); });
  return held.second;
}

caf::result<user> admin_state::on(const change_user& message) {
  return ask_user<user>(message.id, message.change);
}

caf::result<user> admin_state::on(const reset_password& message) {
  return ask_user<user>(message.id, message.wanted);
}

// Of the one account of mode `single` a void password would let everybody on this machine in.
caf::result<reset_ticket> admin_state::on(const issue_reset_code& message) {
  if (parts_.is_single)
    return make_error(errc::conflict, "mode_single",
                      "In mode single the password is set by `parley user passwd`.");
  return ask_user<reset_ticket>(message.id, make_reset_code{message.by});
}

caf::result<done> admin_state::on(const drop_user& message) {
  return ask_user<done>(message.id, remove_account{message.by});
}

namespace {

admin_actor::behavior_type run_admin(admin_actor::stateful_pointer<admin_state> self,
                                     const std::shared_ptr<admin_parts>& parts) {
  harden(self);
  self->state.begin(*parts);
  return handle_table<admin_actor>(self);
}

}  // namespace

admin_actor spawn_admin(caf::actor_system& system, admin_parts parts) {
  // Shared because CAF copies what it hands to an actor's function.
  return spawn_floating(system, run_admin, std::make_shared<admin_parts>(std::move(parts)));
}

}  // namespace parley
