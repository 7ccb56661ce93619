// USER: what of a chat its SESSION alone knows: pins, previews, the summary.
#include "actors/impl/user_state.hpp"

namespace parley {

caf::result<message> user_state::on(const change_session_message& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY(auto* entry, reach(asked.session));
  ++entry->sent;
  return hand_on(self, entry->holder, asked.change);
}

caf::result<done> user_state::on(const drop_session_message& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY(auto* entry, reach(asked.session));
  ++entry->sent;
  return hand_on(self, entry->holder, asked.drop);
}

// A session that is only looked at is spawned without being stored, and sleeps right after.
caf::result<turn_preview> user_state::on(const preview_message& asked) {
  TRY_DONE(check_caller(asked.who));
  std::optional<session> fresh;
  if (!asked.session) {
    fresh.emplace();
    fresh->id = session_id::make();
    fresh->owner_id = id_;
    fresh->created_at = fresh->updated_at = now();
  }
  auto target = asked.session ? *asked.session : fresh->id;
  TRY(auto* entry, reach(target, std::move(fresh)));
  ++entry->sent;
  return hand_on(self, entry->holder, preview_turn{asked.content});
}

caf::result<session_summary> user_state::on(const get_session_summary& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY(auto* entry, reach(asked.session));
  ++entry->sent;
  return hand_on(self, entry->holder, get_summary{});
}

caf::result<session_summary> user_state::on(const write_session_summary& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY(auto* entry, reach(asked.session));
  ++entry->sent;
  return hand_on(self, entry->holder, asked.summary);
}

caf::result<done> user_state::on(const drop_session_summary& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY(auto* entry, reach(asked.session));
  ++entry->sent;
  return hand_on(self, entry->holder, asked.drop);
}

caf::result<session_summary> user_state::on(const make_session_summary& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY_DONE(check_maintenance());
  TRY(auto* entry, reach(asked.session));
  ++entry->sent;
  return hand_on(self, entry->holder, asked.wish);
}

}  // namespace parley
