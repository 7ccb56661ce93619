/// The state of a SESSION actor; of use to actors/impl/session_*.cpp alone.
#pragma once

#include <list>
#include <map>
#include <unordered_set>

#include "actors/impl/session_actor.hpp"
#include "base/boxed.hpp"
#include "chat/context.hpp"
#include "chat/reply_log.hpp"
#include "chat/text_window.hpp"

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

/// A request on its way from draft to plan: of a turn, of its preview or of its second try.
struct composition {
  draft content;
  model_config model;
  boxed<model_config> fallback;
  reply_params params;  ///< the turn's, the session's, the model's
  token_rule rule;
  content_measure asked;
  int64_t window = 0;  ///< the model's, or what the provider named
  /// The path from the first message to the new one, which stands last.
  std::vector<message_id> path;
  bool is_stored = false;  ///< the new message is: a second try
  context_plan plan;

  /// Which messages are sent, which are not, and why.
  context_used record() const;
  /// Where the end that is sent begins.
  std::optional<message_id> begin() const;
  /// What the message that is answered is called, once that is known.
  void name_newest(message_id id);
};
using composed = std::function<void(const error& fault)>;

/// A summary that is being written.
struct summary_job {
  uint64_t number = 0;  ///< what was asked for an earlier one is not for this
  provider_actor provider;
  model_config model;
  call_id call = 0;
  std::vector<message_id> covered;  ///< not yet in the summary, oldest first
  std::vector<int64_t> tokens;      ///< of each
  size_t next = 0;                  ///< of `covered`: where the next call's part begins
  size_t told_bytes = 0;            ///< of that message, if it is longer than a call's part
  session_summary made;
  int64_t base_version = 0;  ///< of the summary it began with; 0: there was none
  std::string written;
  size_t asked_bytes = 0;  ///< of the call
  std::vector<answer<session_summary>> askers;
};

/// A title that is being written, once in the life of a session.
struct title_job {
  provider_actor provider;
  call_id call = 0;
  std::string written;
  model_config model;
  size_t asked_bytes = 0;
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

  reply(reply_start start, const token_counter& counter)
      : log(std::move(start)),
        meter(counter.meter(token_vocabulary::o200k_base)),
        reasoning(counter.meter(token_vocabulary::o200k_base)) {}
  reply(reply_log stored, const token_counter& counter)
      : log(std::move(stored)),
        meter(counter.meter(token_vocabulary::o200k_base)),
        reasoning(counter.meter(token_vocabulary::o200k_base)),
        at(phase::kept) {}

  message_id id() const { return log.start().message_id; }
  bool is_running() const { return at != phase::kept; }
  bool is_shown() const { return at >= phase::streaming; }

  reply_log log;
  token_meter meter;      ///< of what later requests will send
  token_meter reasoning;  ///< of what they will not
  phase at = phase::preparing;
  message row;                        ///< as stored; its parts are filled when the reply is over
  std::shared_ptr<composition> made;  ///< shared with what composes it, until it is done
  boxed<usage> before;                ///< of a reply that goes on: what it had used
  int64_t begun_at = 0;               ///< bytes of text that it had
  std::optional<int64_t> refused;     ///< the provider found it too long: the limit named, or 0
  boxed<request_key> key;
  spender by;
  bool is_reserved = false;  ///< USER waits for it to be settled
  bool is_metered = false;   ///< and wants to hear of its tokens
  bool was_called = false;   ///< a model was
  int64_t report_at = 0;     ///< tokens
  caf::actor_clock::time_point reported{};
  boxed<usage_entry> spent;  ///< by the call that is over
  std::vector<answer<reply_ticket>> askers;
  std::vector<answer<done>> stoppers;
  std::vector<reply_reader> readers;
  call_id call = 0;
  provider_actor provider;
  boxed<reply_ending> ending;  ///< came before it could be acted on
  caf::actor_clock::time_point started{};
  std::optional<caf::actor_clock::time_point> first_token;
  caf::actor_clock::time_point kept_since{};
  int64_t checkpointed = 0;         ///< position up to which STORAGE was sent it
  int64_t stored = 0;               ///< position up to which it is stored, or given up
  bool is_paused = false;           ///< its provider waits
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
  caf::result<session> on(const fork_session& wanted);
  caf::result<turn_preview> on(const preview_turn& wanted);
  caf::result<message> on(const change_message& change);
  caf::result<done> on(const drop_message& drop);
  caf::result<session_summary> on(const get_summary& question);
  caf::result<session_summary> on(const write_summary& given);
  caf::result<done> on(const parley::drop_summary& drop);
  caf::result<session_summary> on(const make_summary& wanted);
  void on(const session_work& work);
  caf::result<done> on(const drop_session& drop);
  void on(const end_streams& end);
  void on(const reply_delta& delta);
  void on(const reply_finished& finished);
  void on(const reply_failed& failed);
  void on(const reply_tick& tick);
  void on(const checkpoint_stored& told);
  void on(const checkpoint_lost& lost);
  void on(const idle_check& check);
  void on(const spend_ruled& ruling);
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
  void note(std::string name, std::string data);
  void commit_record(commit batch, session changed, const std::function<void(const error&)>& then);
  void reload();
  expected<session> changed_by(const change_session& change) const;
  void store_change(uint64_t held, const change_session& change,
                    std::optional<token_vocabulary> vocabulary = {});
  void on_dropped();
  void note_row(const message& row);
  const message* unsaved_row(message_id id) const;
  void measure_row(message& row) const;
  void mend_interrupted();
  void store_unsaved();
  void drop_unsaved();

  // session_tree.cpp: where a turn joins the tree, and what is done to its messages.
  std::optional<message_id> parent_of(const draft& content) const;
  expected<reply_start> place_of(const draft& content) const;
  expected<reply_start> place_again(const draft& content) const;
  expected<reply_start> place_more(const draft& content) const;
  void reopen(message_id id);
  void let_go(message_id id, const error& cause);
  void mark(const message& changed, answer<message> asker);
  std::unordered_set<message_id> subtree_of(message_id root) const;
  expected<void> check_drop(const std::unordered_set<message_id>& gone) const;
  void store_drop(uint64_t held, message_id root);
  session without(const std::unordered_set<message_id>& gone, message_id root) const;
  void forget(const std::unordered_set<message_id>& gone);
  expected<copy_messages> copies_of(message_id leaf, session_id to) const;

  // session_context.cpp: which messages a request has.
  void compose(const std::shared_ptr<composition>& made, const composed& then);
  void find_fallback(const std::shared_ptr<composition>& made, const composed& then);
  void weigh(const std::shared_ptr<composition>& made, const composed& then);
  void calibrate(const std::shared_ptr<composition>& made, const composed& then);
  expected<void> plan(composition& made);
  std::vector<const message_header*> path_to(message_id leaf) const;
  measure_sum weight_of(std::string_view text, token_vocabulary vocabulary);
  const session_summary* summary_in_use() const;
  std::vector<message_id> sent_ids(const composition& made) const;
  complete call_for(const composition& made, std::vector<message_content> history) const;

  // session_prompt.cpp: a turn from draft to commit, and its second try.
  void prepare(reply& running);
  using texts_read = std::function<void(std::vector<message_content>& history)>;
  void read_texts(std::vector<message_id> ids, texts_read then,
                  std::function<void(const error&)> fail);
  void keep_texts(const std::vector<message_content>& history);
  void read_window(reply& running);
  void store_turn(message_id id, std::vector<message_content> history);
  void dispatch(reply& running, std::vector<message_content> history);
  void fill_rows(reply& running, message& asked, session& header) const;
  bool is_retried(reply& running, const error& cause);
  void try_again(reply& running);
  void send_again(message_id id, std::vector<message_content> history);

  // session_spending.cpp: what calls use.
  void reserve(reply& running);
  void report(reply& running);
  int64_t streamed_tokens(reply& running) const;
  usage counted_usage(reply& running) const;
  const model_config& priced_model(const reply& running) const;
  usage_entry entry_of(const model_config& model, const spender& by, usage& used) const;
  void settle(reply& running);
  void end_unfinished(reply& running);
  /// A call of a summary or a title.
  struct side_call {
    const model_config& model;
    size_t asked_bytes;
    const std::string& written;
  };
  void note_side_call(const side_call& call, const std::optional<usage>& used);
  void note_side_end(call_id call, const std::optional<usage>& used);

  // session_afterwork.cpp, session_summary.cpp: what follows a turn and delays none.
  void recount();
  void take_measures(const content_list& rows, const std::vector<content_measure>& measures);
  void learn(const reply& over, const std::optional<usage>& used);
  /// What a summary does not cover yet, and whether it goes on from the one there is.
  struct summary_task {
    std::vector<const message_header*> covered;
    bool goes_on = false;
  };
  summary_task unsummarised() const;
  bool begin_summary(provider_actor provider, const summary_task& task);
  bool is_writing(uint64_t number) const { return job_ && job_->number == number; }
  void find_summary_model();
  void read_summary_part();
  void call_summary_model(const content_list& rows);
  void hear(const reply_delta& delta);
  void end_summary_part(call_id call);
  void store_summary(session_summary made, const std::function<void(const error&)>& then);
  void end_summary(const error& fault);
  // session_title.cpp
  void begin_title();
  void call_title_model(const model_config& model, const content_list& rows);
  void hear_title(const reply_delta& delta);
  void end_title_call();
  void end_title(const error& fault);
  void store_title(const std::string& title);
  size_t index_of(message_id id, const std::vector<const message_header*>& path) const;

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
  bool is_ahead(const reply& running) const;
  void pace(reply& running);

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
  boxed<session_summary> summary_;
  boxed<summary_job> job_;
  uint64_t jobs_ = 0;
  boxed<title_job> title_job_;
  bool is_title_tried_ = false;
  /// What the last turn counted with; messages without a count in it are counted anew.
  std::optional<token_vocabulary> vocabulary_;
  bool is_counting_ = false;
  /// The last turn's request, for what follows it.
  std::shared_ptr<const composition> last_;
  provider_actor last_provider_;
  spender last_by_;  ///< whose turn that was
  /// A limit that a provider named, and of which model.
  std::pair<model_id, int64_t> named_window_{};
  /// Measures of the system prompt and the summary: the same for many turns.
  struct known_text {
    std::string text;
    token_vocabulary vocabulary = token_vocabulary::bytes;
    measure_sum sum;
  };
  std::list<known_text> known_texts_;
  text_window texts_;  ///< of the last request, and what was said since
  std::vector<std::unique_ptr<reply>> replies_;
  /// The first one runs if the record is busy; those here wait. At most askers_max changes and a
  /// turn or an ending for each reply.
  std::list<std::function<void()>> record_writes_;
  bool is_record_busy_ = false;
  /// Finished rows whose last commit failed; tried again until the database takes them.
  std::list<message> unsaved_;
  std::map<message_id, usage_entry> unsaved_usage_;  ///< of these
  bool is_saving_ = false;
  held_answers answers_;
  uint64_t seen_ = 0;  ///< messages from USER
  size_t weight_ = 0;  ///< bytes, as USER was told
  std::optional<caf::actor_clock::time_point> check_due_;
  caf::actor_clock::time_point last_used_{};
};

error too_many_askers();

}  // namespace parley
