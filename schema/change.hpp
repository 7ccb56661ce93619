/// The closed list of writes. The changes of one commit are stored together or not at all.
///
/// Only STORAGE turns changes into SQL. Making never overwrites: an id or unique name that exists
/// is errc::conflict. Changing or erasing what is absent is errc::not_found, except where noted.
#pragma once

#include "schema/api_key.hpp"
#include "schema/audit.hpp"
#include "schema/calibration.hpp"
#include "schema/job.hpp"
#include "schema/message.hpp"
#include "schema/session.hpp"
#include "schema/system.hpp"
#include "schema/usage.hpp"
#include "schema/user.hpp"

namespace parley {

/// `only_first`: fails with errc::conflict, reason `not_first`, once any account exists.
struct create_user {
  user account;
  bool only_first = false;
};
PARLEY_INSPECT(create_user, account, only_first)

/// Refused with errc::conflict, reason `last_admin`, if it would leave no active ADMIN.
struct update_user {
  user account;
};
PARLEY_INSPECT(update_user, account)

/// Frees the name, ends the logins and removes models with their keys at once; chats follow in
/// small batches, also after a restart. Refused like update_user for the last ADMIN.
struct erase_user {
  user_id id;
};
PARLEY_INSPECT(erase_user, id)

struct create_login {
  login entry;
};
PARLEY_INSPECT(create_login, entry)

/// Replaces the refresh token of a login; the old hash is remembered as spent.
struct rotate_login {
  login entry;
  std::string spent_hash;
};
PARLEY_INSPECT(rotate_login, entry, spent_hash)

/// One login, or with `id` none all of the owner except `kept`. Absent ones are no fault.
struct erase_logins {
  user_id owner_id;
  login_id id;
  login_id kept;
};
PARLEY_INSPECT(erase_logins, owner_id, id, kept)

struct put_user_settings {
  user_id owner_id;
  user_settings settings;
};
PARLEY_INSPECT(put_user_settings, owner_id, settings)

struct put_system_settings {
  system_settings settings;
};
PARLEY_INSPECT(put_system_settings, settings)

struct create_model {
  model_config model;
};
PARLEY_INSPECT(create_model, model)

struct update_model {
  model_config model;
};
PARLEY_INSPECT(update_model, model)

/// Chats stay: their modelId becomes null, each message keeps its modelName.
struct erase_model {
  model_id id;
};
PARLEY_INSPECT(erase_model, id)

struct create_session {
  session header;
};
PARLEY_INSPECT(create_session, header)

struct update_session {
  session header;
};
PARLEY_INSPECT(update_session, header)

/// Nobody's at once; its messages go in small batches, also after a restart.
struct erase_session {
  session_id id;
};
PARLEY_INSPECT(erase_session, id)

struct create_folder {
  folder made;
};
PARLEY_INSPECT(create_folder, made)

struct update_folder {
  folder changed;
};
PARLEY_INSPECT(update_folder, changed)

/// Its sessions stay: their folderId becomes null.
struct erase_folder {
  folder_id id;
};
PARLEY_INSPECT(erase_folder, id)

/// Messages of one session once more in another of the same owner, each the parent of the next. A
/// reply that is being written is not copied: errc::not_found.
struct copy_messages {
  struct copy {
    message_id from;
    message_id to;
  };
  session_id from;
  session_id to;
  std::vector<copy> messages;
};
PARLEY_INSPECT(copy_messages::copy, from, to)
PARLEY_INSPECT(copy_messages, from, to, messages)

struct create_message {
  message entry;
};
PARLEY_INSPECT(create_message, entry)

/// Writes the whole message and drops its chunks.
struct finish_message {
  message entry;
};
PARLEY_INSPECT(finish_message, entry)

/// What its user notes on a message; the rest of it stays.
struct mark_message {
  session_id session;
  message_id id;
  bool pinned = false;
  std::optional<message_rating> rating;
  json_text metadata;
  instant updated_at;
};
PARLEY_INSPECT(mark_message, session, id, pinned, rating, metadata, updated_at)

/// The message with all that answers to it.
struct erase_messages {
  session_id session;
  message_id root;
};
PARLEY_INSPECT(erase_messages, session, root)

/// Messages counted anew, in another vocabulary. Those that are gone are no fault.
struct recount_messages {
  struct entry {
    message_id id;
    content_measure measure;
  };
  session_id session;
  std::vector<entry> entries;
};
PARLEY_INSPECT(recount_messages::entry, id, measure)
PARLEY_INSPECT(recount_messages, session, entries)

/// Replaces the one there is.
struct put_summary {
  session_summary summary;
};
PARLEY_INSPECT(put_summary, summary)

struct erase_summary {
  session_id session;
};
PARLEY_INSPECT(erase_summary, session)

/// Replaces the one there is.
struct put_calibration {
  stored_calibration known;
};
PARLEY_INSPECT(put_calibration, known)

/// Idempotency-Key: what a key of a user and route made, with the SHA-256 of the body (hex). A key
/// that is known is errc::conflict, reason `key_known`. One of the ids is set, two by a turn.
struct remember_key {
  user_id owner_id;
  std::string route;
  std::string key;
  std::string body_sha256;
  session_id session;
  message_id message;  ///< the reply
  model_id model;
  user_id account;
  folder_id folder{};
  upload_id upload{};
  job_id job{};
  api_key_id api_key{};
  invitation_id invitation{};
  instant created_at;
};
PARLEY_INSPECT(remember_key, owner_id, route, key, body_sha256, session, message, model, account,
               folder, upload, job, api_key, invitation, created_at)

struct create_api_key {
  api_key made;
};
PARLEY_INSPECT(create_api_key, made)

/// That it was used. One that is gone is no fault.
struct touch_api_key {
  api_key_id id;
  instant last_used_at;
};
PARLEY_INSPECT(touch_api_key, id, last_used_at)

struct erase_api_key {
  user_id owner_id;
  api_key_id id;
};
PARLEY_INSPECT(erase_api_key, owner_id, id)

/// Replaces them all.
struct put_quotas {
  quota_settings quotas;
};
PARLEY_INSPECT(put_quotas, quotas)

/// Adds to what its user has used of its model within its slot.
struct add_usage {
  usage_entry used;
};
PARLEY_INSPECT(add_usage, used)

/// What is set of keys, quotas and usage, and learnt of counting. One kind of change: a
/// caf::variant holds thirty at most.
struct change_metering {
  std::optional<create_api_key> create_key;
  std::optional<touch_api_key> touch_key;
  std::optional<erase_api_key> erase_key;
  std::optional<put_quotas> quotas;
  std::optional<add_usage> usage;
  std::optional<put_calibration> calibration;

  change_metering() = default;
  explicit change_metering(create_api_key wanted) : create_key(std::move(wanted)) {}
  explicit change_metering(touch_api_key wanted) : touch_key(wanted) {}
  explicit change_metering(erase_api_key wanted) : erase_key(wanted) {}
  explicit change_metering(put_quotas wanted) : quotas(std::move(wanted)) {}
  explicit change_metering(add_usage wanted) : usage(std::move(wanted)) {}
  explicit change_metering(put_calibration wanted) : calibration(std::move(wanted)) {}
};
PARLEY_INSPECT(change_metering, create_key, touch_key, erase_key, quotas, usage, calibration)

/// One more entry of the audit log, in the commit of what it tells of.
struct append_audit {
  audit_entry entry;
};
PARLEY_INSPECT(append_audit, entry)

/// Making one beyond `invitations_max` is quota_exceeded; using one that is used up or expired `at`
/// that time is forbidden, reason `invitation_spent`.
enum class invitation_step : uint8_t { make = 1, use, erase };
struct change_invitation {
  invitation_step step = invitation_step::make;
  invitation entry;  ///< but to make one its id suffices
  instant at;
};
PARLEY_INSPECT(change_invitation, step, entry, at)

/// errc::quota_exceeded, reason `uploads_max`, if its owner has so many already.
struct create_upload {
  upload entry;
  int64_t uploads_max = 0;
};
PARLEY_INSPECT(create_upload, entry, uploads_max)

struct update_upload {
  upload entry;
};
PARLEY_INSPECT(update_upload, entry)

/// One that is gone is no fault.
struct erase_upload {
  user_id owner_id;
  upload_id id;
};
PARLEY_INSPECT(erase_upload, owner_id, id)

struct create_job {
  job entry;
};
PARLEY_INSPECT(create_job, entry)

struct update_job {
  job entry;
};
PARLEY_INSPECT(update_job, entry)

struct erase_job {
  user_id owner_id;
  job_id id;
};
PARLEY_INSPECT(erase_job, owner_id, id)

/// Makes a session that has a source. errc::conflict, reason `already_imported`, if its owner has
/// that conversation; errc::quota_exceeded, reason `sessions_max`. One that is not whole yet is out
/// of the list until finish_import, and erased once its job no longer runs.
struct import_session {
  session header;
  job_id job;
  int64_t sessions_max = 0;
  bool is_whole = true;
};
PARLEY_INSPECT(import_session, header, job, sessions_max, is_whole)

struct finish_import {
  session header;
};
PARLEY_INSPECT(finish_import, header)

/// What is set of uploads, jobs and imports. One kind of change, as change_metering.
struct change_transfer {
  std::optional<create_upload> make_upload;
  std::optional<update_upload> grow_upload;
  std::optional<erase_upload> drop_upload;
  std::optional<create_job> make_job;
  std::optional<update_job> put_job;
  std::optional<erase_job> drop_job;
  std::optional<import_session> begin_session;
  std::optional<finish_import> end_session;

  change_transfer() = default;
  explicit change_transfer(create_upload wanted) : make_upload(std::move(wanted)) {}
  explicit change_transfer(update_upload wanted) : grow_upload(std::move(wanted)) {}
  explicit change_transfer(erase_upload wanted) : drop_upload(wanted) {}
  explicit change_transfer(create_job wanted) : make_job(std::move(wanted)) {}
  explicit change_transfer(update_job wanted) : put_job(std::move(wanted)) {}
  explicit change_transfer(erase_job wanted) : drop_job(wanted) {}
  explicit change_transfer(import_session wanted) : begin_session(std::move(wanted)) {}
  explicit change_transfer(finish_import wanted) : end_session(std::move(wanted)) {}
};
PARLEY_INSPECT(change_transfer, make_upload, grow_upload, drop_upload, make_job, put_job, drop_job,
               begin_session, end_session)

using change =
    caf::variant<create_user, update_user, erase_user, create_login, rotate_login, erase_logins,
                 put_user_settings, put_system_settings, create_model, update_model, erase_model,
                 create_session, update_session, erase_session, create_message, finish_message,
                 remember_key, mark_message, erase_messages, recount_messages, put_summary,
                 erase_summary, create_folder, update_folder, erase_folder, copy_messages,
                 change_metering, append_audit, change_invitation, change_transfer>;

}  // namespace parley
