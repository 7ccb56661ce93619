/// What USER is asked. Every message that comes from outside carries its caller.
#pragma once

#include "actors/session.hpp"
#include "schema/requests.hpp"

namespace parley {

/// A new login of this account if the password is right.
struct log_in {
  secret_text password;
  client from;
};
PARLEY_INSPECT(log_in, password, from)

/// A new login without a password: ADMIN has just made this account, or it has none.
struct open_login {
  client from;
  bool only_without_password = false;
};
PARLEY_INSPECT(open_login, from, only_without_password)

struct refresh_login {
  std::string token_hash;  ///< SHA-256 of the refresh token
  client from;
};
PARLEY_INSPECT(refresh_login, token_hash, from)

/// The body `tokens` of api.md.
struct login_ticket {
  user account;
  secret_text access_token;
  int64_t expires_in_s = 0;
  secret_text refresh_token;
  int64_t refresh_expires_in_s = 0;
};
PARLEY_INSPECT(login_ticket, account, access_token, expires_in_s, refresh_token,
               refresh_expires_in_s)

/// Is this caller who the token says, still logged in and of the role needed?
struct admit {
  caller who;
};
PARLEY_INSPECT(admit, who)

struct log_out {
  caller who;
};
PARLEY_INSPECT(log_out, who)

struct list_logins {
  caller who;
};
PARLEY_INSPECT(list_logins, who)

struct login_list {
  std::vector<login> items;
};
PARLEY_INSPECT(login_list, items)

struct end_login {
  caller who;
  login_id login;
};
PARLEY_INSPECT(end_login, who, login)

struct get_account {
  caller who;
};
PARLEY_INSPECT(get_account, who)

struct change_account {
  caller who;
  patch_of<user> patch;
  int64_t if_version = 0;
};
PARLEY_INSPECT(change_account, who, patch, if_version)

/// Ends all other logins.
struct change_password {
  caller who;
  secret_text current;
  secret_text next;
};
PARLEY_INSPECT(change_password, who, current, next)

/// The account goes, with all it owns.
struct leave {
  caller who;
};
PARLEY_INSPECT(leave, who)

/// From ADMIN, which has checked its own caller.
struct alter_account {
  std::optional<parley::role> role;
  std::optional<user_status> status;
  std::optional<json_text> labels{};
  int64_t if_version = 0;
  caller by{};
};
PARLEY_INSPECT(alter_account, role, status, labels, if_version, by)

/// From ADMIN: another password, whatever the present one is. Ends all logins.
struct set_password {
  secret_text password;
  bool must_change = false;  ///< before anything else is allowed
  caller by{};
};
PARLEY_INSPECT(set_password, password, must_change, by)

/// From ADMIN: a one-time code for a new password. The present one holds until it is used.
struct make_reset_code {
  caller by;
};
PARLEY_INSPECT(make_reset_code, by)

/// An account with a code to hand over; without one if it was made by an earlier request.
struct reset_ticket {
  user account;
  secret_text code;
  instant expires_at;
};
PARLEY_INSPECT(reset_ticket, account, code, expires_at)

/// From DIRECTORY: sets the password if the code is right, ends all logins and opens a new one.
struct redeem_code {
  secret_text code;
  secret_text next;
  client from;
};
PARLEY_INSPECT(redeem_code, code, next, from)

/// From ADMIN.
struct remove_account {
  caller by{};
};
PARLEY_INSPECT(remove_account, by)

struct get_settings {
  caller who;
};
PARLEY_INSPECT(get_settings, who)

struct change_settings {
  caller who;
  patch_of<user_settings> patch;
};
PARLEY_INSPECT(change_settings, who, patch)

struct list_models {
  caller who;
};
PARLEY_INSPECT(list_models, who)

struct model_list {
  std::vector<model_config> items;
};
PARLEY_INSPECT(model_list, items)

struct get_model {
  caller who;
  model_id id;
};
PARLEY_INSPECT(get_model, who, id)

/// A model that is not stored: to be tried, or asked what else is there. With `needs_model` false
/// its name and the upstream's id may be missing.
struct draft_model {
  caller who;
  patch_of<model_config> patch;
  bool needs_model = true;
};
PARLEY_INSPECT(draft_model, who, patch, needs_model)

/// One to be tried: the caller's own, or with the role ADMIN any of the system's.
struct get_tried_model {
  caller who;
  model_id id;
};
PARLEY_INSPECT(get_tried_model, who, id)

/// A personal model. Its address was checked by the edge, its key is sealed here.
struct add_model {
  caller who;
  patch_of<model_config> patch;
  std::optional<request_key> key;
};
PARLEY_INSPECT(add_model, who, patch, key)

struct change_model {
  caller who;
  model_id id;
  patch_of<model_config> patch;
  int64_t if_version = 0;
};
PARLEY_INSPECT(change_model, who, id, patch, if_version)

struct drop_model {
  caller who;
  model_id id;
  int64_t if_version = 0;
};
PARLEY_INSPECT(drop_model, who, id, if_version)

struct add_session {
  caller who;
  patch_of<session> patch;
  std::optional<request_key> key;
};
PARLEY_INSPECT(add_session, who, patch, key)

struct list_sessions {
  caller who;
  page_request page;
  session_filter filter{};
};
PARLEY_INSPECT(list_sessions, who, page, filter)

struct get_session {
  caller who;
  session_id id;
};
PARLEY_INSPECT(get_session, who, id)

struct patch_session {
  caller who;
  session_id id;
  change_session change;
};
PARLEY_INSPECT(patch_session, who, id, change)

struct remove_session {
  caller who;
  session_id id;
  drop_session drop;
};
PARLEY_INSPECT(remove_session, who, id, drop)

/// A session that begins with a copy of another's branch.
struct fork_own_session {
  caller who;
  session_id session;
  fork_session fork;
};
PARLEY_INSPECT(fork_own_session, who, session, fork)

/// One thing for many sessions; each is answered for by itself.
struct change_sessions {
  caller who;
  bulk_body wanted;
};
PARLEY_INSPECT(change_sessions, who, wanted)

/// From UPKEEP: these chats are old and go, unless they were changed since they were looked at.
struct expire_sessions {
  std::vector<seen_session> items;
};
PARLEY_INSPECT(expire_sessions, items)

struct list_folders {
  caller who;
};
PARLEY_INSPECT(list_folders, who)

struct folder_list {
  std::vector<folder> items;
};
PARLEY_INSPECT(folder_list, items)

struct get_folder {
  caller who;
  folder_id id;
};
PARLEY_INSPECT(get_folder, who, id)

struct add_folder {
  caller who;
  patch_of<folder> patch;
  std::optional<request_key> key;
};
PARLEY_INSPECT(add_folder, who, patch, key)

struct change_folder {
  caller who;
  folder_id id;
  patch_of<folder> patch;
  int64_t if_version = 0;
};
PARLEY_INSPECT(change_folder, who, id, patch, if_version)

/// Its sessions stay, its folders move up.
struct drop_folder {
  caller who;
  folder_id id;
  int64_t if_version = 0;
};
PARLEY_INSPECT(drop_folder, who, id, if_version)

struct list_messages {
  caller who;
  session_id session;
  page_request page;
  std::optional<message_id> leaf;
  std::optional<message_id> after{};
};
PARLEY_INSPECT(list_messages, who, session, page, leaf, after)

struct get_message {
  caller who;
  session_id session;
  message_id id;
};
PARLEY_INSPECT(get_message, who, session, id)

/// A user's turn; without a session a new one is made in the same commit, unless it is about a
/// message that there is: then its session is found.
struct post_message {
  caller who;
  std::optional<session_id> session;
  start_turn turn;
  bool temporary = false;  ///< a new session stays in memory
};
PARLEY_INSPECT(post_message, who, session, turn, temporary)

/// Follow or resume a reply of this user.
struct join_reply {
  caller who;
  message_id message;
  follower follow;
};
PARLEY_INSPECT(join_reply, who, message, follow)

/// By message or by session, whichever is not none.
struct stop_turn {
  caller who;
  message_id message;
  session_id session;
};
PARLEY_INSPECT(stop_turn, who, message, session)

struct change_session_message {
  caller who;
  session_id session;
  change_message change;
};
PARLEY_INSPECT(change_session_message, who, session, change)

struct drop_session_message {
  caller who;
  session_id session;
  drop_message drop;
};
PARLEY_INSPECT(drop_session_message, who, session, drop)

/// What a turn would send; without a session: in a new one.
struct preview_message {
  caller who;
  std::optional<session_id> session;
  draft content;
};
PARLEY_INSPECT(preview_message, who, session, content)

struct get_session_summary {
  caller who;
  session_id session;
};
PARLEY_INSPECT(get_session_summary, who, session)

struct write_session_summary {
  caller who;
  session_id session;
  write_summary summary;
};
PARLEY_INSPECT(write_session_summary, who, session, summary)

struct drop_session_summary {
  caller who;
  session_id session;
  drop_summary drop;
};
PARLEY_INSPECT(drop_session_summary, who, session, drop)

struct make_session_summary {
  caller who;
  session_id session;
  make_summary wish;
};
PARLEY_INSPECT(make_session_summary, who, session, wish)

/// One live change. Ids rise.
struct account_event {
  int64_t id = 0;
  std::string name;
  std::string data;
};
PARLEY_INSPECT(account_event, id, name, data)

/// To whoever listens. An error ends it.
struct event_slice {
  uint64_t stream = 0;  ///< the listener's own name for it
  std::vector<account_event> events;
  std::optional<message_error> error;
};
PARLEY_INSPECT(event_slice, stream, events, error)

/// Whoever listens to live changes: EDGE.
using event_reader_actor = caf::typed_actor<tell<event_slice>>;

/// Listens from now on, or from the event `after`.
struct join_events {
  caller who;
  event_reader_actor reader;
  uint64_t stream = 0;
  std::optional<int64_t> after;
};
PARLEY_INSPECT(join_events, who, reader, stream, after)

/// `ready`, or what was missed, or `reset` if that is not known any more.
struct events_joined {
  std::vector<account_event> events;
};
PARLEY_INSPECT(events_joined, events)

/// USER to JOBS: streams of this login end; a login that is none stands for all of the user's.
struct end_job_streams {
  user_id user;
  login_id login;
};
PARLEY_INSPECT(end_job_streams, user, login)

/// What USER needs of JOBS.
using job_streams_actor = caf::typed_actor<tell<end_job_streams>>;

/// JOBS to USER: an import has stored sessions. Those that are not named were too many to be.
struct note_imported {
  std::vector<session> made;
  int64_t count = 0;
};
PARLEY_INSPECT(note_imported, made, count)

struct leave_events {
  event_reader_actor reader;
  uint64_t stream = 0;
};
PARLEY_INSPECT(leave_events, reader, stream)

/// Who tells EDGE of changes: USER, and JOBS of a job.
using event_source_actor = caf::typed_actor<tell<leave_events>>;

/// The tokens of a text, or of messages as a request would have them. `model` is an upstream's id;
/// without one the model config is asked, without that the caller's default.
struct count_tokens {
  caller who;
  model_id config;
  std::string model;
  bool is_conversation = false;
  std::vector<std::vector<part>> messages;
  std::vector<std::string> names;  ///< of the messages that have one
  std::string tools;               ///< a JSON array, or empty
};
PARLEY_INSPECT(count_tokens, who, config, model, is_conversation, messages, names, tools)

struct counted_tokens {
  int64_t tokens = 0;
  std::string model;
  std::string vocabulary;
  bool estimated = false;
};
PARLEY_INSPECT(counted_tokens, tokens, model, vocabulary, estimated)

/// USER to DIRECTORY: nothing to do. DIRECTORY says sleep_now unless it was just asked for this
/// user, and starts a successor only once the sleeper is down: two never write at a time.
struct user_idle {
  user_id id;
};
PARLEY_INSPECT(user_idle, id)

/// USER to ADMIN: a system model by id, or the system's default if none.
struct find_system_model {
  model_id id;
  /// For a summary or a title: the model that the system has for it, errc::not_found if none is
  /// set.
  model_purpose purpose = model_purpose::turn;
  /// For a turn: only what is open to them; none sees all.
  std::optional<model_viewer> viewer{};
  std::string name{};  ///< for a turn: by its name in place of an id
};
PARLEY_INSPECT(find_system_model, id, purpose, viewer, name)

struct list_system_models {};
PARLEY_INSPECT(list_system_models)

}  // namespace parley
