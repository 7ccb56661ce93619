// USER: chat sessions. SESSION and READER answer the askers themselves wherever that is possible.
#include "actors/impl/user_state.hpp"
#include "base/log.hpp"
#include "chat/event_text.hpp"
#include "chat/session_tags.hpp"

namespace parley {

namespace {

std::string key_name(const request_key& key) {
  return key.route + ' ' + key.key;
}

error too_many_sessions() {
  return make_error(errc::quota_exceeded, "sessions_max", "You have as many chats as you may.");
}

}  // namespace

// -- The actors of open sessions ----------------------------------------------------------------

/// Wakes the SESSION if need be. That it is this user's is proved by its loading.
expected<user_state::open_session*> user_state::reach(session_id wanted,
                                                      std::optional<session> fresh) {
  if (auto found = sessions_.find(wanted); found != sessions_.end()) {
    found->second.used = ++uses_;
    return &found->second;
  }
  if (sessions_.size() + 1 > parts_->limits.sessions_open_max / 4 * 3) rest_oldest();
  if (sessions_.size() >= parts_->limits.sessions_open_max) {
    error_detail detail;
    detail.reason = "sessions_open_max";
    detail.retry_after_s = 1;
    return make_error(errc::rate_limited, "Too many chats are open at once.", std::move(detail));
  }
  open_session entry;
  entry.used = ++uses_;
  entry.holder = parts_->start_session(caf::actor_cast<session_parent_actor>(self), id_, wanted,
                                       std::move(fresh));
  self->monitor(entry.holder);
  return &sessions_.emplace(wanted, std::move(entry)).first->second;
}

// A program that opens a chat for each of its calls must not meet the limit, which is for those
// that have something to do.
void user_state::rest_oldest() {
  auto oldest = sessions_.end();
  for (auto known = sessions_.begin(); known != sessions_.end(); ++known)
    if (known->second.running == 0 &&
        (oldest == sessions_.end() || known->second.used < oldest->second.used))
      oldest = known;
  if (oldest == sessions_.end()) return;
  // If it has something to do, another one is asked next.
  oldest->second.used = ++uses_;
  self->send(oldest->second.holder, rest{});
}

void user_state::tell_sessions(const end_streams& message) {
  end_listeners(message.login);
  if (parts_->jobs) self->send(parts_->jobs, end_job_streams{id_, message.login});
  for (const auto& call : calls_) self->send(call, message);
  for (auto& [session, entry] : sessions_) {
    ++entry.sent;
    self->send(entry.holder, message);
  }
}

void user_state::give_back(open_session& entry) {
  running_ -= std::exchange(entry.running, 0);
}

void user_state::read_gauge() {
  int64_t all = 0;
  int64_t idle = 0;
  for (const auto& [session, entry] : sessions_) {
    all += entry.bytes;
    if (entry.running == 0) idle += entry.bytes;
  }
  gauge_->session_bytes = all;
  gauge_->idle_session_bytes = idle;
}

void user_state::close_session(session_id closed) {
  auto found = sessions_.find(closed);
  if (found == sessions_.end()) return;
  give_back(found->second);
  end_spends_of(found->second.holder.address());
  sessions_.erase(found);
  // Of a temporary session its keys were kept as long as it was there.
  std::erase_if(first_turns_, [&](const auto& entry) { return entry.second.session == closed; });
  read_gauge();
}

void user_state::on_down(const caf::down_msg& down) {
  end_spends_of(down.source);
  if (forget_call(down.source)) return;
  for (const auto& [session, entry] : sessions_)
    if (entry.holder.address() == down.source) return close_session(session_id{session});
}

void user_state::on(const session_idle& message) {
  auto found = sessions_.find(message.session);
  // A predecessor's farewell, or something is on its way to it.
  if (found == sessions_.end() || message.seen != found->second.sent) return;
  if (caf::actor_cast<caf::strong_actor_ptr>(found->second.holder) != self->current_sender())
    return;
  self->send(found->second.holder, sleep_now{});
  close_session(message.session);
}

void user_state::on(const turn_ended& message) {
  auto found = sessions_.find(message.session);
  if (found == sessions_.end() || found->second.running == 0) return;
  --found->second.running;
  --running_;
  read_gauge();
}

void user_state::on(const session_weighs& message) {
  auto found = sessions_.find(message.session);
  if (found == sessions_.end()) return;
  found->second.bytes = message.bytes;
  read_gauge();
}

// -- Records ------------------------------------------------------------------------------------

caf::result<session> user_state::on(const add_session& message) {
  TRY_DONE(check_caller(message.who));
  TRY_DONE(check_folder(message.patch));
  auto held = answers.hold<session>(self);
  make_once<session>(
      *this, held.first, own(message.key),
      [this, key = held.first, message] { make_session(key, message); },
      [this, key = held.first](const remember_key& made) {
        answers.hand_on<session>(key, parts_->reader, read_session{id_, made.session});
      });
  return held.second;
}

void user_state::make_session(uint64_t key, const add_session& asked) {
  need_model(asked.patch.value.model_id, [this, key, asked](error fault) {
    if (fault) return answers.fail<session>(key, std::move(fault));
    store_session(key, asked);
  });
}

void user_state::store_session(uint64_t key, const add_session& asked) {
  if (session_count_ >= sessions_max()) return answers.fail<session>(key, too_many_sessions());
  session header;
  asked.patch.apply_to(header);
  header.id = session_id::make();
  header.owner_id = id_;
  header.created_at = header.updated_at = now();
  auto tags = joined_tags(std::move(header.tags));
  if (!tags) return answers.fail<session>(key, std::move(tags.error()));
  header.tags = std::move(*tags);
  if (const auto* in = find_folder(header.folder_id)) {
    if (!asked.patch.has(&session::system_prompt)) header.system_prompt = in->system_prompt;
    if (!asked.patch.has(&session::model_id)) header.model_id = in->model_id;
  }
  if (!header.title.empty()) header.title_source = title_source::user;
  std::vector<change> changes;
  remember(changes, own(asked.key), now(), &remember_key::session, header.id);
  changes.emplace_back(create_session{header});
  store_then<session>(*this, key, std::move(changes), [this, header] {
    ++session_count_;
    tell_event("session.created", event_text(header));
    return header;
  });
}

caf::result<page_of<session>> user_state::on(const list_sessions& message) {
  TRY_DONE(check_caller(message.who));
  return hand_on(self, parts_->reader, page_sessions{id_, message.page, message.filter});
}

caf::result<session> user_state::on(const get_session& message) {
  TRY_DONE(check_caller(message.who));
  return hand_on(self, texts_of(message.id), read_session{id_, message.id});
}

caf::result<session> user_state::on(const patch_session& message) {
  TRY_DONE(check_caller(message.who));
  TRY_DONE(check_folder(message.change.patch));
  TRY(auto* entry, reach(message.id));
  ++entry->sent;
  return hand_on(self, entry->holder, message.change);
}

caf::result<done> user_state::on(const remove_session& message) {
  TRY_DONE(check_caller(message.who));
  auto held = answers.hold<done>(self);
  remove(message.id, message.drop, [this, key = held.first](const error& fault) {
    if (fault)
      answers.fail<done>(key, fault);
    else
      answers.deliver<done>(key, done{});
  });
  return held.second;
}

// USER hears of it itself: the session no longer counts.
void user_state::remove(session_id removed, const drop_session& drop,
                        const std::function<void(const error&)>& then) {
  auto entry = reach(removed);
  if (!entry) return then(entry.error());
  ++(*entry)->sent;
  self->request((*entry)->holder, caf::infinite, drop)
      .then(
          [this, then, removed, counts = !(*entry)->texts](const done&) {
            if (counts) session_count_ = std::max<int64_t>(0, session_count_ - 1);
            close_session(removed);
            if (counts) tell_event("session.deleted", event_text_of_id(to_string(removed)));
            then({});
          },
          [then](const error& cause) { then(cause); });
}

caf::result<session> user_state::on(const fork_own_session& asked) {
  TRY_DONE(check_caller(asked.who));
  auto held = answers.hold<session>(self);
  make_once<session>(
      *this, held.first, own(asked.fork.key), [this, key = held.first, asked] { fork(key, asked); },
      [this, key = held.first](const remember_key& made) {
        answers.hand_on<session>(key, parts_->reader, read_session{id_, made.session});
      });
  return held.second;
}

void user_state::fork(uint64_t key, const fork_own_session& asked) {
  if (session_count_ >= sessions_max()) return answers.fail<session>(key, too_many_sessions());
  auto entry = reach(asked.session);
  if (!entry) return answers.fail<session>(key, std::move(entry.error()));
  ++(*entry)->sent;
  ++session_count_;
  auto wanted = asked.fork;
  wanted.made = session_id::make();
  self->request((*entry)->holder, caf::infinite, wanted)
      .then(
          [this, key](const session& made) {
            tell_event("session.created", event_text(made));
            answers.deliver<session>(key, made);
          },
          [this, key](error& cause) {
            --session_count_;
            answers.fail<session>(key, std::move(cause));
          });
}

caf::result<page_of<message>> user_state::on(const list_messages& asked) {
  TRY_DONE(check_caller(asked.who));
  return hand_on(self, texts_of(asked.session),
                 page_messages{id_, asked.session, asked.page, asked.leaf, asked.after});
}

caf::result<message> user_state::on(const get_message& asked) {
  TRY_DONE(check_caller(asked.who));
  return hand_on(self, texts_of(asked.session), read_message{id_, asked.session, asked.id});
}

caf::result<search_page> user_state::on(const search_own& asked) {
  TRY_DONE(check_caller(asked.who));
  return hand_on(self, parts_->reader, search_texts{id_, asked.question, asked.filter, asked.page});
}

// -- Turns --------------------------------------------------------------------------------------

caf::result<reply_ticket> user_state::on(const post_message& asked) {
  TRY_DONE(check_caller(asked.who));
  TRY_DONE(check_maintenance());
  auto held = answers.hold<reply_ticket>(self);
  auto key = held.first;
  // Shared, so that megabytes of images are copied once, however many steps it takes.
  auto shared = std::make_shared<post_message>(asked);
  shared->turn.by = spender_of(asked.who);
  start_again(key, shared);
  return held.second;
}

void user_state::start_again(uint64_t key, const std::shared_ptr<post_message>& asked) {
  make_once<reply_ticket>(
      *this, key, own(asked->turn.key), [this, key, asked] { start(key, asked); },
      [this, key, asked](const remember_key& made) { repeat(key, *asked, made); });
}

void user_state::start(uint64_t key, const std::shared_ptr<post_message>& asked) {
  auto fail = [&](error cause) { answers.fail<reply_ticket>(key, std::move(cause)); };
  auto& turn = asked->turn;
  if (turn.key && !asked->session && turn.content.kind == turn_kind::say) {
    // The same request again while the first one is being stored: its SESSION knows the key.
    if (auto found = first_turns_.find(key_name(*turn.key)); found != first_turns_.end()) {
      if (found->second.body_sha256 != turn.key->body_sha256) return fail(key_mismatch());
      return start_in(key, found->second.session, std::move(turn));
    }
  }
  // Before the call: an upstream is not asked for what can't be stored.
  if (auto cause = parts_->storage_fault ? parts_->storage_fault() : error{}) return fail(cause);
  if (auto room = check_streams(); !room) return fail(room.error());
  if (asked->session) return start_in(key, *asked->session, std::move(turn));
  if (turn.content.kind != turn_kind::say) return start_where_it_is(key, asked);
  if (!asked->temporary && session_count_ >= sessions_max()) return fail(too_many_sessions());
  start_first(key, asked);
}

expected<void> user_state::check_streams() const {
  if (running_ < streams_max()) return caf::unit;
  error_detail detail;
  detail.reason = "streams_max";
  detail.retry_after_s = 1;
  return make_error(errc::rate_limited, "Too many replies are running at once.", detail);
}

void user_state::start_where_it_is(uint64_t key, const std::shared_ptr<post_message>& asked) {
  find_message(
      asked->turn.content.target,
      [this, key, asked](const message& target) {
        asked->session = target.session_id;
        if (auto admitted = check_caller(asked->who); !admitted)
          answers.fail<reply_ticket>(key, admitted.error());
        else
          start(key, asked);
      },
      [this, key](error& cause) { answers.fail<reply_ticket>(key, std::move(cause)); });
}

void user_state::start_in(uint64_t key, session_id target, start_turn turn) {
  auto entry = reach(target);
  if (!entry) return answers.fail<reply_ticket>(key, std::move(entry.error()));
  ++(*entry)->sent;
  ++(*entry)->running;
  ++running_;
  read_gauge();
  answers.hand_on<reply_ticket>(key, (*entry)->holder, std::move(turn));
}

// USER hears of the outcome itself: a session that was stored counts, another one is no more.
void user_state::start_first(uint64_t key, const std::shared_ptr<post_message>& asked) {
  session fresh;
  fresh.id = session_id::make();
  fresh.owner_id = id_;
  fresh.created_at = fresh.updated_at = now();
  fresh.temporary = asked->temporary;
  // With a key it may have to be sent again.
  auto turn = asked->turn.key ? asked->turn : std::move(asked->turn);
  auto target = fresh.id;
  auto counts = !fresh.temporary;
  auto entry = counts ? reach(target, std::move(fresh)) : reach_temporary(fresh);
  if (!entry) return answers.fail<reply_ticket>(key, std::move(entry.error()));
  ++(*entry)->sent;
  ++(*entry)->running;
  ++running_;
  if (counts) ++session_count_;
  std::string first_key;
  if (turn.key) {
    first_key = key_name(*turn.key);
    first_turns_[first_key] = {turn.key->body_sha256, target};
  }
  auto holder = (*entry)->holder;
  self->request(holder, caf::infinite, std::move(turn))
      .then(
          [this, key, first_key, counts](reply_ticket& ticket) {
            if (counts) first_turns_.erase(first_key);
            answers.deliver<reply_ticket>(key, std::move(ticket));
          },
          [this, key, asked, first_key, target, holder, counts](error& cause) {
            first_turns_.erase(first_key);
            if (counts) --session_count_;
            close_session(target);
            self->send_exit(holder, caf::exit_reason::user_shutdown);
            // Another request with this key has come first, by whatever way: its result counts.
            if (is_key_known(cause)) return start_again(key, asked);
            answers.fail<reply_ticket>(key, std::move(cause));
          });
}

/// The key made a reply before: that one is followed, or only named if nobody wants to follow.
void user_state::repeat(uint64_t key, const post_message& asked, const remember_key& made) {
  if (asked.turn.follow)
    return hand_to_session(key, made.session, {made.message, *asked.turn.follow});
  self->request(parts_->reader, caf::infinite, read_message{id_, made.session, made.message})
      .then(
          [this, key](const message& reply) {
            auto entry = reach(reply.session_id);
            if (!entry) return answers.fail<reply_ticket>(key, std::move(entry.error()));
            reply_ticket ticket;
            ticket.session = reply.session_id;
            ticket.user_message = reply.parent_id.value_or(message_id{});
            ticket.message = reply.id;
            ticket.holder = (*entry)->holder;
            ticket.is_stored = reply.status != message_status::streaming;
            answers.deliver<reply_ticket>(key, std::move(ticket));
          },
          [this, key](error& cause) { answers.fail<reply_ticket>(key, std::move(cause)); });
}

void user_state::hand_to_session(uint64_t key, session_id target, follow_reply question) {
  auto entry = reach(target);
  if (!entry) return answers.fail<reply_ticket>(key, std::move(entry.error()));
  ++(*entry)->sent;
  answers.hand_on<reply_ticket>(key, (*entry)->holder, std::move(question));
}

caf::result<reply_ticket> user_state::on(const join_reply& asked) {
  TRY_DONE(check_caller(asked.who));
  auto held = answers.hold<reply_ticket>(self);
  auto fail = [this, key = held.first](const error& cause) {
    answers.fail<reply_ticket>(key, cause);
  };
  find_message(
      asked.message,
      [this, key = held.first, asked, fail](const message& reply) {
        // As in post_message: a login that ended meanwhile opens no stream.
        if (auto admitted = check_caller(asked.who); !admitted) return fail(admitted.error());
        hand_to_session(key, reply.session_id, {reply.id, asked.follow});
      },
      fail);
  return held.second;
}

caf::result<done> user_state::on(const stop_turn& asked) {
  TRY_DONE(check_caller(asked.who));
  if (!asked.session.is_none()) {
    TRY(auto* entry, reach(asked.session));
    ++entry->sent;
    return hand_on(self, entry->holder, stop_reply{asked.message});
  }
  auto held = answers.hold<done>(self);
  auto fail = [this, key = held.first](const error& cause) { answers.fail<done>(key, cause); };
  find_message(
      asked.message,
      [this, key = held.first, fail](const message& reply) {
        auto entry = reach(reply.session_id);
        if (!entry) return fail(entry.error());
        ++(*entry)->sent;
        answers.hand_on<done>(key, (*entry)->holder, stop_reply{reply.id});
      },
      fail);
  return held.second;
}

}  // namespace parley
