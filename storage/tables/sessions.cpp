// Chat sessions and the keys that make a repeated request harmless.
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

const std::string& session_columns() {
  // The id of a model or folder that is gone shows as null (0001_initial.sql).
  static const auto columns = columns_of<session>(
      "s", {{"model_id", "(SELECT m.id FROM model_configs m WHERE m.id=s.model_id)"},
            {"folder_id", "(SELECT f.id FROM folders f WHERE f.id=s.folder_id)"}});
  return columns;
}

namespace {

expected<session> read_visible(connection& db, const user_id& owner, const session_id& id) {
  static const auto sql = "SELECT " + session_columns() + std::string{visible_sessions} +
                          " WHERE s.id=? AND s.owner_id=?";
  auto q = db.prepare(sql);
  q.bind(id, owner);
  return read_one<session>(q);
}

// SQLite parses the measure once a row, whatever number of members is read.
expected<std::vector<message_header>> read_headers(connection& db, const session_id& id) {
  static const auto sql =
      "SELECT id, parent_id, role, status, pinned, measure->>'cl100k', measure->>'o200k',"
      " measure->>'guessed', measure->>'wide', measure->>'symbols', measure->>'images',"
      " measure->>'tiles', measure->>'patches', measure->>'areas', measure->>'crops'" +
      rows_with("messages", "m", "session_id") + " ORDER BY seq";
  auto q = db.prepare(sql);
  q.bind(id);
  std::vector<message_header> headers;
  for (;;) {
    TRY(bool has_row, q.step());
    if (!has_row) return headers;
    auto role = enum_of<message_role>(q.text(2));
    auto status = enum_of<message_status>(q.text(3));
    if (!role || !status) return make_error(errc::corrupt_data);
    auto& header = headers.emplace_back();
    header.id = q.id<message_id>(0);
    header.parent_id = q.id<message_id>(1);
    header.role = *role;
    header.status = *status;
    header.is_pinned = q.integer(4) != 0;
    auto& measure = header.measure;
    int column = 5;
    for (auto member :
         {&content_measure::cl100k, &content_measure::o200k, &content_measure::guessed,
          &content_measure::wide, &content_measure::symbols})
      measure.*member = static_cast<int32_t>(q.integer(column++));
    if (q.integer(column) == 0) continue;
    for (auto member :
         {&content_measure::images, &content_measure::tiles, &content_measure::patches,
          &content_measure::areas, &content_measure::crops})
      measure.*member = static_cast<uint16_t>(q.integer(column++));
  }
}

}  // namespace

// -- writes --------------------------------------------------------------------------------------

expected<void> apply(connection& db, const create_session& change) {
  auto owner = db.prepare("SELECT 1 FROM users WHERE id=? AND status<>'erased'");
  owner.bind(change.header.owner_id);
  TRY(bool is_there, owner.step());
  if (!is_there) return make_error(errc::not_found);
  static const auto sql = insert_sql<session>("sessions");
  auto q = db.prepare(sql);
  bind_record(q, change.header);
  return q.run();
}

expected<void> apply(connection& db, const update_session& change) {
  static const auto sql = update_sql<session>("sessions") + " AND owner_id=?" +
                          std::to_string(parameter_of<session>("owner_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.header);
  return q.run_on_one();
}

// It becomes a chat of nobody's: an account without an id that is erased, whose chats the sweep
// removes in small batches. A cascade over a long one would hold every other commit up.
expected<void> apply(connection& db, const erase_session& change) {
  user_id nobody;
  auto owner = db.prepare(
      "INSERT INTO users(id,version,created_at,updated_at,username,role,status,labels,"
      "must_change_password,password_hash,token_version,reset_hash)"
      " VALUES(?,1,0,0,'','USER','erased','{}',0,'',1,'') ON CONFLICT DO NOTHING");
  owner.bind(nobody);
  TRY_DONE(owner.run());
  auto q = db.prepare("UPDATE sessions SET owner_id=?1, source=NULL WHERE id=?2 AND owner_id<>?1");
  q.bind(nobody, change.id);
  return q.run_on_one();
}

expected<void> apply(connection& db, const put_summary& change) {
  static const auto sql = [] {
    auto text = insert_sql<session_summary>("session_summaries");
    text.replace(0, std::string_view{"INSERT"}.size(), "INSERT OR REPLACE");
    return text;
  }();
  auto q = db.prepare(sql);
  bind_record(q, change.summary);
  return q.run();
}

expected<void> apply(connection& db, const erase_summary& change) {
  auto q = db.prepare("DELETE FROM session_summaries WHERE session_id=?");
  q.bind(change.session);
  return q.run_on_one();
}

expected<void> apply(connection& db, const remember_key& change) {
  auto expire = db.prepare(
      "DELETE FROM idempotency_keys WHERE owner_id=? AND route=? AND key=? AND created_at<?");
  expire.bind(change.owner_id, change.route, change.key, change.created_at - key_age_max);
  TRY_DONE(expire.run());
  auto q = db.prepare(
      "INSERT INTO idempotency_keys(owner_id,route,key,body_sha256,session,message,model,account,"
      "folder,upload,job,api_key,invitation,created_at)"
      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  q.bind(change.owner_id, change.route, change.key, change.body_sha256, change.session,
         change.message, change.model, change.account, change.folder, change.upload, change.job,
         change.api_key, change.invitation, change.created_at);
  TRY_DONE(q.run());
  if (db.changes() == 0)
    return make_error(errc::conflict, "key_known", "This Idempotency-Key was used already.");
  return {};
}

// -- reads ---------------------------------------------------------------------------------------

expected<session> read(const read_context& in, const read_session& question) {
  return read_visible(in.db, question.owner_id, question.id);
}

expected<session_loaded> read(const read_context& in, const load_session& question) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  session_loaded loaded;
  TRY(loaded.header, read_visible(in.db, question.owner_id, question.id));
  TRY(loaded.messages, read_headers(in.db, question.id));
  static const auto summary_sql = "SELECT " + columns_of<session_summary>("s") +
                                  rows_with("session_summaries", "s", "session_id");
  auto summary = in.db.prepare(summary_sql);
  summary.bind(question.id);
  TRY(bool has_summary, summary.step());
  if (has_summary) {
    TRY(loaded.summary, read_record<session_summary>(summary));
  }
  return loaded;
}

expected<known_key> read(const read_context& in, const find_key& question) {
  auto q = in.db.prepare(
      "SELECT k.body_sha256, k.session, k.message, k.model, k.account, k.folder,"
      " k.upload, k.job, k.api_key, k.invitation, k.created_at"
      " FROM idempotency_keys k"
      " JOIN users u ON u.id=k.owner_id AND u.status<>'erased'"
      " WHERE k.owner_id=? AND k.route=? AND k.key=? AND k.created_at>=?");
  q.bind(question.owner_id, question.route, question.key, in.now - key_age_max);
  known_key known;
  TRY(bool is_there, q.step());
  if (!is_there) return known;
  known.made = remember_key{.owner_id = question.owner_id,
                            .route = question.route,
                            .key = question.key,
                            .body_sha256 = std::string{q.text(0)},
                            .session = q.id<session_id>(1),
                            .message = q.id<message_id>(2),
                            .model = q.id<model_id>(3),
                            .account = q.id<user_id>(4),
                            .folder = q.id<folder_id>(5),
                            .upload = q.id<upload_id>(6),
                            .job = q.id<job_id>(7),
                            .api_key = q.id<api_key_id>(8),
                            .invitation = q.id<invitation_id>(9),
                            .created_at = {q.integer(10)}};
  return known;
}

}  // namespace parley::storage
