// Accounts, their logins and settings.
#include "storage/page.hpp"
#include "storage/rows.hpp"
#include "storage/tables.hpp"

namespace parley::storage {

namespace {

bool is_active_admin(const user& account) {
  return account.role == role::admin && account.status == user_status::active;
}

// errc::conflict if `leaving` is the only active ADMIN there is.
expected<void> keep_an_admin(connection& db, const user_id& leaving) {
  auto q = db.prepare(
      "SELECT (SELECT COUNT(*) FROM users WHERE role='ADMIN' AND status='active' AND id=?1),"
      " EXISTS (SELECT 1 FROM users WHERE role='ADMIN' AND status='active' AND id<>?1)");
  q.bind(leaving);
  TRY(bool has_row, q.step());
  if (has_row && q.integer(0) == 1 && q.integer(1) == 0)
    return make_error(errc::conflict, "last_admin", "The last administrator has to stay.");
  return {};
}

expected<void> need_account(connection& db, const user_id& id) {
  auto q = db.prepare("SELECT 1 FROM users WHERE id=? AND status<>'erased'");
  q.bind(id);
  TRY(bool is_there, q.step());
  if (!is_there) return make_error(errc::not_found);
  return {};
}

}  // namespace

// -- writes --------------------------------------------------------------------------------------

expected<void> apply(connection& db, const create_user& change) {
  if (change.only_first) {
    auto q = db.prepare("SELECT 1 FROM users WHERE status<>'erased' LIMIT 1");
    TRY(bool is_any, q.step());
    if (is_any) return make_error(errc::conflict, "not_first", "There is an account already.");
  }
  static const auto sql = insert_sql<user>("users");
  auto q = db.prepare(sql);
  bind_record(q, change.account);
  return q.run();
}

expected<void> apply(connection& db, const update_user& change) {
  // Erasing is a change of its own, which also removes what the account owned.
  if (change.account.status == user_status::erased) return make_error(errc::invalid_input);
  if (!is_active_admin(change.account)) TRY_DONE(keep_an_admin(db, change.account.id));
  static const auto sql = update_sql<user>("users") + " AND status<>'erased'";
  auto q = db.prepare(sql);
  bind_record(q, change.account);
  return q.run_on_one();
}

expected<void> apply(connection& db, const erase_user& change) {
  TRY_DONE(keep_an_admin(db, change.id));
  auto erase = db.prepare(
      "UPDATE users SET status='erased', username='', display_name=NULL, email=NULL,"
      " password_hash='', reset_hash='', labels='{}', token_version=token_version+1,"
      " version=version+1"
      " WHERE id=? AND status<>'erased'");
  erase.bind(change.id);
  TRY_DONE(erase.run_on_one());
  for (auto sql :
       {"DELETE FROM logins WHERE owner_id=?", "DELETE FROM model_configs WHERE owner_id=?",
        "DELETE FROM user_settings WHERE owner_id=?", "DELETE FROM api_keys WHERE owner_id=?",
        "DELETE FROM idempotency_keys WHERE owner_id=?"}) {
    auto q = db.prepare(sql);
    q.bind(change.id);
    TRY_DONE(q.run());
  }
  return {};
}

expected<void> apply(connection& db, const create_login& change) {
  TRY_DONE(need_account(db, change.entry.owner_id));
  static const auto sql = insert_sql<login>("logins");
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  return q.run();
}

expected<void> apply(connection& db, const rotate_login& change) {
  static const auto sql = update_sql<login>("logins") + " AND owner_id=?" +
                          std::to_string(parameter_of<login>("owner_id"));
  auto q = db.prepare(sql);
  bind_record(q, change.entry);
  TRY_DONE(q.run_on_one());
  auto spend = db.prepare(
      "INSERT INTO spent_refresh_tokens(hash,login_id,spent_at) VALUES(?,?,?)"
      " ON CONFLICT DO NOTHING");
  spend.bind(change.spent_hash, change.entry.id, change.entry.last_used_at);
  return spend.run();
}

expected<void> apply(connection& db, const erase_logins& change) {
  auto q = db.prepare(change.id.is_none() ? "DELETE FROM logins WHERE owner_id=? AND id<>?"
                                          : "DELETE FROM logins WHERE owner_id=? AND id=?");
  q.bind(change.owner_id, change.id.is_none() ? change.kept : change.id);
  return q.run();
}

expected<void> apply(connection& db, const put_user_settings& change) {
  TRY_DONE(need_account(db, change.owner_id));
  auto q = db.prepare(
      "INSERT INTO user_settings(owner_id,settings) VALUES(?1,?2)"
      " ON CONFLICT DO UPDATE SET settings=?2");
  q.bind(change.owner_id);
  detail::bind_value(q, change.settings);
  return q.run();
}

// -- reads ---------------------------------------------------------------------------------------

expected<found_user> read(const read_context& in, const find_username& question) {
  auto q =
      in.db.prepare("SELECT id FROM users WHERE username=? COLLATE NOCASE AND status<>'erased'");
  q.bind(question.username);
  found_user found;
  TRY(bool is_there, q.step());
  if (is_there) found.id = q.id<user_id>(0);
  return found;
}

expected<user_state_loaded> read(const read_context& in, const load_user& question) {
  auto& db = in.db;
  TRY(auto reading, transaction::begin(db, transaction::kind::read));
  static const auto account_sql =
      "SELECT " + columns_of<user>("u") + rows_with("users", "u", "id") + " AND u.status<>'erased'";
  static const auto logins_sql =
      "SELECT " + columns_of<login>("l") + rows_with("logins", "l", "owner_id") + " ORDER BY l.id";
  static const auto models_sql = "SELECT " + columns_of<model_config>("m") +
                                 rows_with("model_configs", "m", "owner_id") + " ORDER BY m.id";
  user_state_loaded loaded;
  auto account = db.prepare(account_sql);
  account.bind(question.id);
  TRY(loaded.account, read_one<user>(account));
  auto logins = db.prepare(logins_sql);
  logins.bind(question.id);
  TRY(loaded.logins, read_all<login>(logins));
  auto models = db.prepare(models_sql);
  models.bind(question.id);
  TRY(loaded.models, read_all<model_config>(models));
  static const auto folders_sql =
      "SELECT " +
      columns_of<folder>(
          "f", {{"model_id", "(SELECT m.id FROM model_configs m WHERE m.id=f.model_id)"}}) +
      rows_with("folders", "f", "owner_id") + " ORDER BY f.id";
  auto folders = db.prepare(folders_sql);
  folders.bind(question.id);
  TRY(loaded.folders, read_all<folder>(folders));
  static const auto keys_sql = "SELECT " + columns_of<api_key>("k") +
                               rows_with("api_keys", "k", "owner_id") + " ORDER BY k.id";
  auto keys = db.prepare(keys_sql);
  keys.bind(question.id);
  TRY(loaded.keys, read_all<api_key>(keys));
  static const auto settings_sql =
      "SELECT t.settings" + rows_with("user_settings", "t", "owner_id");
  auto settings = db.prepare(settings_sql);
  settings.bind(question.id);
  TRY(bool has_settings, settings.step());
  if (has_settings) {
    TRY(loaded.settings, restore_record<user_settings>(settings, 0));
  }
  auto count = db.prepare("SELECT COUNT(*) FROM sessions WHERE owner_id=?");
  count.bind(question.id);
  TRY(auto number, count.number());
  loaded.session_count = number.value_or(0);
  return loaded;
}

expected<spent_token> read(const read_context& in, const find_spent_token& question) {
  auto q = in.db.prepare(
      "SELECT t.login_id, t.spent_at FROM spent_refresh_tokens t JOIN logins l ON l.id=t.login_id"
      " WHERE t.hash=? AND l.owner_id=?");
  q.bind(question.hash, question.owner_id);
  spent_token found;
  TRY(bool is_there, q.step());
  if (is_there) {
    found.login = q.id<login_id>(0);
    found.spent_at = {q.integer(1)};
  }
  return found;
}

}  // namespace parley::storage
