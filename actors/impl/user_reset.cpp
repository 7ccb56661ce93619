// USER: one-time codes for a new password.
#include "actors/impl/user_state.hpp"
#include "base/text.hpp"

namespace parley {

// Whoever has lost the password, or had it stolen: it is void at once, and all logins end.
caf::result<reset_ticket> user_state::on(const make_reset_code& message) {
  TRY_DONE(check_present());
  auto code = make_one_time_code();
  auto changed = account_;
  changed.password_hash.clear();
  changed.must_change_password = true;
  changed.reset_hash = code.stored;
  changed.reset_expires_at = now() + reset_code_life;
  ++changed.token_version;
  ++changed.version;
  changed.updated_at = now();
  auto told = audited(message.by, now(), "user.reset_code_made", target_of(account_));
  return store_then<reset_ticket>(
      *this, {update_user{changed}, erase_logins{id_, {}, {}}, told},
      [this, changed, text = code.text] {
        account_ = changed;
        forget_logins([](const login&) { return true; });
        return reset_ticket{shown(account_), text, *account_.reset_expires_at};
      });
}

caf::result<login_ticket> user_state::on(const redeem_code& message) {
  if (fault_ && code_of(fault_) != errc::not_found) return fault_;
  touch();
  auto stored = stored_form_of(message.code);
  auto is_good = [this, stored] {
    return !fault_ && !account_.reset_hash.empty() && account_.reset_expires_at > now() &&
           is_equal_in_constant_time(account_.reset_hash, stored);
  };
  if (!is_good()) return wrong_code();
  if (account_.status == user_status::disabled)
    return make_error(errc::forbidden, "account_disabled", "This account is disabled.");
  TRY_DONE(check_new_password(message.next, account_.username, "/newPassword"));
  auto held = answers.hold<login_ticket>(self);
  self->request(parts_->hasher, caf::infinite, hash_password{message.next})
      .then(
          [this, key = held.first, from = message.from, is_good](hashed_password& hashed) {
            // Another request may have used the code while this one was hashed.
            if (!is_good()) return answers.fail<login_ticket>(key, wrong_code());
            auto changed = account_;
            changed.password_hash = std::move(hashed.hash);
            changed.must_change_password = false;
            void_reset_code(changed);
            ++changed.token_version;
            ++changed.version;
            changed.updated_at = now();
            open(key, std::move(changed), {from, "user.password_reset", true});
          },
          [this, key = held.first](error& cause) {
            answers.fail<login_ticket>(key, std::move(cause));
          });
  return held.second;
}

}  // namespace parley
