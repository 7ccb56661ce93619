/// The state of a USER actor: one `on` for each row of its table, spread over user_*.cpp.
#pragma once

#include <list>
#include <unordered_set>

#include "actors/impl/account_rules.hpp"
#include "actors/impl/audit.hpp"
#include "actors/impl/make_once.hpp"
#include "actors/impl/store_then.hpp"
#include "actors/impl/user_actor.hpp"
#include "base/refresh_token.hpp"
#include "chat/quota_book.hpp"

namespace parley {

/// An absent account refuses that long, so that whoever was just told its handle hears the reason,
/// and repeated questions don't each go to READER.
constexpr std::chrono::milliseconds absent_linger{5'000};

struct user_state {
  static inline const char* name = "user";
  explicit user_state(user_actor::pointer actor) : self(actor) {}
  ~user_state();

  void begin(user_place place, std::shared_ptr<const user_parts> given);

  // user_logins.cpp
  caf::result<login_ticket> on(const log_in& message);
  caf::result<login_ticket> on(const open_login& message);
  caf::result<login_ticket> on(const refresh_login& message);
  caf::result<done> on(const log_out& message);
  caf::result<login_list> on(const list_logins& message);
  caf::result<done> on(const end_login& message);
  caf::result<done> on(const change_password& message);
  caf::result<user> on(const set_password& message);

  // user_reset.cpp
  caf::result<reset_ticket> on(const make_reset_code& message);
  caf::result<login_ticket> on(const redeem_code& message);

  // user_account.cpp
  caf::result<done> on(const admit& message);
  caf::result<user> on(const get_account& message);
  caf::result<user> on(const change_account& message);
  caf::result<done> on(const leave& message);
  caf::result<user> on(const alter_account& message);
  caf::result<done> on(const remove_account& message);
  caf::result<user_settings> on(const get_settings& message);
  caf::result<user_settings> on(const change_settings& message);

  // user_models.cpp
  caf::result<model_list> on(const list_models& message);
  caf::result<model_config> on(const get_model& message);
  caf::result<model_config> on(const draft_model& message);
  caf::result<model_config> on(const get_tried_model& message);
  caf::result<model_config> on(const add_model& message);
  caf::result<model_config> on(const change_model& message);
  caf::result<done> on(const drop_model& message);
  caf::result<model_config> on(const find_model& message);

  // user_keys.cpp
  caf::result<api_key_list> on(const list_api_keys& message);
  caf::result<api_key> on(const get_api_key& message);
  caf::result<api_key_ticket> on(const add_api_key& message);
  caf::result<done> on(const drop_api_key& message);

  // user_spending.cpp
  caf::result<usage_report> on(const list_usage& asked);
  caf::result<limit_list> on(const list_limits& asked);
  caf::result<spend_granted> on(const reserve_spend& wanted);
  void on(const tokens_streamed& told);
  void on(const spend_settled& told);

  // user_events.cpp
  void on(const note_event& told);
  void on(const note_imported& told);
  caf::result<events_joined> on(const join_events& asked);
  void on(const leave_events& leaving);

  // user_calls.cpp
  caf::result<model_config> on(const get_named_model& asked);
  caf::result<call_ticket> on(const open_call& asked);
  void on(const call_ended& ended);

  // user_counting.cpp
  caf::result<counted_tokens> on(const count_tokens& asked);

  // user_sessions.cpp
  caf::result<session> on(const add_session& message);
  caf::result<page_of<session>> on(const list_sessions& message);
  caf::result<session> on(const get_session& message);
  caf::result<session> on(const patch_session& message);
  caf::result<done> on(const remove_session& message);
  caf::result<session> on(const fork_own_session& asked);

  // user_folders.cpp
  caf::result<folder_list> on(const list_folders& message);
  caf::result<folder> on(const get_folder& message);
  caf::result<folder> on(const add_folder& message);
  caf::result<folder> on(const change_folder& message);
  caf::result<done> on(const drop_folder& message);
  caf::result<bulk_result> on(const change_sessions& asked);
  caf::result<bulk_result> on(const expire_sessions& asked);

  // user_sessions.cpp
  caf::result<page_of<message>> on(const list_messages& asked);
  caf::result<search_page> on(const search_own& asked);
  caf::result<message> on(const get_message& asked);
  caf::result<reply_ticket> on(const post_message& asked);
  caf::result<reply_ticket> on(const join_reply& asked);
  caf::result<done> on(const stop_turn& asked);

  // user_conversation.cpp
  caf::result<message> on(const change_session_message& asked);
  caf::result<done> on(const drop_session_message& asked);
  caf::result<turn_preview> on(const preview_message& asked);
  caf::result<session_summary> on(const get_session_summary& asked);
  caf::result<session_summary> on(const write_session_summary& asked);
  caf::result<done> on(const drop_session_summary& asked);
  caf::result<session_summary> on(const make_session_summary& asked);

  // user_sessions.cpp
  void on(const session_idle& message);
  void on(const turn_ended& message);
  void on(const session_weighs& message);
  void on_down(const caf::down_msg& down);

  // user_actor.cpp
  void on(const idle_check& message);
  void on(const rest& message);
  void on(const sleep_now& message);

  const storage_actor& storage() const { return parts_->storage; }
  const reader_actor& reader() const { return parts_->reader; }
  instant now() const { return parts_->clock->now(); }

  user_actor::pointer self;
  held_answers answers;

 private:
  struct open_session {
    session_actor holder;
    uint64_t sent = 0;     ///< messages, for the handshake of session_idle
    uint64_t used = 0;     ///< the lowest was used longest ago
    int running = 0;       ///< turns granted
    int64_t bytes = 0;     ///< as it says
    reader_actor texts{};  ///< of a temporary one
  };
  /// A first turn on its way to a session that is not stored yet.
  struct first_turn {
    std::string body_sha256;
    session_id session;
  };
  struct proven_password {
    std::string hash;
    int64_t token_version = 0;
  };
  /// A login to be opened, and what the audit log calls it.
  struct wanted_login {
    client from;
    std::string action = "login.opened";
    bool ends_others = false;
  };
  struct password_change {
    login_id login;
    int64_t token_version = 0;
    secret_text next;
    caller by;
  };

  /// Someone who hears of live changes.
  struct listener {
    event_reader_actor reader;
    uint64_t stream = 0;
    login_id login;
  };

  enum class while_password_must_change : uint8_t { refused = 1, allowed };

  // user_actor.cpp
  void load();
  void touch();
  bool is_idle() const;
  /// Ends as soon as what waits has its answer; with a delay what comes until then as well.
  void end_after(std::chrono::milliseconds delay);
  expected<void> check_present() const;
  expected<void> check_caller(
      const caller& who, while_password_must_change rule = while_password_must_change::refused);

  // user_keys.cpp
  const api_key* find_api_key(api_key_id id) const;
  api_key* find_api_key(std::string_view hash);
  expected<void> check_key(const caller& who);
  expected<void> check_scope(const caller& who);
  expected<void> check_login(const caller& who) const;
  expected<void> check_new_key(const api_key& entry) const;
  void note_use(api_key& used);
  spender spender_of(const caller& who) const;
  bool may_use(const api_key_id& key, model_id model) const;
  bool may_use(const caller& who, model_id model) const;

  // user_spending.cpp
  void with_book(const std::function<void(const error&)>& use);
  std::vector<quota_limit> limits_of_spend(const spender& by, model_id model) const;
  void move_book();
  void grant(uint64_t key, const reserve_spend& wanted, const spending_actor& holder);
  void end_spends_of(const caf::actor_addr& ended);
  void store_usage(const usage_entry& used);
  void warn_of(const std::vector<quota_limit>& limits);
  expected<void> check_budget_left() const;

  // user_logins.cpp
  void finish_log_in(uint64_t key, const client& from, const proven_password& proven,
                     const password_verdict& verdict);
  void open(uint64_t key, user changed, const wanted_login& wanted);
  login_ticket ticket_of(const login& entry, refresh_token token) const;
  void judge_spent_token(uint64_t key, const spent_token& found);
  const login* find_login(login_id id) const;
  /// Forgets them, and ends their streams.
  void forget_logins(const std::function<bool(const login&)>& is_ended);
  caf::result<done> erase_login(login_id id);
  void hash_next(uint64_t key, const password_change& wanted);
  void store_password(uint64_t key, const password_change& wanted, std::string hash);

  // user_account.cpp
  caf::result<done> erase(const append_audit& told);
  void store_settings(uint64_t key, const patch_of<user_settings>& patch);

  // user_models.cpp
  bool is_admin() const;
  model_viewer viewer() const { return {id_, account_.role}; }
  /// Calls `then` with an error unless the model, if one is named, can be used now.
  void need_model(const std::optional<model_id>& wanted, const std::function<void(error)>& then);
  model_config judged(model_config model) const;
  void make_personal_model(uint64_t key, const add_model& asked);
  void store_model(uint64_t key, const add_model& asked);
  void change_personal_model(uint64_t key, const change_model& asked);
  std::optional<owned_key> own(const std::optional<request_key>& key) const;
  void find_default_model(uint64_t key);
  caf::result<model_config> find_summary_model(model_id otherwise);
  void find_only_model(uint64_t key, error otherwise);

  // user_calls.cpp
  void begin_call(uint64_t key, const open_call& asked, const model_config& model);
  void settle_call(const call_ended& ended);
  bool forget_call(const caf::actor_addr& over);

  // user_counting.cpp
  struct count_job;
  void count(const std::shared_ptr<count_job>& job);
  void calibrate(const std::shared_ptr<count_job>& job);

  // user_events.cpp
  void begin_events();
  void tell_event(std::string name, std::string data);
  void end_listeners(login_id ended);

  // user_temporary.cpp
  const reader_actor& texts_of(session_id of) const;
  expected<void> check_maintenance() const;
  expected<open_session*> reach_temporary(const session& fresh);
  void find_message(message_id wanted, std::function<void(const message&)> then,
                    std::function<void(error&)> fail);
  void find_in(std::vector<reader_actor> places, message_id wanted,
               const std::function<void(const message&)>& then,
               const std::function<void(error&)>& fail);
  int64_t sessions_max() const;
  int streams_max() const;
  size_t models_max() const;

  // user_folders.cpp
  struct bulk_job;
  const folder* find_folder(const std::optional<folder_id>& wanted) const;
  expected<void> check_folder(const patch_of<session>& patch) const;
  expected<void> check_place(const folder& changed) const;
  void make_folder(uint64_t key, const add_folder& asked);
  void make_api_key(uint64_t key, const add_api_key& message);
  void store_folder(uint64_t key, const change_folder& asked);
  void put_folder(const folder& changed);
  void go_on(const std::shared_ptr<bulk_job>& job);

  // user_sessions.cpp
  void remove(session_id removed, const drop_session& drop,
              const std::function<void(const error&)>& then);
  void fork(uint64_t key, const fork_own_session& asked);
  expected<open_session*> reach(session_id wanted, std::optional<session> fresh = std::nullopt);
  void rest_oldest();
  void tell_sessions(const end_streams& message);
  void give_back(open_session& entry);
  void close_session(session_id closed);
  expected<void> check_streams() const;
  void read_gauge();
  void make_session(uint64_t key, const add_session& asked);
  void store_session(uint64_t key, const add_session& asked);
  void start(uint64_t key, const std::shared_ptr<post_message>& asked);
  void start_again(uint64_t key, const std::shared_ptr<post_message>& asked);
  void start_where_it_is(uint64_t key, const std::shared_ptr<post_message>& asked);
  void start_in(uint64_t key, session_id target, start_turn turn);
  void start_first(uint64_t key, const std::shared_ptr<post_message>& asked);
  void repeat(uint64_t key, const post_message& asked, const remember_key& made);
  void hand_to_session(uint64_t key, session_id target, follow_reply question);

  user_id id_;
  std::shared_ptr<const user_parts> parts_;
  user_parent_actor parent_;
  std::shared_ptr<user_gauge> gauge_;

  error fault_;  ///< why there is no account here: absent, or not loaded
  bool is_ending_ = false;
  user account_;
  std::vector<login> logins_;
  std::vector<model_config> models_;
  std::vector<folder> folders_;
  std::vector<api_key> keys_;
  user_settings settings_;
  int64_t session_count_ = 0;

  std::unordered_map<session_id, open_session> sessions_;
  uint64_t uses_ = 0;              ///< of sessions
  std::vector<call_actor> calls_;  ///< at most streams_max
  std::vector<listener> listeners_;
  /// What replies that run are for.
  struct open_spend {
    spending_actor holder;
    spender by;
    model_id model;
  };
  int usage_writes_ = 0;  ///< not stored yet
  std::vector<std::function<void()>> usage_waiters_;
  quota_book book_;
  bool has_book_ = false;  ///< it is loaded
  time_zone book_zone_;    ///< whose days it has
  std::map<message_id, open_spend> spends_;
  std::list<account_event> events_;  ///< the last ones
  int64_t last_event_ = 0;
  bool has_listened_ = false;                      ///< anybody, ever
  std::map<std::string, first_turn> first_turns_;  ///< by route and Idempotency-Key
  int running_ = 0;                                ///< turns of all sessions, and calls
  int wrong_passwords_ = 0;                        ///< in a row, in change_password
  instant last_wrong_password_;
  caf::actor_clock::time_point last_used_{};
};

}  // namespace parley
