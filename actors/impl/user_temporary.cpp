// USER: temporary sessions, whose texts no database has; and what an ADMIN may change meanwhile.
#include "actors/impl/user_state.hpp"

namespace parley {

/// Where the texts of a session are read.
const reader_actor& user_state::texts_of(session_id of) const {
  auto found = sessions_.find(of);
  return found != sessions_.end() && found->second.texts ? found->second.texts : parts_->reader;
}

expected<user_state::open_session*> user_state::reach_temporary(const session& fresh) {
  auto is_temporary = [](const auto& entry) { return static_cast<bool>(entry.second.texts); };
  auto count = std::count_if(sessions_.begin(), sessions_.end(), is_temporary);
  if (static_cast<size_t>(count) >= parts_->limits.temporary_max || !parts_->start_temporary)
    return make_error(errc::quota_exceeded, "temporary_sessions_max",
                      "No more temporary chats can be open at once.");
  if (sessions_.size() >= parts_->limits.sessions_open_max) return reach(fresh.id);
  auto made = parts_->start_temporary(caf::actor_cast<session_parent_actor>(self), fresh);
  open_session entry;
  entry.holder = made.holder;
  entry.texts = made.texts;
  self->monitor(entry.holder);
  return &sessions_.emplace(fresh.id, std::move(entry)).first->second;
}

/// A message of this user, wherever it is.
void user_state::find_message(message_id wanted, std::function<void(const message&)> then,
                              std::function<void(error&)> fail) {
  std::vector<reader_actor> places;
  for (const auto& [session, entry] : sessions_)
    if (entry.texts) places.push_back(entry.texts);
  places.push_back(parts_->reader);
  find_in(std::move(places), wanted, std::move(then), std::move(fail));
}

void user_state::find_in(std::vector<reader_actor> places, message_id wanted,
                         const std::function<void(const message&)>& then,
                         const std::function<void(error&)>& fail) {
  auto next = places.back();
  places.pop_back();
  self->request(next, caf::infinite, read_message{id_, {}, wanted})
      .then(then, [this, places = std::move(places), wanted, then, fail](error& cause) {
        // One that has just gone has no message either.
        auto is_absent =
            code_of(cause) == errc::not_found || cause == caf::sec::request_receiver_down;
        if (places.empty() || !is_absent) return fail(cause);
        find_in(places, wanted, then, fail);
      });
}

// -- What an ADMIN may change -------------------------------------------------------------------

expected<void> user_state::check_maintenance() const {
  auto live = parts_->live->get();
  if (!live->maintenance || is_admin()) return caf::unit;
  error_detail detail;
  detail.reason = "maintenance";
  detail.retry_after_s = 60;
  return make_error(errc::unavailable, *live->maintenance, std::move(detail));
}

int64_t user_state::sessions_max() const {
  return parts_->live->get()->sessions_per_user_max.value_or(parts_->limits.sessions_max);
}

int user_state::streams_max() const {
  return parts_->live->get()->streams_per_user_max.value_or(parts_->limits.streams_max);
}

size_t user_state::models_max() const {
  auto set = parts_->live->get()->models_per_user_max;
  return set ? static_cast<size_t>(*set) : parts_->limits.models_max;
}

}  // namespace parley
