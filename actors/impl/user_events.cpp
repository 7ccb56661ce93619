// USER: live changes for those who listen (api.md, Live changes).
#include "actors/impl/user_state.hpp"
#include "base/record_json.hpp"
#include "chat/event_text.hpp"

namespace parley {

namespace {

constexpr size_t events_kept_max = 1'000;
constexpr int64_t ids_per_ms = 1'000;

}  // namespace

/// Ids rise beyond those of an earlier life of this actor, whatever it has told.
void user_state::begin_events() {
  last_event_ = now().ms * ids_per_ms;
}

void user_state::on(const note_event& told) {
  tell_event(told.name, told.data);
}

// Lists are told anew to whoever has one, where there is too much to be told.
void user_state::on(const note_imported& told) {
  session_count_ += told.count;
  for (const auto& made : told.made) tell_event("session.created", event_text(made));
  if (std::ssize(told.made) < told.count) tell_event("reset", "{}");
}

// Nothing is kept for nobody: who comes back from before the first listener reloads.
void user_state::tell_event(std::string name, std::string data) {
  account_event happened{++last_event_, std::move(name), std::move(data)};
  if (!has_listened_) return;
  for (const auto& listener : listeners_)
    self->send(listener.reader, event_slice{listener.stream, {happened}, {}});
  events_.push_back(std::move(happened));
  if (events_.size() > events_kept_max) events_.pop_front();
}

caf::result<events_joined> user_state::on(const join_events& asked) {
  TRY_DONE(check_caller(asked.who));
  if (listeners_.size() >= parts_->limits.listeners_max) {
    error_detail detail;
    detail.reason = "listeners_max";
    detail.retry_after_s = 1;
    return make_error(errc::rate_limited, "Too many listeners.", std::move(detail));
  }
  events_joined joined;
  joined.events.push_back({last_event_, "ready", "{}"});
  if (asked.after) {
    auto first = events_.empty() ? last_event_ + 1 : events_.front().id;
    if (*asked.after > last_event_ || *asked.after < first - 1)
      joined.events = {{last_event_, "reset", "{}"}};
    else
      for (const auto& known : events_)
        if (known.id > *asked.after) joined.events.push_back(known);
    // The event `ready` would take the client past what it has missed.
    if (joined.events.size() > 1) joined.events.erase(joined.events.begin());
  }
  has_listened_ = true;
  listeners_.push_back({asked.reader, asked.stream, asked.who.login});
  return joined;
}

void user_state::on(const leave_events& leaving) {
  std::erase_if(listeners_, [&](const listener& known) {
    return known.stream == leaving.stream && known.reader == leaving.reader;
  });
  touch();
}

/// A login that is none stands for all.
void user_state::end_listeners(login_id ended) {
  event_slice last;
  last.error =
      message_error{to_string(errc::unauthenticated), "token_revoked", "This login has ended."};
  std::erase_if(listeners_, [&](const listener& known) {
    if (!ended.is_none() && known.login != ended) return false;
    last.stream = known.stream;
    self->send(known.reader, last);
    return true;
  });
}

}  // namespace parley
