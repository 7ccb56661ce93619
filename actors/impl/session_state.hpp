/// The state of a SESSION actor; of use to actors/impl/session_*.cpp alone.
#pragma once

#include <deque>

#include "actors/impl/session_actor.hpp"
#include "chat/context.hpp"
#include "chat/reply_log.hpp"

namespace parley {

/// How a reply came to its end.
struct reply_ending {
  message_status status = message_status::complete;
  std::optional<usage> used;
  std::optional<message_error> error;
};

/// Someone who reads a reply, and how far they are.
struct reply_reader {
  follower who;
  int64_t position = 0;
};

/// A running reply, or one that is over and kept for readers that come late.
struct reply {
  enum class phase {
    preparing,  ///< model, window and texts are being fetched
    storing,    ///< the call runs, the commit too: nothing is shown yet
    streaming,  ///< stored: events are shown as they come
    finishing,  ///< over, the last commit runs
    kept,       ///< stored whole
  };

  reply(reply_start start, token_meter counting)
      : log(std::move(start)), meter(std::move(counting)) {}
  reply(reply_log stored, token_meter counting)
      : log(std::move(stored)), meter(std::move(counting)), at(phase::kept) {}

  message_id id() const { return log.start().message_id; }
  bool is_running() const { return at != phase::kept; }
  bool is_shown() const { return at >= phase::streaming; }

  reply_log log;
  token_meter meter;  ///< what is stored: without the model's factor
  token_rule rule;
  phase at = phase::preparing;
  message row;  ///< as stored; its parts are filled when the reply is over
  draft content;
  std::optional<request_key> key;
  std::vector<answer<reply_ticket>> askers;
  std::vector<answer<done>> stoppers;
  std::vector<reply_reader> readers;
  call_id call = 0;
  provider_actor provider;
  std::optional<reply_ending> ending;  ///< came before it could be acted on
  caf::actor_clock::time_point started{};
  std::optional<caf::actor_clock::time_point> first_token;
  caf::actor_clock::time_point kept_since{};
  int64_t checkpointed = 0;         ///< position up to which STORAGE was sent it
  bool is_checkpoint_held = false;  ///< the last one failed: the next tick tries again
  bool is_loaded = false;           ///< from the database, for those who read it now
};

class session_state {
 public:
  using pointer = session_actor::stateful_pointer<session_state>;
  static inline const char* name = "session";

  explicit session_state(pointer self) : self_(self) {}
  void begin(session_parts parts);

  caf::result<reply_ticket> on(start_turn&& turn);
  caf::result<reply_ticket> on(const follow_reply& join);
  void on(const grant_credit& grant);
  void on(const leave_reply& leaving);
  caf::result<done> on(const stop_reply& stop);
  caf::result<session> on(const change_session& change);
  caf::result<done> on(const drop_session& drop);
  void on(const end_streams& end);
  void on(const reply_delta& delta);
  void on(const reply_finished& finished);
  void on(const reply_failed& failed);
  void on(const reply_tick& tick);
  void on(const checkpoint_lost& lost);
  void on(const idle_check& check);
  void on(const rest& short_of_memory);
  void on(const sleep_now& sleep);

 private:
  // session_actor.cpp: loading, sleep and the end.
  void load();
  void take(const session_loaded& loaded);
  bool is_absent() const { return is_dropping_ || is_gone_; }
  error refuse_absent();
  void tell_idle();
  void tell_weight();
  void end();
  void on_down(const caf::down_msg& down);
  void end_with_parent();
  bool is_idle() const;
  void schedule_check();

  // session_record.cpp: the record, and rows that could not be stored in time.
  void write_record(std::function<void()> write);
  void next_record_write();
  void commit_record(commit batch, session changed, std::function<void(const error&)> then);
  void reload();
  expected<session> changed_by(const change_session& change) const;
  void store_change(uint64_t held, const change_session& change);
  void on_dropped();
  void note_row(const message& row);
  const message* unsaved_row(message_id id) const;
  void mend_interrupted();
  void store_unsaved();
  void drop_unsaved();

  // session_prompt.cpp: a turn from draft to commit.
  void prepare(reply& running);
  void plan(reply& running, const model_config& model);
  void store_turn(message_id id, model_config model, std::vector<message> history);
  void dispatch(reply& running, const model_config& model, const std::vector<message>& history);
  void fill_rows(reply& running, const model_config& model, message& asked, session& header) const;
  std::vector<const message_header*> path_to(message_id leaf) const;
  message_tokens recount(const message& row) const;

  // session_turn.cpp: a turn from commit to done.
  reply* known_with(const request_key& key);
  expected<void> check_turn(const start_turn& turn);
  caf::result<reply_ticket> join_twin(reply& twin, const start_turn& turn);
  void show(reply& stored);
  void on_stored(reply& running, const message& asked);
  void abandon(message_id id, const error& cause);
  void begin_call(reply& running, complete call);
  void release_call(reply& running);
  void cancel(reply& running);
  bool watches(const provider_actor& provider) const;
  void fail_call(reply& running, const error& cause);
  void stop(reply& running);
  void end_reply(reply& running, reply_ending ending);
  void fill_ending(reply& running, const reply_ending& ending);
  void finish(reply& running, reply_ending ending);
  void on_finished(reply& running, const reply_ending& ending, const error& fault);
  void checkpoint(reply& running);

  // session_readers.cpp: who reads what.
  expected<void> check_reader() const;
  void attach(reply& joined, const follower& who);
  void serve(reply& shown);
  bool serve_one(const reply& shown, reply_reader& reader);
  void cut_off(const reply_reader& reader, const error& cause);
  void load_reply(message_id id, const follower& who, answer<reply_ticket> asker);
  void join_stored(const message& stored, const follower& who, uint64_t held);
  reply_ticket ticket_of(const reply& shown) const;
  void drop_old_replies();

  reply* find(message_id id);
  reply* find_call(call_id call);
  const message_header* header_of(message_id id) const;

  pointer self_;
  session_parts parts_;
  session header_;
  bool is_fresh_ = false;
  bool is_dropping_ = false;  ///< its removal is being stored
  bool is_gone_ = false;      ///< no such session
  std::vector<message_header> messages_;
  std::vector<std::unique_ptr<reply>> replies_;
  /// The first one runs if the record is busy; those here wait. At most askers_max changes and a
  /// turn or an ending for each reply.
  std::deque<std::function<void()>> record_writes_;
  bool is_record_busy_ = false;
  /// Finished rows whose last commit failed; tried again until the database takes them.
  std::deque<message> unsaved_;
  bool is_saving_ = false;
  held_answers answers_;
  uint64_t seen_ = 0;  ///< messages from USER
  size_t weight_ = 0;  ///< bytes, as USER was told
  std::optional<caf::actor_clock::time_point> check_due_;
  caf::actor_clock::time_point last_used_{};
};

error too_many_askers();
/// The record `error` of a message: safe to show and to store.
message_error message_error_of(const error& cause);

}  // namespace parley
