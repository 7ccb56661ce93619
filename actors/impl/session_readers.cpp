// SESSION and those who read its replies.
#include "actors/impl/session_state.hpp"

namespace parley {

caf::result<reply_ticket> session_state::on(const follow_reply& join) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent()) return refuse_absent();
  TRY_DONE(check_reader());
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  auto promise = self_->make_response_promise<reply_ticket>();
  answer<reply_ticket> asker{promise};
  auto* known = find(join.message);
  if (known == nullptr) {
    load_reply(join.message, join.follow, std::move(asker));
  } else if (!known->is_shown() && header_of(join.message) != nullptr) {
    known->askers.push_back(std::move(asker));  // it goes on, as soon as that is stored
    known->readers.push_back({join.follow, join.follow.after});
  } else if (!known->is_shown()) {
    asker.fail(make_error(errc::not_found));  // nobody has been told of it yet
  } else {
    asker.deliver(ticket_of(*known));
    attach(*known, join.follow);
  }
  return promise;
}

expected<void> session_state::check_reader() const {
  size_t readers = 0;
  for (auto& entry : replies_) readers += entry->readers.size();
  if (readers < parts_.limits.readers_max) return {};
  error_detail detail;
  detail.reason = "readers_max";
  detail.retry_after_s = 1;
  return make_error(errc::rate_limited, "Too many streams read this session.", detail);
}

void session_state::load_reply(message_id id, const follower& who, answer<reply_ticket> asker) {
  auto* header = header_of(id);
  if (header == nullptr || header->role != message_role::assistant)
    return asker.fail(make_error(errc::not_found));
  auto held = answers_.keep(std::move(asker));
  // What the database could not take yet is newer than what it has.
  if (auto* row = unsaved_row(id)) return join_stored(*row, who, held);
  self_->request(parts_.reader, caf::infinite, read_message{parts_.owner, parts_.id, id})
      .then([this, held, who](const message& stored) { join_stored(stored, who, held); },
            [this, held](const error& cause) { answers_.fail<reply_ticket>(held, cause); });
}

void session_state::join_stored(const message& stored, const follower& who, uint64_t held) {
  auto* known = find(stored.id);
  if (known == nullptr) {
    reply_start start{parts_.id, stored.parent_id.value_or(message_id{}), stored.id,
                      stored.model_id, stored.context.value_or(context_used{})};
    auto whole = reply_log{start, stored};
    // Left from a crash and not mended yet: nothing will be added.
    if (stored.status == message_status::streaming)
      whole.finish(message_status::interrupted, stored.error);
    replies_.push_back(std::make_unique<reply>(std::move(whole), *parts_.counter));
    known = replies_.back().get();
    known->is_loaded = true;
    known->kept_since = self_->clock().now();
    schedule_check();
  }
  answers_.deliver<reply_ticket>(held, ticket_of(*known));
  attach(*known, who);
  drop_old_replies();
}

// A loaded reply stays while it is read. One that ended here stays for those who come back soon,
// but only the newest few.
void session_state::drop_old_replies() {
  auto now = self_->clock().now();
  auto is_over = [](const std::unique_ptr<reply>& entry) {
    return !entry->is_running() && entry->readers.empty();
  };
  std::erase_if(replies_, [&](const std::unique_ptr<reply>& entry) {
    return is_over(entry) &&
           (entry->is_loaded || now - entry->kept_since >= parts_.limits.reply_keep);
  });
  auto kept = static_cast<size_t>(std::count_if(replies_.begin(), replies_.end(), is_over));
  std::erase_if(replies_, [&](const std::unique_ptr<reply>& entry) {
    if (kept <= parts_.limits.replies_kept_max || !is_over(entry)) return false;
    --kept;
    return true;
  });
}

reply_ticket session_state::ticket_of(const reply& shown) const {
  return {parts_.id, shown.log.start().user_message_id, shown.id(),
          caf::actor_cast<session_actor>(self_), !shown.is_running()};
}

void session_state::attach(reply& joined, const follower& who) {
  joined.readers.push_back({who, who.after});
  serve(joined);
}

void session_state::serve(reply& shown) {
  if (!shown.is_shown()) return;  // what may still fail is shown to nobody
  std::erase_if(shown.readers, [&](reply_reader& reader) { return serve_one(shown, reader); });
  pace(shown);
}

// Sends what the reader has credit for; true if that was the end of the stream.
bool session_state::serve_one(const reply& shown, reply_reader& reader) {
  auto before = reader.position;
  auto next = shown.log.cut(reader.position, reader.who.credit);
  // A reader that has seen all of it is told `done` all the same: each stream ends with it.
  if (reader.position == before && !next.snapshot && !next.status) return false;
  for (auto& event : next.events) reader.who.credit -= static_cast<int64_t>(event.text.size());
  if (next.snapshot)
    for (auto& p : next.snapshot->parts)
      reader.who.credit -= static_cast<int64_t>(p.text ? p.text->size() : 0);
  next.stream = reader.who.stream;
  auto is_last = next.status.has_value();
  self_->send(reader.who.reader, std::move(next));
  return is_last;
}

void session_state::cut_off(const reply_reader& reader, const error& cause) {
  slice last;
  last.stream = reader.who.stream;
  last.error = message_error_of(cause);
  self_->send(reader.who.reader, std::move(last));
}

void session_state::on(const grant_credit& grant) {
  for (auto& entry : replies_) {
    for (auto& reader : entry->readers) {
      if (reader.who.stream != grant.stream || reader.who.reader != grant.reader) continue;
      reader.who.credit += grant.bytes;
      serve(*entry);
      return drop_old_replies();
    }
  }
}

void session_state::on(const leave_reply& leaving) {
  last_used_ = self_->clock().now();
  for (auto& entry : replies_) {
    auto& readers = entry->readers;
    auto left = std::find_if(readers.begin(), readers.end(), [&](const reply_reader& reader) {
      return reader.who.stream == leaving.stream && reader.who.reader == leaving.reader;
    });
    if (left == readers.end()) continue;
    auto stops = left->who.stops_on_leave;
    readers.erase(left);
    if (stops && entry->is_running()) stop(*entry);
    pace(*entry);
    return drop_old_replies();
  }
}

void session_state::on(const end_streams& end) {
  ++seen_;
  auto cause = make_error(errc::unauthenticated, "token_revoked", "This login has ended.");
  for (auto& entry : replies_) {
    bool stops = false;
    std::erase_if(entry->readers, [&](const reply_reader& reader) {
      if (!end.login.is_none() && reader.who.login != end.login) return false;
      stops = stops || reader.who.stops_on_leave;
      cut_off(reader, cause);
      return true;
    });
    if (stops && entry->is_running()) stop(*entry);
    pace(*entry);
  }
  drop_old_replies();
}

}  // namespace parley
