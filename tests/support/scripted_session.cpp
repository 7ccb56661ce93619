#include "tests/support/scripted_session.hpp"

namespace parley::tests {

namespace {

struct state_of_script {
  static inline const char* name = "scripted_session";
  explicit state_of_script(session_actor::pointer actor) : self(actor) {}

  session_record& record() {
    auto& entry = script->records[id];
    return entry;
  }
  reply_ticket ticket(message_id message) {
    return {id, {}, message, caf::actor_cast<session_actor>(self), false};
  }

  caf::result<reply_ticket> on(const start_turn& turn) {
    ++record().got;
    record().turns.push_back(turn);
    if (script->holds_turns) return held.hold<reply_ticket>(self).second;
    if (script->fail_turn) return script->fail_turn;
    return ticket(message_id::make());
  }
  caf::result<reply_ticket> on(const follow_reply& asked) {
    ++record().got;
    record().follows.push_back(asked);
    return ticket(asked.message);
  }
  void on(const grant_credit&) {}
  void on(const leave_reply&) {}
  caf::result<done> on(const stop_reply& asked) {
    ++record().got;
    record().stops.push_back(asked);
    return done{};
  }
  caf::result<session> on(const change_session& asked) {
    ++record().got;
    session header;
    header.id = id;
    asked.patch.apply_to(header);
    return header;
  }
  caf::result<session> on(const fork_session& asked) {
    ++record().got;
    if (script->fail_turn) return script->fail_turn;
    session header;
    header.id = asked.made;
    return header;
  }
  caf::result<done> on(const drop_session& drop) {
    ++record().got;
    record().drops.push_back(drop);
    if (script->fail_drop) return script->fail_drop;
    return done{};
  }
  caf::result<turn_preview> on(const preview_turn& asked) {
    ++record().got;
    turn_preview shown;
    shown.model_name = content_of(asked.content.parts);
    return shown;
  }
  caf::result<message> on(const change_message& asked) {
    ++record().got;
    message row;
    row.id = asked.id;
    asked.patch.apply_to(row);
    return row;
  }
  caf::result<done> on(const drop_message&) {
    ++record().got;
    return done{};
  }
  caf::result<session_summary> on(const get_summary&) {
    ++record().got;
    return make_error(errc::not_found);
  }
  caf::result<session_summary> on(const write_summary& asked) {
    ++record().got;
    session_summary summary;
    summary.session_id = id;
    summary.text = asked.text;
    return summary;
  }
  caf::result<done> on(const drop_summary&) {
    ++record().got;
    return done{};
  }
  caf::result<session_summary> on(const make_summary&) {
    ++record().got;
    return make_error(errc::provider_failed);
  }
  void on(const session_work&) {}
  void on(const end_streams& message) {
    ++record().got;
    record().ended_logins.push_back(message.login);
  }
  void on(const reply_delta&) {}
  void on(const reply_finished&) {}
  void on(const reply_failed&) {}
  void on(const reply_tick&) {}
  void on(const checkpoint_stored&) {}
  void on(const checkpoint_lost&) {}
  void on(const idle_check&) {}
  void on(const spend_ruled& ruling) { record().rulings.push_back(ruling); }
  void on(const rest&) { ++record().rests; }
  void on(const sleep_now&) { self->quit(); }

  session_actor::pointer self;
  scripted_sessions* script = nullptr;
  session_id id;
  held_answers held;
};

session_actor::behavior_type run_script(session_actor::stateful_pointer<state_of_script> self,
                                        scripted_sessions* script, session_id id) {
  harden(self);
  self->state.script = script;
  self->state.id = id;
  return {handle<start_turn>(self),
          handle<follow_reply>(self),
          handle<grant_credit>(self),
          handle<leave_reply>(self),
          handle<stop_reply>(self),
          handle<change_session>(self),
          handle<fork_session>(self),
          handle<drop_session>(self),
          handle<preview_turn>(self),
          handle<change_message>(self),
          handle<drop_message>(self),
          handle<get_summary>(self),
          handle<write_summary>(self),
          handle<drop_summary>(self),
          handle<make_summary>(self),
          handle<session_work>(self),
          handle<end_streams>(self),
          handle<reply_delta>(self),
          handle<reply_finished>(self),
          handle<reply_failed>(self),
          handle<reply_tick>(self),
          handle<checkpoint_stored>(self),
          handle<checkpoint_lost>(self),
          handle<idle_check>(self),
          handle<rest>(self),
          handle<spend_ruled>(self),
          handle<sleep_now>(self)};
}

}  // namespace

session_actor scripted_sessions::start(caf::actor_system& system, session_parent_actor parent,
                                       user_id owner, session_id id, std::optional<session> fresh) {
  ++starts;
  session_record record;
  record.parent = std::move(parent);
  record.owner = owner;
  record.fresh = std::move(fresh);
  record.holder = system.spawn(run_script, this, id);
  auto holder = record.holder;
  records[id] = std::move(record);
  return holder;
}

}  // namespace parley::tests
