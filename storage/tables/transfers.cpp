// Uploads, jobs, and the sessions that imports store.
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

expected<void> need_owner(connection& db, const user_id& owner) {
  auto q = db.prepare("SELECT 1 FROM users WHERE id=? AND status<>'erased'");
  q.bind(owner);
  TRY(bool is_there, q.step());
  if (!is_there) return make_error(errc::not_found);
  return {};
}

// A chat of our own that is still here was not lost: its export makes no second one.
expected<bool> has_conversation(connection& db, const session& wanted) {
  auto known = db.prepare("SELECT 1 FROM sessions WHERE owner_id=? AND source=?");
  known.bind(wanted.owner_id);
  detail::bind_value(known, wanted.source);
  TRY(bool is_there, known.step());
  if (is_there) return true;
  auto id = wanted.source->kind == "parley" ? session_id::parse(wanted.source->id) : std::nullopt;
  if (!id) return false;
  auto own = db.prepare("SELECT 1 FROM sessions WHERE owner_id=? AND id=?");
  own.bind(wanted.owner_id, *id);
  return own.step();
}

const std::string& job_columns() {
  static const auto columns = columns_of<job>("j");
  return columns;
}

constexpr std::string_view visible_jobs =
    " FROM jobs j JOIN users u ON u.id=j.owner_id AND u.status<>'erased'";

template <class Id>
expected<std::vector<Id>> read_ids(query& from) {
  std::vector<Id> ids;
  for (;;) {
    TRY(bool has_row, from.step());
    if (!has_row) return ids;
    ids.push_back(from.id<Id>(0));
  }
}

}  // namespace

// -- writes --------------------------------------------------------------------------------------

expected<void> apply(connection& db, const create_upload& change) {
  TRY_DONE(need_owner(db, change.entry.owner_id));
  auto own = db.prepare("SELECT COUNT(*) FROM uploads WHERE owner_id=?");
  own.bind(change.entry.owner_id);
  TRY(auto count, own.number());
  if (count.value_or(0) >= change.uploads_max)
    return make_error(errc::quota_exceeded, "uploads_max",
                      "You have as many uploads as you may. Please use or delete one.");
  static const auto sql = insert_sql<upload>("uploads");
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  return q.run();
}

expected<void> apply(connection& db, const update_upload& change) {
  static const auto sql = update_sql<upload>("uploads") + " AND owner_id=?" +
                          std::to_string(parameter_of<upload>("owner_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  return q.run_on_one();
}

expected<void> apply(connection& db, const erase_upload& change) {
  auto q = db.prepare("DELETE FROM uploads WHERE id=? AND owner_id=?");
  q.bind(change.id, change.owner_id);
  return q.run();
}

expected<void> apply(connection& db, const create_job& change) {
  TRY_DONE(need_owner(db, change.entry.owner_id));
  static const auto sql = insert_sql<job>("jobs");
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  return q.run();
}

expected<void> apply(connection& db, const update_job& change) {
  static const auto sql =
      update_sql<job>("jobs") + " AND owner_id=?" + std::to_string(parameter_of<job>("owner_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  return q.run_on_one();
}

expected<void> apply(connection& db, const erase_job& change) {
  auto q = db.prepare("DELETE FROM jobs WHERE id=? AND owner_id=?");
  q.bind(change.id, change.owner_id);
  return q.run_on_one();
}

expected<void> apply(connection& db, const import_session& change) {
  if (!change.header.source) return make_error(errc::internal);
  TRY(bool is_known, has_conversation(db, change.header));
  if (is_known)
    return make_error(errc::conflict, "already_imported", "This conversation is here already.");
  auto own = db.prepare("SELECT COUNT(*) FROM sessions WHERE owner_id=?");
  own.bind(change.header.owner_id);
  TRY(auto count, own.number());
  if (count.value_or(0) >= change.sessions_max)
    return make_error(errc::quota_exceeded, "sessions_max", "You have as many chats as you may.");
  if (change.is_whole) return apply(db, create_session{change.header});
  // Its source comes with its last message: until then it may be imported anew.
  auto begun = change.header;
  begun.source.reset();
  begun.archived = true;
  TRY_DONE(apply(db, create_session{begun}));
  auto q = db.prepare("INSERT INTO unfinished_imports(session_id,job_id) VALUES(?,?)");
  q.bind(begun.id, change.job);
  return q.run();
}

expected<void> apply(connection& db, const finish_import& change) {
  auto q = db.prepare("DELETE FROM unfinished_imports WHERE session_id=?");
  q.bind(change.header.id);
  TRY_DONE(q.run_on_one());
  return apply(db, update_session{change.header});
}

expected<void> apply(connection& db, const change_transfer& change) {
  if (change.make_upload) TRY_DONE(apply(db, *change.make_upload));
  if (change.grow_upload) TRY_DONE(apply(db, *change.grow_upload));
  if (change.drop_upload) TRY_DONE(apply(db, *change.drop_upload));
  if (change.make_job) TRY_DONE(apply(db, *change.make_job));
  if (change.put_job) TRY_DONE(apply(db, *change.put_job));
  if (change.drop_job) TRY_DONE(apply(db, *change.drop_job));
  if (change.begin_session) TRY_DONE(apply(db, *change.begin_session));
  if (change.end_session) TRY_DONE(apply(db, *change.end_session));
  return {};
}

// -- reads ---------------------------------------------------------------------------------------

expected<upload> read(const read_context& in, const read_upload& question) {
  static const auto sql = "SELECT " + columns_of<upload>("p") +
                          " FROM uploads p JOIN users u ON u.id=p.owner_id AND u.status<>'erased'"
                          " WHERE p.id=? AND p.owner_id=? AND p.expires_at>?";
  auto q = in.db.prepare(sql);
  q.bind(question.id, question.owner_id, in.now);
  return read_one<upload>(q);
}

expected<job> read(const read_context& in, const read_job& question) {
  static const auto sql =
      "SELECT " + job_columns() + std::string{visible_jobs} + " WHERE j.id=? AND j.owner_id=?";
  auto q = in.db.prepare(sql);
  q.bind(question.id, question.owner_id);
  return read_one<job>(q);
}

expected<page_of<job>> read(const read_context& in, const page_jobs& question) {
  page_plan plan{"jobs", question.page};
  plan.bind_to(key_of(question.owner_id));
  TRY_DONE(plan.check(sizeof(job_id)));
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  auto direction = std::string{plan.direction()};
  auto matches = std::string{visible_jobs} +
                 " WHERE j.rowid IN (SELECT rowid FROM jobs WHERE owner_id=?1) AND +j.owner_id=?1";
  auto q = in.db.prepare("SELECT " + job_columns() + matches + plan.after("j.id", "?") +
                         " ORDER BY j.id" + direction + " LIMIT ?");
  q.bind(question.owner_id);
  if (!plan.key().empty()) q.bind_blob(plan.key());
  q.bind(plan.limit() + 1);
  auto rows = std::pair{[](const query& row) { return read_record<job>(row); },
                        [](const query& row) { return key_of(row.id<job_id>(0)); }};
  TRY(auto page, fill_page<job>(plan, q, in.page_bytes_max, rows));
  if (question.page.needs_total) {
    auto total = in.db.prepare("SELECT COUNT(*)" + matches);
    total.bind(question.owner_id);
    TRY(page.total, total.number());
  }
  return page;
}

expected<transfers_loaded> read(const read_context& in, const load_transfers&) {
  TRY(auto reading, transaction::begin(in.db, transaction::kind::read));
  static const auto sql = "SELECT " + job_columns() + std::string{visible_jobs} +
                          " WHERE j.status IN ('queued','running') ORDER BY j.id";
  transfers_loaded loaded;
  {
    auto q = in.db.prepare(sql);
    TRY(loaded.unfinished, read_all<job>(q));
  }
  auto uploads = in.db.prepare("SELECT id FROM uploads WHERE expires_at>?");
  uploads.bind(in.now);
  TRY(loaded.uploads, read_ids<upload_id>(uploads));
  auto files = in.db.prepare("SELECT id FROM jobs WHERE file IS NOT NULL AND finished_at>?");
  files.bind(in.now - std::chrono::hours{24});
  TRY(loaded.files, read_ids<job_id>(files));
  return loaded;
}

}  // namespace parley::storage
