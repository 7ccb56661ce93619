// ADMIN: how somebody gets an account: by registering, by an invitation, by an ADMIN.
#include "actors/impl/account_rules.hpp"
#include "actors/impl/admin_state.hpp"

namespace parley {

namespace {

// One text for a code that is wrong, used up or expired.
error spent_invitation() {
  return make_error(errc::forbidden, "invitation_spent", "This invitation is no longer valid.");
}

}  // namespace

// -- Registering --------------------------------------------------------------------------------

registration admin_state::registration_now() const {
  if (parts_.is_single) return registration::closed;
  switch (parts_.registration) {
    case registration_rule::open:
      return registration::open;
    case registration_rule::closed:
      return registration::closed;
    case registration_rule::invite:
      return registration::invite;
    case registration_rule::automatic:
      break;
  }
  return settings_.registration;
}

expected<void> admin_state::check_registration(const secret_text& code) const {
  auto rule = registration_now();
  if (rule == registration::closed)
    return make_error(errc::forbidden, "registration_closed", "Registration is closed.");
  if (rule == registration::invite && code.empty())
    return make_error(errc::forbidden, "invitation_needed", "Registration needs an invitation.");
  return caf::unit;
}

expected<void> admin_state::check_setup_code(const secret_text& code) const {
  if (parts_.setup_code.empty() || code == parts_.setup_code) return caf::unit;
  return make_error(errc::forbidden, "setup_code_needed",
                    "The first account needs the setup code that the server printed at start.");
}

caf::result<login_ticket> admin_state::on(const register_user& message) {
  TRY_DONE(has_users_ ? check_registration(message.invite_code)
                      : check_setup_code(message.setup_code));
  if (!directory_) return make_error(errc::unavailable);
  TRY(auto account, make_account(message.account, message.password, now()));
  auto held = answers.hold<login_ticket>(self);
  auto who = std::make_shared<entrant>();
  who->key = held.first;
  who->asked = message;
  who->account = std::move(account);
  find_invited(who);
  return held.second;
}

void admin_state::find_invited(const std::shared_ptr<entrant>& who) {
  auto go_on = [this, who] {
    hash<login_ticket>(who->key, who->asked.password, [this, who](std::string hashed) {
      who->account.password_hash = std::move(hashed);
      admit_entrant(who);
    });
  };
  if (!has_users_ || who->asked.invite_code.empty()) return go_on();
  auto stored = stored_form_of(who->asked.invite_code);
  self->request(parts_.reader, caf::infinite, find_invitation{stored})
      .then(
          [this, who, go_on](const found_invitation& found) {
            who->invited = found.known;
            auto is_good = who->invited && who->invited->uses < who->invited->uses_max &&
                           who->invited->expires_at > now();
            if (!is_good) return answers.fail<login_ticket>(who->key, spent_invitation());
            go_on();
          },
          [this, who](error& cause) { answers.fail<login_ticket>(who->key, std::move(cause)); });
}

/// Stores the account and opens its first login. Of two who would both be the first, or take the
/// last use of an invitation, STORAGE lets one pass.
void admin_state::admit_entrant(const std::shared_ptr<entrant>& who) {
  auto is_first = !has_users_;
  if (!is_first) {
    if (auto open = check_registration(who->asked.invite_code); !open)
      return answers.fail<login_ticket>(who->key, open.error());
  }
  auto& made = who->account;
  made.role = is_first ? role::admin : who->invited ? who->invited->role : role::user;
  auto told = audited(who->asked.from, made.id, now(), "user.registered", target_of(made));
  std::vector<change> changes;
  if (who->invited && !is_first) {
    changes.emplace_back(change_invitation{invitation_step::use, *who->invited, now()});
    told.entry.detail.text = "{\"invitation\":\"" + to_string(who->invited->id) + "\"}";
  }
  changes.emplace_back(create_user{made, is_first});
  changes.emplace_back(std::move(told));
  self->request(parts_.storage, caf::infinite, commit{std::move(changes)})
      .await(
          [this, who](const done&) {
            has_users_ = true;
            open_first_login(who->key, who->account.id, who->asked.from);
          },
          [this, who](error& cause) {
            if (detail_of(cause).reason == "not_first") has_users_ = true;
            answers.fail<login_ticket>(who->key, std::move(cause));
          });
}

void admin_state::open_first_login(uint64_t key, user_id id, const client& from) {
  self->request(directory_, caf::infinite, locate{id})
      .then(
          [this, key, from](const located& found) {
            answers.hand_on<login_ticket>(key, found.holder, open_login{from});
          },
          [this, key](error& cause) { answers.fail<login_ticket>(key, std::move(cause)); });
}

// -- Accounts made with a code ------------------------------------------------------------------

caf::result<reset_ticket> admin_state::on(const enrol_user& message) {
  auto held = answers.hold<reset_ticket>(self);
  enrol_once(held.first, std::make_shared<const enrol_user>(message));
  return held.second;
}

void admin_state::enrol_once(uint64_t key, const std::shared_ptr<const enrol_user>& asked) {
  auto make = [this, key, asked] {
    auto account = make_account(asked->account, now());
    if (!account) return answers.fail<reset_ticket>(key, std::move(account.error()));
    auto code = make_one_time_code();
    account->role = asked->role;
    account->status = user_status::invited;
    account->must_change_password = true;
    account->reset_hash = code.stored;
    account->reset_expires_at = now() + reset_code_life;
    std::vector<change> changes;
    remember(changes, asked->key, now(), &remember_key::account, account->id);
    changes.emplace_back(create_user{*account, false});
    changes.emplace_back(audited(asked->by, now(), "user.created", target_of(*account),
                                 "{\"role\":\"" + to_string(account->role) + "\"}"));
    store_then<reset_ticket>(*this, key, std::move(changes),
                             [this, made = *account, text = code.text] {
                               has_users_ = true;
                               return reset_ticket{shown(made), text, *made.reset_expires_at};
                             });
  };
  // The code was told once, and is not known here: another one can be made.
  auto repeat = [this, key](const remember_key& known) {
    self->request(parts_.reader, caf::infinite, load_user{known.account})
        .then(
            [this, key](const user_state_loaded& loaded) {
              answers.deliver<reset_ticket>(key, reset_ticket{shown(loaded.account), {}, {}});
            },
            [this, key](error& cause) { answers.fail<reset_ticket>(key, std::move(cause)); });
  };
  make_once<reset_ticket>(*this, key, asked->key, make, repeat);
}

// -- Invitations --------------------------------------------------------------------------------

caf::result<page_of<invitation>> admin_state::on(const list_invitations& message) const {
  return hand_on(self, parts_.reader, page_invitations{message.page});
}

caf::result<invitation> admin_state::on(const get_invitation& message) {
  auto held = answers.hold<invitation>(self);
  find_made<invitation>(held.first, message.id, [](invitation known) { return known; });
  return held.second;
}

/// Answers with what `show` makes of the invitation, or that there is none.
template <class R, class Show>
void admin_state::find_made(uint64_t key, invitation_id id, Show show) {
  self->request(parts_.reader, caf::infinite, find_invitation{{}, id})
      .then(
          [this, key, show](const found_invitation& found) {
            if (!found.known)
              return answers.fail<R>(key,
                                     make_error(errc::not_found, "There is no such invitation."));
            auto known = *found.known;
            known.code_hash.clear();
            answers.deliver<R>(key, show(std::move(known)));
          },
          [this, key](error& cause) { answers.fail<R>(key, std::move(cause)); });
}

caf::result<made_invitation> admin_state::on(const add_invitation& message) {
  auto held = answers.hold<made_invitation>(self);
  auto key = held.first;
  make_once<made_invitation>(
      *this, key, message.key, [this, key, message] { make_invitation(key, message); },
      [this, key](const remember_key& known) {
        find_made<made_invitation>(key, known.invitation, [](invitation made) {
          return made_invitation{std::move(made), {}};
        });
      });
  return held.second;
}

void admin_state::make_invitation(uint64_t key, const add_invitation& message) {
  auto code = make_one_time_code();
  invitation made;
  made.id = invitation_id::make();
  made.created_at = made.updated_at = now();
  made.created_by = message.by.user;
  made.note = message.wanted.note;
  made.role = message.wanted.role;
  made.uses_max = message.wanted.uses_max;
  made.expires_at = now() + std::chrono::hours{message.wanted.expires_in_hours};
  made.code_hash = code.stored;
  auto told =
      audited(message.by, now(), "invitation.created", {to_string(made.id), made.note.value_or("")},
              "{\"role\":\"" + to_string(made.role) +
                  "\",\"usesMax\":" + std::to_string(made.uses_max) + "}");
  std::vector<change> changes;
  remember(changes, message.key, now(), &remember_key::invitation, made.id);
  changes.emplace_back(change_invitation{invitation_step::make, made, now()});
  changes.emplace_back(std::move(told));
  made.code_hash.clear();
  store_then<made_invitation>(*this, key, std::move(changes), [made, code = code.text] {
    return made_invitation{made, code};
  });
}

caf::result<done> admin_state::on(const drop_invitation& message) {
  invitation gone;
  gone.id = message.id;
  auto told = audited(message.by, now(), "invitation.deleted", {to_string(message.id), {}});
  return store_then<done>(*this, {change_invitation{invitation_step::erase, gone, now()}, told},
                          [] { return done{}; });
}

}  // namespace parley
