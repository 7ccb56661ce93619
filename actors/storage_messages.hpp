/// What STORAGE and READER are asked.
#pragma once

#include "actors/protocol.hpp"
#include "chat/usage_query.hpp"
#include "schema/change.hpp"

namespace parley {

/// Stores all changes or none; answered after the transaction that holds them is on disk.
struct commit {
  std::vector<change> changes;
};
PARLEY_INSPECT(commit, changes)

/// What was added to one part of a running reply. `position` is that of the end of `text` (api.md,
/// The chat stream).
struct reply_chunk {
  int64_t position = 0;
  int32_t part_index = 0;
  part_type type = part_type::text;
  std::string text;
};
PARLEY_INSPECT(reply_chunk, position, part_index, type, text)

/// What a running reply has got since the position `after`. Not worth a transaction of its own.
struct checkpoint_reply {
  message_id id;
  int64_t after = 0;
  std::vector<reply_chunk> chunks;
  bool is_awaited = false;  ///< its sender wants to hear that it is stored
};
PARLEY_INSPECT(checkpoint_reply, id, after, chunks, is_awaited)

/// STORAGE to whoever awaits it: all up to this position is stored.
struct checkpoint_stored {
  message_id id;
  int64_t position = 0;
};
PARLEY_INSPECT(checkpoint_stored, id, position)

/// STORAGE to whoever sent the checkpoint: it could not be stored.
struct checkpoint_lost {
  message_id id;
  int64_t after = 0;
};
PARLEY_INSPECT(checkpoint_lost, id, after)

/// STORAGE to itself: commit all that waits.
struct flush {};
PARLEY_INSPECT(flush)

/// STORAGE to itself: the next small batch of what was erased or is too old.
struct sweep {};
PARLEY_INSPECT(sweep)

/// From app/node while nobody is awake: what is kept only to be faster next time may go.
struct release_memory {};
PARLEY_INSPECT(release_memory)

struct find_username {
  std::string username;
};
PARLEY_INSPECT(find_username, username)

/// None if there is no such account.
struct found_user {
  std::optional<user_id> id;
};
PARLEY_INSPECT(found_user, id)

/// Everything a USER actor keeps. errc::not_found for absent and erased users.
struct load_user {
  user_id id;
};
PARLEY_INSPECT(load_user, id)

struct user_state_loaded {
  user account;
  std::vector<login> logins;
  std::vector<model_config> models;
  user_settings settings;
  std::vector<folder> folders;
  int64_t session_count = 0;
  std::vector<api_key> keys{};
};
PARLEY_INSPECT(user_state_loaded, account, logins, models, settings, folders, session_count, keys)

/// Which login a spent refresh token belonged to.
struct find_spent_token {
  user_id owner_id;
  std::string hash;
};
PARLEY_INSPECT(find_spent_token, owner_id, hash)

struct spent_token {
  std::optional<login_id> login;
  instant spent_at;
};
PARLEY_INSPECT(spent_token, login, spent_at)

struct list_accounts {
  page_request page;
  std::string search;  ///< part of user name, shown name or email; empty for all
  std::optional<parley::role> role{};
  std::optional<user_status> status{};
  user_order order = user_order::username;
};
PARLEY_INSPECT(list_accounts, page, search, role, status, order)

struct load_system {};
PARLEY_INSPECT(load_system)

struct system_loaded {
  system_settings settings;
  std::vector<model_config> models;
  int64_t user_count = 0;
  quota_settings quotas{};
};
PARLEY_INSPECT(system_loaded, settings, models, user_count, quotas)

/// An invitation by the hash of its code, or by its id where that is empty.
struct find_invitation {
  std::string code_hash;
  invitation_id id{};
};
PARLEY_INSPECT(find_invitation, code_hash, id)

struct found_invitation {
  std::optional<invitation> known;
};
PARLEY_INSPECT(found_invitation, known)

/// The latest first.
struct page_invitations {
  page_request page;
};
PARLEY_INSPECT(page_invitations, page)

/// The audit log, by place.
struct page_audit {
  page_request page;
  audit_filter filter;
};
PARLEY_INSPECT(page_audit, page, filter)

/// Follows the chain from a place whose hash is known; at the beginning both are none.
struct check_audit {
  int64_t after = 0;
  std::string hash;
  int64_t rows_max = 10'000;
};
PARLEY_INSPECT(check_audit, after, hash, rows_max)

struct audit_check {
  int64_t rows = 0;               ///< that hold
  int64_t last = 0;               ///< the place of the last one, and its hash
  std::string hash;               ///< which to write down proves that nothing was cut off later
  std::optional<int64_t> broken;  ///< the first place where the chain does not hold
  bool has_more = false;
};
PARLEY_INSPECT(audit_check, rows, last, hash, broken, has_more)

/// A session with the headers of all its messages. Foreign = absent = errc::not_found.
struct load_session {
  user_id owner_id;
  session_id id;
};
PARLEY_INSPECT(load_session, owner_id, id)

struct session_loaded {
  session header;
  std::vector<message_header> messages;  ///< in the order of their making
  std::optional<session_summary> summary;
};
PARLEY_INSPECT(session_loaded, header, messages, summary)

/// Whole messages, in the order asked; absent ones are left out. More than window_bytes_max of them
/// is errc::too_large.
struct read_messages {
  user_id owner_id;
  session_id session;
  std::vector<message_id> ids;
};
PARLEY_INSPECT(read_messages, owner_id, session, ids)

struct message_list {
  std::vector<message> items;
};
PARLEY_INSPECT(message_list, items)

/// What a model is shown of messages, as read_messages reads whole ones and within the same bound.
struct read_contents {
  user_id owner_id;
  session_id session;
  std::vector<message_id> ids;
};
PARLEY_INSPECT(read_contents, owner_id, session, ids)

struct message_content {
  message_id id;
  message_role role = message_role::user;
  std::vector<part> parts;
};
PARLEY_INSPECT(message_content, id, role, parts)

struct content_list {
  std::vector<message_content> items;
};
PARLEY_INSPECT(content_list, items)

/// What is known of closed tokenizers, the latest first.
struct load_calibrations {
  int64_t rows_max = 0;
};
PARLEY_INSPECT(load_calibrations, rows_max)

struct calibration_list {
  std::vector<stored_calibration> items;
};
PARLEY_INSPECT(calibration_list, items)

struct read_session {
  user_id owner_id;
  session_id id;
};
PARLEY_INSPECT(read_session, owner_id, id)

struct page_sessions {
  user_id owner_id;
  page_request page;
  session_filter filter{};
};
PARLEY_INSPECT(page_sessions, owner_id, page, filter)

/// Where a walk through old chats is: what comes after the chat of this owner, moment and id.
struct old_chat_place {
  user_id owner_id;
  instant updated_at;
  session_id id;
};
PARLEY_INSPECT(old_chat_place, owner_id, updated_at, id)

/// Chats that were not touched since `before` and are not pinned, whoever has them.
struct find_old_sessions {
  instant before;
  old_chat_place after;
  int32_t rows_max = 100;
};
PARLEY_INSPECT(find_old_sessions, before, after, rows_max)

/// A chat as it was when it was looked at.
struct seen_session {
  session_id id;
  int64_t version = 0;
};
PARLEY_INSPECT(seen_session, id, version)

/// All of one owner; none when there are no more.
struct old_sessions {
  std::vector<seen_session> items;
  old_chat_place last;
};
PARLEY_INSPECT(old_sessions, items, last)

/// Messages of a session: with `leaf` the path from it to the root, otherwise the whole tree; with
/// `after` only what was made after that message. By order of making.
struct page_messages {
  user_id owner_id;
  session_id session;
  page_request page;
  std::optional<message_id> leaf;
  std::optional<message_id> after{};
};
PARLEY_INSPECT(page_messages, owner_id, session, page, leaf, after)

/// One message of the owner; `session` none stands for any of theirs. Of a running reply: what is
/// checkpointed.
struct read_message {
  user_id owner_id;
  session_id session;
  message_id id;
};
PARLEY_INSPECT(read_message, owner_id, session, id)

/// What an owner has used since each of these moments, and in all.
struct sum_windows {
  user_id owner_id;
  instant day_begin;
  instant month_begin;
};
PARLEY_INSPECT(sum_windows, owner_id, day_begin, month_begin)

struct window_sum {
  model_id model;
  api_key_id key;
  std::string currency;
  quota_window window = quota_window::day;
  int64_t requests = 0;
  int64_t tokens = 0;
  int64_t cost = 0;
};
PARLEY_INSPECT(window_sum, model, key, currency, window, requests, tokens, cost)

struct window_sums {
  std::vector<window_sum> items;
};
PARLEY_INSPECT(window_sums, items)

/// The usage of one user, or of everyone.
struct read_usage {
  std::optional<user_id> owner_id;
  usage_range range;
};
PARLEY_INSPECT(read_usage, owner_id, range)

struct usage_report {
  usage_range range;
  std::vector<usage_sum> items;  ///< by day in order, otherwise the most tokens first
};
PARLEY_INSPECT(usage_report, range, items)

struct read_upload {
  user_id owner_id;
  upload_id id;
};
PARLEY_INSPECT(read_upload, owner_id, id)

struct read_job {
  user_id owner_id;
  job_id id;
};
PARLEY_INSPECT(read_job, owner_id, id)

/// The latest first.
struct page_jobs {
  user_id owner_id;
  page_request page;
};
PARLEY_INSPECT(page_jobs, owner_id, page)

/// All of JOBS' state.
struct load_transfers {};
PARLEY_INSPECT(load_transfers)

/// Uploads that are there, and exports whose files are.
struct transfers_loaded {
  std::vector<job> unfinished;
  std::vector<upload_id> uploads;
  std::vector<job_id> files;
};
PARLEY_INSPECT(transfers_loaded, unfinished, uploads, files)

struct find_key {
  user_id owner_id;
  std::string route;
  std::string key;
};
PARLEY_INSPECT(find_key, owner_id, route, key)

struct known_key {
  std::optional<remember_key> made;
};
PARLEY_INSPECT(known_key, made)

}  // namespace parley
