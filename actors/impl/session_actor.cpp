#include "actors/impl/session_actor.hpp"

#include "actors/impl/session_state.hpp"
#include "base/log.hpp"

namespace parley {

namespace {

constexpr std::chrono::seconds retry_interval{1};

}  // namespace

session_actor::behavior_type run_session(session_actor::stateful_pointer<session_state> self,
                                         session_parts parts) {
  self->state.begin(std::move(parts));
  return {
      handle<start_turn>(self),     handle<follow_reply>(self), handle<grant_credit>(self),
      handle<leave_reply>(self),    handle<stop_reply>(self),   handle<change_session>(self),
      handle<drop_session>(self),   handle<end_streams>(self),  handle<reply_delta>(self),
      handle<reply_finished>(self), handle<reply_failed>(self), handle<reply_tick>(self),
      handle<idle_check>(self),     handle<sleep_now>(self),
  };
}

session_actor spawn_session(caf::actor_system& system, session_parts parts) {
  return system.spawn(run_session, std::move(parts));
}

message_error message_error_of(const error& cause) {
  return {to_string(code_of(cause)), detail_of(cause).reason, sentence_of(cause)};
}

void session_state::begin(session_parts parts) {
  harden(self_);
  parts_ = std::move(parts);
  last_used_ = self_->clock().now();
  // Without its USER nobody admits callers and nobody would find this actor again.
  self_->monitor(parts_.parent);
  self_->set_down_handler([this](caf::down_msg&) { end_with_parent(); });
  if (parts_.fresh) {
    header_ = *parts_.fresh;
    is_fresh_ = true;
    return;
  }
  load();
}

void session_state::load() {
  // `await` keeps everything else in the mailbox until the answer is here.
  self_->request(parts_.reader, caf::infinite, load_session{parts_.owner, parts_.id})
      .await([this](const session_loaded& loaded) { take(loaded); },
             [this](const error& cause) {
               // Requests in the mailbox are answered by on(...) with not_found, or by CAF with
               // `receiver down`, which the edge takes for unavailable.
               if (code_of(cause) != errc::not_found) return self_->quit(cause);
               is_dropped_ = true;
               self_->send(parts_.parent, session_idle{parts_.id, seen_});
               // USER has sent something meanwhile, so it will not let go yet.
               schedule_check();
             });
}

void session_state::take(const session_loaded& loaded) {
  header_ = loaded.header;
  messages_ = loaded.messages;
  schedule_check();
  mend_interrupted();
}

// A row that still says `streaming` is left from a SESSION that crashed: what was checkpointed is
// what there is.
void session_state::mend_interrupted() {
  read_messages left{parts_.owner, parts_.id, {}};
  for (auto& known : messages_)
    if (known.status == message_status::streaming && find(known.id) == nullptr)
      left.ids.push_back(known.id);
  if (left.ids.empty()) return;
  self_->request(parts_.reader, caf::infinite, std::move(left))
      .await(
          [this](const message_list& rows) {
            for (auto row : rows.items) {
              row.status = message_status::interrupted;
              ++row.version;
              unsaved_.push_back(std::move(row));
            }
            store_unsaved();
          },
          [this](const error& cause) { self_->quit(cause); });
}

void session_state::store_unsaved() {
  if (unsaved_.empty()) return;
  commit batch;
  for (auto& row : unsaved_) batch.changes.emplace_back(finish_message{row});
  self_->request(parts_.storage, caf::infinite, std::move(batch))
      .then(
          [this, count = unsaved_.size()](const done&) {
            for (size_t i = 0; i < count; ++i)
              for (auto& known : messages_)
                if (known.id == unsaved_[i].id) known.status = unsaved_[i].status;
            unsaved_.erase(unsaved_.begin(), unsaved_.begin() + static_cast<ptrdiff_t>(count));
          },
          [this](const error& cause) {
            log_warning("session.unsaved", {{"session", parts_.id}, {"error", cause}});
            schedule_check();
          });
}

caf::result<session> session_state::on(const change_session& change) {
  ++seen_;
  if (is_dropped_ || is_fresh_) return make_error(errc::not_found);
  if (change.if_version != 0 && change.if_version != header_.version)
    return make_error(errc::conflict, "version_mismatch", "The session was changed meanwhile.");
  auto changed = header_;
  change.patch.apply_to(changed);
  if (change.patch.has(&session::title)) changed.title_source = title_source::user;
  if (changed.active_leaf_id && header_of(*changed.active_leaf_id) == nullptr)
    return make_error(errc::not_found);
  auto promise = self_->make_response_promise<session>();
  answer<session> asker{promise};
  if (!change.patch.has(&session::model_id) || !changed.model_id) {
    store_session(std::move(changed), std::move(asker));
    return promise;
  }
  auto held = answers_.keep(std::move(asker));
  self_->request(parts_.parent, caf::infinite, find_model{*changed.model_id})
      .then(
          [this, held, patch = change.patch](const model_config&) {
            auto fresh = header_;
            patch.apply_to(fresh);
            if (patch.has(&session::title)) fresh.title_source = title_source::user;
            store_session(std::move(fresh), answers_.take<session>(held));
          },
          [this, held](const error& cause) {
            answers_.fail<session>(held, make_error(code_of(cause), sentence_of(cause)));
          });
  return promise;
}

void session_state::store_session(session changed, answer<session> asker) {
  ++changed.version;
  changed.updated_at = parts_.clock->now();
  // Later changes build on this one; should the commit fail, the stored record is read again.
  header_ = changed;
  auto held = answers_.keep(std::move(asker));
  self_->request(parts_.storage, caf::infinite, commit{{update_session{changed}}})
      .then([this, held, changed](const done&) { answers_.deliver<session>(held, changed); },
            [this, held](const error& cause) {
              answers_.fail<session>(held, cause);
              self_->request(parts_.reader, caf::infinite, read_session{parts_.owner, parts_.id})
                  .await([this](const session& stored) { header_ = stored; },
                         [this](const error& fault) { self_->quit(fault); });
            });
}

caf::result<done> session_state::on(const drop_session& drop) {
  ++seen_;
  if (is_dropped_ || is_fresh_) return make_error(errc::not_found);
  if (drop.if_version != 0 && drop.if_version != header_.version)
    return make_error(errc::conflict, "version_mismatch", "The session was changed meanwhile.");
  auto promise = self_->make_response_promise<done>();
  auto held = answers_.keep(answer<done>{promise});
  is_dropped_ = true;
  self_->request(parts_.storage, caf::infinite, commit{{erase_session{parts_.id}}})
      .then(
          [this, held](const done&) {
            auto gone = make_error(errc::not_found, "The session was deleted.");
            for (auto& entry : replies_) {
              if (entry->call != 0) self_->send(entry->provider, cancel_call{entry->call});
              for (auto& reader : entry->readers) cut_off(reader, gone);
              for (auto& asker : entry->askers) asker.fail(gone);
              if (entry->is_running()) self_->send(parts_.parent, turn_ended{parts_.id});
            }
            replies_.clear();
            answers_.deliver<done>(held, done{});
            self_->send(parts_.parent, session_idle{parts_.id, seen_});
          },
          [this, held](const error& cause) {
            is_dropped_ = false;
            answers_.fail<done>(held, cause);
          });
  return promise;
}

void session_state::end_with_parent() {
  commit last;
  for (auto& entry : replies_) {
    if (entry->call != 0) self_->send(entry->provider, cancel_call{entry->call});
    for (auto& reader : entry->readers)
      cut_off(reader, make_error(errc::unavailable, "session_lost", "Please try again."));
    if (entry->at != reply::phase::streaming) continue;
    entry->row.parts = entry->log.parts();
    entry->row.status = message_status::interrupted;
    ++entry->row.version;
    last.changes.emplace_back(finish_message{entry->row});
  }
  if (!last.changes.empty()) caf::anon_send(parts_.storage, std::move(last));
  self_->quit();
}

bool session_state::is_idle() const {
  return replies_.empty() && unsaved_.empty() && answers_.size() == 0;
}

void session_state::schedule_check() {
  if (std::exchange(is_check_scheduled_, true)) return;
  auto wait = unsaved_.empty() ? std::min(parts_.limits.idle_max, parts_.limits.reply_keep)
                               : std::chrono::milliseconds{retry_interval};
  self_->delayed_send(self_, wait, idle_check{});
}

void session_state::drop_old_replies() {
  auto now = self_->clock().now();
  std::erase_if(replies_, [&](const std::unique_ptr<reply>& entry) {
    return !entry->is_running() && entry->readers.empty() &&
           now - entry->kept_since >= parts_.limits.reply_keep;
  });
}

void session_state::on(const idle_check&) {
  is_check_scheduled_ = false;
  store_unsaved();
  drop_old_replies();
  if (is_dropped_ || (is_idle() && self_->clock().now() - last_used_ >= parts_.limits.idle_max))
    self_->send(parts_.parent, session_idle{parts_.id, seen_});
  schedule_check();
}

void session_state::on(const sleep_now&) {
  if (is_idle() || is_dropped_) self_->quit();
}

reply* session_state::find(message_id id) {
  for (auto& entry : replies_)
    if (entry->id() == id) return entry.get();
  return nullptr;
}

reply* session_state::find_call(call_id call) {
  for (auto& entry : replies_)
    if (entry->call == call && call != 0) return entry.get();
  return nullptr;
}

// From the newest: what is asked for is nearly always there.
const message_header* session_state::header_of(message_id id) const {
  for (auto known = messages_.rbegin(); known != messages_.rend(); ++known)
    if (known->id == id) return &*known;
  return nullptr;
}

}  // namespace parley
