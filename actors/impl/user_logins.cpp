// USER: logging in and out, refresh tokens, the password.
#include <algorithm>

#include "actors/impl/user_state.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace parley {

namespace {

constexpr size_t address_bytes_max = 64;
constexpr size_t user_agent_bytes_max = 300;

void note_client(login& entry, const client& from) {
  entry.address = cut_utf8(repair_utf8(from.address), address_bytes_max);
  entry.user_agent = cut_utf8(repair_utf8(from.user_agent), user_agent_bytes_max);
}

int64_t whole_seconds(std::chrono::milliseconds span) {
  return std::chrono::duration_cast<std::chrono::seconds>(span).count();
}

/// The disk takes nothing; who is who is known all the same.
bool is_disk_trouble(const error& cause) {
  return code_of(cause) == errc::storage_full || code_of(cause) == errc::storage_failed;
}

error disabled() {
  return make_error(errc::forbidden, "account_disabled", "This account is disabled.");
}

}  // namespace

caf::result<login_ticket> user_state::on(const log_in& message) {
  // An account that has just gone takes as long as one whose password is wrong.
  if (fault_ && code_of(fault_) != errc::not_found) return fault_;
  touch();
  auto verified = fault_ ? std::string{} : account_.password_hash;
  auto held = answers.hold<login_ticket>(self);
  self->request(parts_->hasher, caf::infinite, verify_password{message.password, verified})
      .then([this, key = held.first, from = message.from,
             proven = proven_password{verified, account_.token_version}](
                const password_verdict& verdict) { finish_log_in(key, from, proven, verdict); },
            [this, key = held.first](error& cause) {
              answers.fail<login_ticket>(key, std::move(cause));
            });
  return held.second;
}

void user_state::finish_log_in(uint64_t key, const client& from, const proven_password& proven,
                               const password_verdict& verdict) {
  auto fail = [&](error cause) { answers.fail<login_ticket>(key, std::move(cause)); };
  if (fault_ || !verdict.is_right) return fail(wrong_credentials());
  // The password or the account's rights changed while this one was hashed.
  if (account_.token_version != proven.token_version) return fail(make_error(errc::unavailable));
  if (account_.status != user_status::active) return fail(disabled());
  auto changed = account_;
  if (!verdict.rehashed.empty() && account_.password_hash == proven.hash)
    changed.password_hash = verdict.rehashed;
  open(key, std::move(changed), {from});
}

caf::result<login_ticket> user_state::on(const open_login& message) {
  TRY_DONE(check_present());
  if (account_.status != user_status::active) return disabled();
  if (message.only_without_password && !account_.password_hash.empty())
    return make_error(errc::unauthenticated, "password_needed",
                      "Please log in with name and password.");
  touch();
  auto held = answers.hold<login_ticket>(self);
  open(held.first, account_, {message.from});
  return held.second;
}

void user_state::open(uint64_t key, user changed, const wanted_login& wanted) {
  auto token = refresh_token::make(id_);
  login entry;
  entry.id = login_id::make();
  entry.owner_id = id_;
  entry.created_at = entry.last_used_at = now();
  entry.expires_at = now() + parts_->limits.refresh_token_life;
  entry.refresh_hash = token.stored_form();
  note_client(entry, wanted.from);
  changed.last_login_at = now();

  // Expired ones go, and of the others those unused for longest, until there is room.
  auto by_use = wanted.ends_others ? std::vector<login>{} : logins_;
  std::sort(by_use.begin(), by_use.end(), [](const login& a, const login& b) {
    return std::tie(a.last_used_at, a.id) > std::tie(b.last_used_at, b.id);
  });
  auto is_over = [&](const login& old) { return old.expires_at <= now(); };
  by_use.erase(std::remove_if(by_use.begin(), by_use.end(), is_over), by_use.end());
  if (by_use.size() >= parts_->limits.logins_max) by_use.resize(parts_->limits.logins_max - 1);
  std::vector<change> changes{update_user{changed}};
  for (const auto& old : logins_) {
    auto is_it = [&](const login& other) { return other.id == old.id; };
    if (std::none_of(by_use.begin(), by_use.end(), is_it))
      changes.push_back(erase_logins{id_, old.id, {}});
  }
  changes.push_back(create_login{entry});
  changes.push_back(audited(wanted.from, id_, now(), wanted.action, target_of(account_)));
  auto take_up = [this, key, entry, by_use, token] {
    forget_logins([&](const login& old) {
      return std::none_of(by_use.begin(), by_use.end(),
                          [&](const login& kept) { return kept.id == old.id; });
    });
    logins_.push_back(entry);
    answers.deliver<login_ticket>(key, ticket_of(entry, token));
  };
  self->request(parts_->storage, caf::infinite, commit{std::move(changes)})
      .await(
          [this, changed, take_up](const done&) {
            account_ = changed;
            take_up();
          },
          // A full disk keeps nobody out: such a login lasts as long as this actor, or is stored
          // when it is refreshed.
          [this, key, take_up, has_more = wanted.ends_others](error& cause) {
            if (has_more || !is_disk_trouble(cause))
              return answers.fail<login_ticket>(key, std::move(cause));
            log_warning("login.not_stored", {{"user", id_}, {"cause", cause}});
            take_up();
          });
}

login_ticket user_state::ticket_of(const login& entry, refresh_token token) const {
  access_claims claims;
  claims.user = id_;
  claims.login = entry.id;
  claims.version = account_.token_version;
  claims.role = name_of(account_.role);
  claims.issued_s = now().ms / 1000;
  claims.expires_s = claims.issued_s + parts_->limits.access_token_life.count();
  login_ticket ticket;
  ticket.account = shown(account_);
  ticket.access_token = secret_text{parts_->signer->sign(std::move(claims))};
  ticket.expires_in_s = parts_->limits.access_token_life.count();
  ticket.refresh_token = std::move(token.text);
  ticket.refresh_expires_in_s = whole_seconds(parts_->limits.refresh_token_life);
  return ticket;
}

caf::result<login_ticket> user_state::on(const refresh_login& message) {
  if (fault_) {
    if (code_of(fault_) == errc::not_found) return refused_token("token_invalid");
    return fault_;
  }
  touch();
  auto held_by = [&](const login& entry) { return entry.refresh_hash == message.token_hash; };
  auto found = std::find_if(logins_.begin(), logins_.end(), held_by);
  if (found == logins_.end()) {
    auto held = answers.hold<login_ticket>(self);
    self->request(parts_->reader, caf::infinite, find_spent_token{id_, message.token_hash})
        .then([this, key = held.first](const spent_token& spent) { judge_spent_token(key, spent); },
              [this, key = held.first](error& cause) {
                answers.fail<login_ticket>(key, std::move(cause));
              });
    return held.second;
  }
  if (found->expires_at <= now()) return refused_token("token_expired");
  if (account_.status != user_status::active) return refused_token("account_disabled");
  auto token = refresh_token::make(id_);
  auto entry = *found;
  entry.refresh_hash = token.stored_form();
  entry.last_used_at = now();
  entry.expires_at = now() + parts_->limits.refresh_token_life;
  note_client(entry, message.from);
  auto held = answers.hold<login_ticket>(self);
  auto take_up = [this, key = held.first, entry, token](const done&) {
    for (auto& known : logins_)
      if (known.id == entry.id) known = entry;
    answers.deliver<login_ticket>(key, ticket_of(entry, token));
  };
  auto go_on = [this, key = held.first, take_up](error& cause) {
    if (is_disk_trouble(cause)) return take_up({});
    answers.fail<login_ticket>(key, std::move(cause));
  };
  self->request(parts_->storage, caf::infinite, commit{{rotate_login{entry, message.token_hash}}})
      .await(take_up, [this, entry, take_up, go_on](error& cause) {
        if (code_of(cause) != errc::not_found) return go_on(cause);
        // Opened while the disk was full.
        self->request(parts_->storage, caf::infinite, commit{{create_login{entry}}})
            .await(take_up, go_on);
      });
  return held.second;
}

// A token that comes again soon was sent twice by a client whose first answer got lost. One that
// comes later is in two hands: the login ends for both.
void user_state::judge_spent_token(uint64_t key, const spent_token& found) {
  auto fail = [&](std::string_view reason) {
    answers.fail<login_ticket>(key, refused_token(reason));
  };
  if (!found.login) return fail("token_invalid");
  if (find_login(*found.login) == nullptr) return fail("token_revoked");
  if (now() - found.spent_at <= parts_->limits.spent_token_grace) return fail("token_spent");
  log_warning("login.token_reused", {{"user", id_}, {"login", *found.login}});
  auto ended = *found.login;
  auto told = audited(client{}, id_, now(), "login.token_reused", target_of(account_));
  self->request(parts_->storage, caf::infinite, commit{{erase_logins{id_, ended, {}}, told}})
      .await(
          [this, key, ended](const done&) {
            forget_logins([&](const login& entry) { return entry.id == ended; });
            answers.fail<login_ticket>(key, refused_token("token_reused"));
          },
          [this, key](error& cause) { answers.fail<login_ticket>(key, std::move(cause)); });
}

const login* user_state::find_login(login_id wanted) const {
  auto found = std::find_if(logins_.begin(), logins_.end(),
                            [&](const login& entry) { return entry.id == wanted; });
  return found == logins_.end() ? nullptr : &*found;
}

void user_state::forget_logins(const std::function<bool(const login&)>& is_ended) {
  for (const auto& entry : logins_)
    if (is_ended(entry)) tell_sessions(end_streams{entry.id});
  logins_.erase(std::remove_if(logins_.begin(), logins_.end(), is_ended), logins_.end());
}

caf::result<done> user_state::erase_login(login_id ended) {
  return store_then<done>(*this, {erase_logins{id_, ended, {}}}, [this, ended] {
    forget_logins([&](const login& entry) { return entry.id == ended; });
    return done{};
  });
}

caf::result<done> user_state::on(const log_out& message) {
  TRY_DONE(check_caller(message.who, while_password_must_change::allowed));
  return erase_login(message.who.login);
}

caf::result<login_list> user_state::on(const list_logins& message) {
  TRY_DONE(check_caller(message.who, while_password_must_change::allowed));
  login_list list;
  for (const auto& entry : logins_)
    if (entry.expires_at > now()) list.items.push_back(shown(entry));
  return list;
}

caf::result<done> user_state::on(const end_login& message) {
  TRY_DONE(check_caller(message.who, while_password_must_change::allowed));
  if (find_login(message.login) == nullptr) return make_error(errc::not_found);
  return erase_login(message.login);
}

caf::result<done> user_state::on(const change_password& message) {
  TRY_DONE(check_caller(message.who, while_password_must_change::allowed));
  TRY_DONE(check_new_password(message.next, account_.username, "/newPassword"));
  // A stolen access token must not become a password by trying.
  auto since = now() - last_wrong_password_;
  if (wrong_passwords_ >= parts_->limits.wrong_passwords_max &&
      since < parts_->limits.wrong_password_pause) {
    error_detail detail;
    detail.reason = "wrong_passwords";
    detail.retry_after_s =
        static_cast<uint32_t>(whole_seconds(parts_->limits.wrong_password_pause - since) + 1);
    return make_error(errc::rate_limited, "Too many wrong passwords.", std::move(detail));
  }
  auto held = answers.hold<done>(self);
  password_change wanted{message.who.login, account_.token_version, message.next, message.who};
  // The account of mode `single` has none at first: nothing is to be proved.
  if (account_.password_hash.empty()) {
    hash_next(held.first, wanted);
    return held.second;
  }
  ++wrong_passwords_;  // until it proves right: parallel guesses count as well
  last_wrong_password_ = now();
  self->request(parts_->hasher, caf::infinite,
                verify_password{message.current, account_.password_hash})
      .then(
          [this, key = held.first, wanted](const password_verdict& verdict) {
            if (verdict.is_right) return hash_next(key, wanted);
            error_detail detail;
            detail.reason = "wrong_password";
            detail.fields = {{"/currentPassword", "wrong", "", "This is not your password."}};
            answers.fail<done>(
                key, make_error(errc::invalid_input, "The current password is wrong.", detail));
          },
          [this, key = held.first](error& cause) {
            --wrong_passwords_;
            answers.fail<done>(key, std::move(cause));
          });
  return held.second;
}

caf::result<user> user_state::on(const set_password& message) {
  TRY_DONE(check_present());
  TRY_DONE(check_new_password(message.password, account_.username, "/password"));
  auto held = answers.hold<user>(self);
  self->request(parts_->hasher, caf::infinite, hash_password{message.password})
      .then(
          [this, key = held.first, must_change = message.must_change,
           by = message.by](hashed_password& hashed) {
            if (fault_) return answers.fail<user>(key, fault_);
            auto changed = account_;
            changed.password_hash = std::move(hashed.hash);
            changed.must_change_password = must_change;
            void_reset_code(changed);
            ++changed.token_version;
            ++changed.version;
            changed.updated_at = now();
            auto told = audited(by, now(), "user.password_set", target_of(account_));
            store_then<user>(*this, key, {update_user{changed}, erase_logins{id_, {}, {}}, told},
                             [this, changed] {
                               account_ = changed;
                               forget_logins([](const login&) { return true; });
                               return shown(account_);
                             });
          },
          [this, key = held.first](error& cause) { answers.fail<user>(key, std::move(cause)); });
  return held.second;
}

void user_state::hash_next(uint64_t key, const password_change& wanted) {
  wrong_passwords_ = 0;
  self->request(parts_->hasher, caf::infinite, hash_password{wanted.next})
      .then([this, key,
             wanted](const hashed_password& hashed) { store_password(key, wanted, hashed.hash); },
            [this, key](error& cause) { answers.fail<done>(key, std::move(cause)); });
}

void user_state::store_password(uint64_t key, const password_change& wanted, std::string hash) {
  // Hashing takes its time: whatever bumped the version or ended the login meanwhile wins.
  if (fault_ || account_.token_version != wanted.token_version ||
      find_login(wanted.login) == nullptr)
    return answers.fail<done>(key, refused_token("token_revoked"));
  auto changed = account_;
  changed.password_hash = std::move(hash);
  changed.must_change_password = false;
  void_reset_code(changed);
  ++changed.token_version;
  ++changed.version;
  changed.updated_at = now();
  auto kept = wanted.login;
  auto told = audited(wanted.by, now(), "user.password_changed", target_of(account_));
  store_then<done>(*this, key, {update_user{changed}, erase_logins{id_, {}, kept}, told},
                   [this, changed, kept] {
                     account_ = changed;
                     forget_logins([&](const login& entry) { return entry.id != kept; });
                     return done{};
                   });
}

}  // namespace parley
