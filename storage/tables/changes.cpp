// One change of the closed list, and the removal of what nobody can see any more.
#include "storage/statement_time.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

expected<void> apply(connection& db, const change& any) {
  return caf::visit(
      [&](const auto& one) {
        statement_time<std::decay_t<decltype(one)>> timed;
        return apply(db, one);
      },
      any);
}

namespace {

// Spends the rest of `budget` on one DELETE of at most so many rows, whose limit is its last
// parameter.
expected<void> erase_some(query q, sweep_result& done, int64_t rows_max) {
  q.bind(rows_max - done.rows);
  TRY_DONE(q.run());
  done.rows += q.owner().changes();
  return {};
}

// Newest messages first, so that whatever is left is a whole conversation up to a point.
expected<void> erase_session_rows(connection& db, const session_id& id, sweep_result& done,
                                  int64_t rows_max) {
  auto chunks = db.prepare(
      "DELETE FROM reply_chunks WHERE rowid IN (SELECT r.rowid FROM messages m"
      " JOIN reply_chunks r ON r.message_id=m.id"
      " WHERE m.session_id=? AND m.status='streaming' LIMIT ?)");
  chunks.bind(id);
  TRY_DONE(erase_some(std::move(chunks), done, rows_max));
  if (done.rows >= rows_max) return {};
  auto messages = db.prepare(
      "DELETE FROM messages WHERE seq IN (SELECT seq FROM messages WHERE session_id=?"
      " ORDER BY seq DESC LIMIT ?)");
  messages.bind(id);
  TRY_DONE(erase_some(std::move(messages), done, rows_max));
  if (done.rows >= rows_max) return {};
  auto header = db.prepare("DELETE FROM sessions WHERE id=?");
  header.bind(id);
  ++done.rows;
  return header.run();
}

// What an erased user left, until the budget is spent or nothing is left.
expected<void> sweep_users(connection& db, sweep_result& done, int64_t rows_max) {
  while (done.rows < rows_max) {
    auto next = db.prepare(
        "SELECT u.id, (SELECT s.id FROM sessions s WHERE s.owner_id=u.id LIMIT 1) FROM users u"
        " WHERE u.status='erased' LIMIT 1");
    TRY(bool has_row, next.step());
    if (!has_row) return {};
    if (!next.is_null(1)) {
      TRY_DONE(erase_session_rows(db, next.id<session_id>(1), done, rows_max));
      continue;
    }
    auto last = db.prepare("DELETE FROM users WHERE id=?");
    last.bind(next.id<user_id>(0));
    TRY_DONE(last.run());
    ++done.rows;
  }
  return {};
}

// Sessions that an import has not stored whole, once its job does not run any more.
expected<void> sweep_imports(connection& db, sweep_result& done, int64_t rows_max) {
  while (done.rows < rows_max) {
    auto next = db.prepare(
        "SELECT i.session_id FROM unfinished_imports i WHERE NOT EXISTS"
        " (SELECT 1 FROM jobs j WHERE j.id=i.job_id AND j.status='running') LIMIT 1");
    TRY(bool has_row, next.step());
    if (!has_row) return {};
    TRY_DONE(erase_session_rows(db, next.id<session_id>(0), done, rows_max));
  }
  return {};
}

}  // namespace

expected<int64_t> retention_days(connection& db, std::string_view name, int64_t unset) {
  auto q = db.prepare("SELECT settings->>? FROM system_settings");
  q.bind(name);
  TRY(auto set, q.number());
  return set.value_or(unset);
}

expected<sweep_result> sweep_rows(connection& db, instant now, int64_t rows_max) {
  struct expiry {
    std::string_view sql;
    instant before;
  };
  sweep_result done;
  TRY_DONE(sweep_users(db, done, rows_max));
  TRY_DONE(sweep_imports(db, done, rows_max));
  for (auto [sql, before] :
       {expiry{"DELETE FROM idempotency_keys WHERE (owner_id,route,key) IN (SELECT"
               " owner_id,route,key FROM idempotency_keys WHERE created_at<? LIMIT ?)",
               now - key_age_max},
        expiry{"DELETE FROM spent_refresh_tokens WHERE hash IN (SELECT hash FROM"
               " spent_refresh_tokens WHERE spent_at<? LIMIT ?)",
               now - spent_token_age_max},
        expiry{"DELETE FROM invitations WHERE id IN (SELECT id FROM invitations WHERE expires_at<?"
               " LIMIT ?)",
               now - invitation_age_max},
        expiry{"DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE expires_at<?"
               " LIMIT ?)",
               now},
        expiry{"DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE expires_at<? LIMIT ?)",
               now},
        expiry{"DELETE FROM logins WHERE id IN (SELECT id FROM logins WHERE expires_at<? LIMIT ?)",
               now - std::chrono::hours{24}}}) {
    if (done.rows >= rows_max) break;
    auto q = db.prepare(sql);
    q.bind(before);
    TRY_DONE(erase_some(std::move(q), done, rows_max));
  }
  for (auto* reduce : {cut_audit, fold_usage}) {
    if (done.rows >= rows_max) break;
    TRY(auto rows, reduce(db, now, rows_max - done.rows));
    done.rows += rows;
  }
  done.has_more = done.rows >= rows_max;
  return done;
}

}  // namespace parley::storage
