// SESSION and those who read its replies.
#include "actors/impl/session_state.hpp"

namespace parley {

caf::result<reply_ticket> session_state::on(const follow_reply& join) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_dropped_) return make_error(errc::not_found);
  auto promise = self_->make_response_promise<reply_ticket>();
  answer<reply_ticket> asker{promise};
  if (auto* known = find(join.message)) {
    if (known->at == reply::phase::preparing || known->at == reply::phase::storing) {
      asker.fail(make_error(errc::not_found));  // nobody has been told of it yet
    } else {
      asker.deliver(ticket_of(*known));
      attach(*known, join.follow);
    }
  } else {
    load_reply(join.message, join.follow, std::move(asker));
  }
  return promise;
}

void session_state::load_reply(message_id id, const follower& who, answer<reply_ticket> asker) {
  auto* header = header_of(id);
  if (header == nullptr || header->role != message_role::assistant)
    return asker.fail(make_error(errc::not_found));
  auto held = answers_.keep(std::move(asker));
  auto parent = header->parent_id;
  self_->request(parts_.reader, caf::infinite, read_message{parts_.owner, parts_.id, id})
      .then(
          [this, held, who, parent](const message& stored) {
            auto* known = find(stored.id);
            if (known == nullptr) {
              reply_start start{parts_.id, parent, stored.id, stored.model_id,
                                stored.context.value_or(context_used{})};
              auto rule = token_rule_of(stored.model_name.value_or(""));
              replies_.push_back(
                  std::make_unique<reply>(reply_log{start, stored}, parts_.counter->meter(rule)));
              known = replies_.back().get();
              known->kept_since = self_->clock().now();
              schedule_check();
            }
            answers_.deliver<reply_ticket>(held, ticket_of(*known));
            attach(*known, who);
          },
          [this, held](const error& cause) { answers_.fail<reply_ticket>(held, cause); });
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
  std::erase_if(shown.readers, [&](reply_reader& reader) { return serve_one(shown, reader); });
}

// Sends what the reader has credit for; true if that was the end of the stream.
bool session_state::serve_one(const reply& shown, reply_reader& reader) {
  auto before = reader.position;
  auto next = shown.log.cut(reader.position, reader.who.credit);
  if (reader.position == before && !next.snapshot) return false;
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
      return serve(*entry);
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
    return;
  }
}

void session_state::on(const end_streams& end) {
  ++seen_;
  auto cause = make_error(errc::unauthenticated, "token_revoked", "This login has ended.");
  for (auto& entry : replies_) {
    std::erase_if(entry->readers, [&](const reply_reader& reader) {
      if (!end.login.is_none() && reader.who.login != end.login) return false;
      cut_off(reader, cause);
      return true;
    });
  }
}

}  // namespace parley
