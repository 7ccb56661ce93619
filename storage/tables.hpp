/// The SQL of all tables: every change of schema/change.hpp and every question READER answers.
///
/// Free functions over a connection, on its thread; grouped by record in storage/tables/*.cpp. A
/// change runs inside a transaction of the caller, who undoes what a failed one has done.
#pragma once

#include "actors/search_messages.hpp"
#include "actors/storage_messages.hpp"
#include "storage/connection.hpp"

namespace parley::storage {

// -- writes --------------------------------------------------------------------------------------

expected<void> apply(connection& db, const create_user& change);
expected<void> apply(connection& db, const update_user& change);
expected<void> apply(connection& db, const erase_user& change);
expected<void> apply(connection& db, const create_login& change);
expected<void> apply(connection& db, const rotate_login& change);
expected<void> apply(connection& db, const erase_logins& change);
expected<void> apply(connection& db, const put_user_settings& change);
expected<void> apply(connection& db, const put_system_settings& change);
expected<void> apply(connection& db, const create_model& change);
expected<void> apply(connection& db, const update_model& change);
expected<void> apply(connection& db, const erase_model& change);
expected<void> apply(connection& db, const create_session& change);
expected<void> apply(connection& db, const update_session& change);
expected<void> apply(connection& db, const erase_session& change);
expected<void> apply(connection& db, const create_folder& change);
expected<void> apply(connection& db, const update_folder& change);
expected<void> apply(connection& db, const erase_folder& change);
expected<void> apply(connection& db, const copy_messages& change);
expected<void> apply(connection& db, const create_message& change);
expected<void> apply(connection& db, const finish_message& change);
expected<void> apply(connection& db, const remember_key& change);
expected<void> apply(connection& db, const mark_message& change);
expected<void> apply(connection& db, const erase_messages& change);
expected<void> apply(connection& db, const recount_messages& change);
expected<void> apply(connection& db, const put_summary& change);
expected<void> apply(connection& db, const erase_summary& change);
expected<void> apply(connection& db, const put_calibration& change);
expected<void> apply(connection& db, const create_api_key& change);
expected<void> apply(connection& db, const touch_api_key& change);
expected<void> apply(connection& db, const erase_api_key& change);
expected<void> apply(connection& db, const put_quotas& change);
expected<void> apply(connection& db, const add_usage& change);
expected<void> apply(connection& db, const change_metering& change);
expected<void> apply(connection& db, const append_audit& change);
expected<void> apply(connection& db, const change_invitation& change);
expected<void> apply(connection& db, const create_upload& change);
expected<void> apply(connection& db, const update_upload& change);
expected<void> apply(connection& db, const erase_upload& change);
expected<void> apply(connection& db, const create_job& change);
expected<void> apply(connection& db, const update_job& change);
expected<void> apply(connection& db, const erase_job& change);
expected<void> apply(connection& db, const import_session& change);
expected<void> apply(connection& db, const finish_import& change);
expected<void> apply(connection& db, const change_transfer& change);
expected<void> apply(connection& db, const change& any);
/// not_found when the reply is over or gone.
expected<void> apply(connection& db, const checkpoint_reply& added);

/// An Idempotency-Key is forgotten after this (api.md).
inline constexpr std::chrono::hours key_age_max{24};
/// A spent refresh token would have expired by itself after this.
inline constexpr std::chrono::hours spent_token_age_max{30 * 24};

/// An expired invitation is shown for so long.
inline constexpr std::chrono::hours invitation_age_max{30 * 24};

/// What a sweep did; `has_more` asks for the next one soon.
struct sweep_result {
  int64_t rows = 0;
  bool has_more = false;
};
/// Removes at most `rows_max` rows nobody can see any more: what erased users, erased chats and
/// imports that have ended left, expired keys, logins, spent tokens, uploads and jobs; and old
/// usage and entries of the audit log. In a transaction of the caller.
expected<sweep_result> sweep_rows(connection& db, instant now, int64_t rows_max = 200);

/// A system setting that says after how many days something goes; 0: never. What was never set is
/// what a record of settings begins with.
expected<int64_t> retention_days(connection& db, std::string_view name, int64_t unset);

/// Adds up to `rows_max` rows of usage that are older than the system setting usageRetentionDays to
/// one row for each owner, model, key and currency, whose slot is 0: budgets count it on. In a
/// transaction of the caller.
expected<int64_t> fold_usage(connection& db, instant now, int64_t rows_max);

/// Removes at most `rows_max` of the oldest entries of the audit log that are older than the system
/// setting auditRetentionDays, and moves the chain's anchor. In a transaction of the caller.
expected<int64_t> cut_audit(connection& db, instant now, int64_t rows_max);

/// Ends the replies that a stopped process left running, at most `replies_max` of them: their
/// chunks become their parts, their status `interrupted`. Returns how many; in a transaction.
expected<int64_t> interrupt_replies(connection& db, instant now, int64_t replies_max = 100);

/// Defines what the triggers of search call; before anything is written to sessions or messages.
expected<void> define_search(connection& db);
/// indexed_text of a message's parts, a column of JSON; empty if they cannot be read.
std::string indexed_parts(int64_t owner, std::string_view json);
/// Removes the words of erased texts from the index's file by merging all its parts, a piece at a
/// time. That costs what the index is large, so it begins the less often the larger it is, at least
/// once a day. In a transaction of the caller.
expected<sweep_result> purge_search(connection& db, instant now, int64_t pages_max = 128);

// -- reads ---------------------------------------------------------------------------------------

struct read_context {
  connection& db;
  instant now;
  size_t page_bytes_max = size_t{1} << 20;
  size_t window_bytes_max = size_t{32} << 20;
};

/// What every question about sessions `s` starts from: erased users have none.
inline constexpr std::string_view visible_sessions =
    " FROM sessions s JOIN users u ON u.id=s.owner_id AND u.status<>'erased'";
const std::string& session_columns();

// Each question of several statements reads in one transaction: one state of the database.
expected<found_user> read(const read_context& in, const find_username& question);
expected<user_state_loaded> read(const read_context& in, const load_user& question);
expected<spent_token> read(const read_context& in, const find_spent_token& question);
expected<page_of<user>> read(const read_context& in, const list_accounts& question);
expected<system_loaded> read(const read_context& in, const load_system& question);
expected<session_loaded> read(const read_context& in, const load_session& question);
expected<message_list> read(const read_context& in, const read_messages& question);
expected<content_list> read(const read_context& in, const read_contents& question);
expected<session> read(const read_context& in, const read_session& question);
expected<page_of<session>> read(const read_context& in, const page_sessions& question);
expected<old_sessions> read(const read_context& in, const find_old_sessions& question);
expected<page_of<message>> read(const read_context& in, const page_messages& question);
expected<message> read(const read_context& in, const read_message& question);
expected<known_key> read(const read_context& in, const find_key& question);
expected<found_invitation> read(const read_context& in, const find_invitation& question);
expected<page_of<invitation>> read(const read_context& in, const page_invitations& question);
expected<page_of<audit_entry>> read(const read_context& in, const page_audit& question);
expected<audit_check> read(const read_context& in, const check_audit& question);
expected<calibration_list> read(const read_context& in, const load_calibrations& question);
expected<window_sums> read(const read_context& in, const sum_windows& question);
expected<usage_report> read(const read_context& in, const read_usage& question);
expected<search_page> read(const read_context& in, const search_texts& question);
expected<upload> read(const read_context& in, const read_upload& question);
expected<job> read(const read_context& in, const read_job& question);
expected<page_of<job>> read(const read_context& in, const page_jobs& question);
expected<transfers_loaded> read(const read_context& in, const load_transfers& question);

}  // namespace parley::storage
