// USER: API keys. They are admitted as logins are; what they may do is asked of each route.
#include <algorithm>

#include "actors/impl/audit.hpp"
#include "actors/impl/user_state.hpp"
#include "base/api_key.hpp"
#include "base/log.hpp"
#include "chat/quota_rules.hpp"

namespace parley {

namespace {

/// `lastUsedAt` is written once in that time.
constexpr std::chrono::milliseconds use_noted_each{60'000};

api_key shown(api_key entry) {
  entry.token_hash.clear();
  return entry;
}

}  // namespace

// -- Admission ----------------------------------------------------------------------------------

expected<void> user_state::check_login(const caller& who) const {
  auto* entry = find_login(who.login);
  if (who.user != id_ || entry == nullptr || who.version != account_.token_version)
    return refused_token("token_revoked");
  if (entry->expires_at <= now()) return refused_token("token_expired");
  return caf::unit;
}

expected<void> user_state::check_key(const caller& who) {
  auto* used = find_api_key(who.key_hash);
  if (who.user != id_ || used == nullptr) return refused_token("key_revoked");
  if (used->expires_at && *used->expires_at <= now()) return refused_token("key_expired");
  note_use(*used);
  return caf::unit;
}

expected<void> user_state::check_scope(const caller& who) {
  if (!who.scope)
    return make_error(errc::forbidden, "login_needed", "API keys can't do this; please log in.");
  const auto& scopes = find_api_key(who.key_hash)->scopes;
  if (std::find(scopes.begin(), scopes.end(), *who.scope) != scopes.end()) return caf::unit;
  error_detail detail;
  detail.reason = "scope_missing";
  detail.id = to_string(*who.scope);
  return make_error(errc::forbidden,
                    "This API key does not have the scope `" + to_string(*who.scope) + "`.",
                    std::move(detail));
}

api_key* user_state::find_api_key(std::string_view hash) {
  auto found = std::find_if(keys_.begin(), keys_.end(),
                            [&](const api_key& entry) { return entry.token_hash == hash; });
  return found == keys_.end() ? nullptr : &*found;
}

const api_key* user_state::find_api_key(api_key_id wanted) const {
  auto found = std::find_if(keys_.begin(), keys_.end(),
                            [&](const api_key& entry) { return entry.id == wanted; });
  return found == keys_.end() ? nullptr : &*found;
}

// Nobody waits for it: a use that is not noted is noted at the next one.
void user_state::note_use(api_key& used) {
  if (used.last_used_at && now() - *used.last_used_at < use_noted_each) return;
  used.last_used_at = now();
  self->request(parts_->storage, caf::infinite,
                commit{{change_metering{touch_api_key{used.id, now()}}}})
      .then([](const done&) {},
            [key = used.id](const error& cause) {
              log_warning("key.use_not_noted", {{"key", key}, {"cause", cause}});
            });
}

spender user_state::spender_of(const caller& who) const {
  for (const auto& entry : keys_)
    if (who.is_key() && entry.token_hash == who.key_hash) return {entry.id, entry.name};
  return {};
}

bool user_state::may_use(const api_key_id& key, model_id model) const {
  const auto* entry = find_api_key(key);
  if (entry == nullptr || !entry->models) return true;
  return std::find(entry->models->begin(), entry->models->end(), model) != entry->models->end();
}

bool user_state::may_use(const caller& who, model_id model) const {
  return may_use(spender_of(who).key, model);
}

// -- Their records ------------------------------------------------------------------------------

caf::result<api_key_list> user_state::on(const list_api_keys& message) {
  TRY_DONE(check_caller(message.who));
  api_key_list list;
  for (const auto& entry : keys_) list.items.push_back(shown(entry));
  return list;
}

caf::result<api_key> user_state::on(const get_api_key& message) {
  TRY_DONE(check_caller(message.who));
  const auto* entry = find_api_key(message.id);
  if (entry == nullptr) return make_error(errc::not_found);
  return shown(*entry);
}

expected<void> user_state::check_new_key(const api_key& entry) const {
  fault_list faults;
  for (size_t i = 0; i < entry.scopes.size(); ++i) {
    auto end = entry.scopes.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(entry.scopes.begin(), end, entry.scopes[i]) != end)
      faults.add("/scopes/" + std::to_string(i), "unique", "This scope is there already.");
    if (entry.scopes[i] == key_scope::admin && !is_admin())
      faults.add("/scopes/" + std::to_string(i), "role", "This scope is for administrators.");
  }
  if (entry.expires_at && *entry.expires_at <= now())
    faults.add("/expiresAt", "future", "Must be in the future.");
  if (entry.budget) check_budget(*entry.budget, "/budget", faults);
  if (!faults.is_empty()) return std::move(faults).to_error();
  if (keys_.size() >= parts_->limits.keys_max)
    return make_error(errc::quota_exceeded, "keys_max", "You have as many API keys as you may.");
  return caf::unit;
}

caf::result<api_key_ticket> user_state::on(const add_api_key& message) {
  TRY_DONE(check_caller(message.who));
  auto held = answers.hold<api_key_ticket>(self);
  auto key = held.first;
  make_once<api_key_ticket>(
      *this, key, own(message.key), [this, key, message] { make_api_key(key, message); },
      [this, key](const remember_key& known) {
        const auto* entry = std::as_const(*this).find_api_key(known.api_key);
        if (entry == nullptr) return answers.fail<api_key_ticket>(key, make_error(errc::not_found));
        answers.deliver<api_key_ticket>(key, api_key_ticket{shown(*entry), {}});
      });
  return held.second;
}

void user_state::make_api_key(uint64_t key, const add_api_key& message) {
  api_key entry;
  message.patch.apply_to(entry);
  if (entry.budget) complete_amount(*entry.budget, parts_->quotas->read()->currency);
  if (auto sound = check_new_key(entry); !sound)
    return answers.fail<api_key_ticket>(key, sound.error());
  auto made = api_key_text::make(id_);
  entry.id = api_key_id::make();
  entry.owner_id = id_;
  entry.created_at = entry.updated_at = now();
  entry.prefix = made.prefix();
  entry.token_hash = made.stored_form();
  std::vector<change> changes;
  remember(changes, own(message.key), now(), &remember_key::api_key, entry.id);
  changes.emplace_back(change_metering{create_api_key{entry}});
  changes.emplace_back(
      audited(message.who, now(), "key.created", {to_string(entry.id), entry.name}));
  store_then<api_key_ticket>(*this, key, std::move(changes), [this, entry, made] {
    keys_.push_back(entry);
    return api_key_ticket{shown(entry), made.text};
  });
}

caf::result<done> user_state::on(const drop_api_key& message) {
  TRY_DONE(check_caller(message.who));
  const auto* entry = find_api_key(message.id);
  if (entry == nullptr) return make_error(errc::not_found);
  auto streams = stream_login_of(entry->token_hash);
  auto told = audited(message.who, now(), "key.deleted", {to_string(entry->id), entry->name});
  return store_then<done>(*this, {change_metering{erase_api_key{id_, message.id}}, told},
                          [this, streams, dropped = message.id] {
                            std::erase_if(
                                keys_, [&](const api_key& known) { return known.id == dropped; });
                            tell_sessions(end_streams{streams});
                            return done{};
                          });
}

}  // namespace parley
