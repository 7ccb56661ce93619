#include "storage/connection.hpp"

#include <sqlite3.h>

#include <cerrno>

#include "base/log.hpp"

namespace parley::storage {

namespace {

// One statement's text or one value: an image of 20 MiB in base64 with room to spare.
constexpr int value_bytes_max = 64 << 20;
// A log that readers kept from shrinking is cut back to this.
constexpr std::string_view journal_size_limit = "PRAGMA journal_size_limit = 67108864";

bool is_space_error(int code, int system_error) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  return (code & 0xff) == SQLITE_IOERR && (system_error == ENOSPC || system_error == EDQUOT);
}

// "UNIQUE constraint failed: users.username, …" -> "users.username"
std::string_view constraint_column(std::string_view message) {
  auto colon = message.find(": ");
  if (colon == std::string_view::npos) return {};
  auto rest = message.substr(colon + 2);
  return rest.substr(0, rest.find(','));
}

error unique_fault(std::string_view message) {
  auto column = constraint_column(message);
  if (column == "users.username")
    return make_error(errc::conflict, "username_taken", "This user name is taken.");
  if (column.starts_with("model_configs.") && !column.ends_with(".id"))
    return make_error(errc::conflict, "name_taken", "There is already a model of this name.");
  return make_error(errc::conflict, "exists", "This exists already.");
}

}  // namespace

// -- query ---------------------------------------------------------------------------------------

query::query(connection& owner, sqlite3_stmt* statement, int code, bool is_own)
    : owner_(&owner), statement_(statement), code_(code), is_own_(is_own) {}

query::query(query&& other) noexcept
    : owner_(other.owner_),
      statement_(std::exchange(other.statement_, nullptr)),
      code_(other.code_),
      bound_(other.bound_),
      is_done_(other.is_done_),
      is_own_(other.is_own_) {}

query::~query() {
  if (!statement_) return;
  if (is_own_) {
    sqlite3_finalize(statement_);
    return;
  }
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

query& query::note(int code) {
  if (code_ == SQLITE_OK) code_ = code;
  return *this;
}

query& query::bind(int64_t number) {
  return note(sqlite3_bind_int64(statement_, ++bound_, number));
}

query& query::bind(double number) {
  return note(sqlite3_bind_double(statement_, ++bound_, number));
}

query& query::bind(std::string_view text) {
  // A null pointer would bind NULL, so an empty view gets an address.
  return note(sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(),
                                  text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

query& query::bind_copy(std::string_view text) {
  return note(sqlite3_bind_text64(statement_, ++bound_, text.empty() ? "" : text.data(),
                                  text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

query& query::bind_blob(std::string_view bytes) {
  return note(sqlite3_bind_blob64(statement_, ++bound_, bytes.empty() ? "" : bytes.data(),
                                  bytes.size(), SQLITE_STATIC));
}

query& query::bind_id(const uuid_bytes& bytes) {
  return note(
      sqlite3_bind_blob64(statement_, ++bound_, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
}

query& query::bind_null() {
  return note(sqlite3_bind_null(statement_, ++bound_));
}

expected<bool> query::step() {
  if (code_ != SQLITE_OK) return owner_->fault(code_, "prepare or bind");
  if (is_done_) return false;
  auto code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  is_done_ = true;
  if (code == SQLITE_DONE) return false;
  code_ = code;
  return owner_->fault(code, sqlite3_sql(statement_));
}

expected<void> query::run() {
  for (;;) {
    TRY(bool has_row, step());
    if (!has_row) return {};
  }
}

expected<void> query::run_on_one() {
  TRY_DONE(run());
  if (owner_->changes() == 0) return make_error(errc::not_found);
  return {};
}

expected<std::optional<int64_t>> query::number() {
  TRY(bool has_row, step());
  if (!has_row || is_null(0)) return std::optional<int64_t>{};
  return std::optional{integer(0)};
}

bool query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

bool query::is_blob(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_BLOB;
}

size_t query::text_bytes(int column) const {
  auto type = sqlite3_column_type(statement_, column);
  if (type != SQLITE_TEXT && type != SQLITE_BLOB) return 0;
  return static_cast<size_t>(sqlite3_column_bytes(statement_, column));
}

int64_t query::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double query::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string_view query::text(int column) const {
  auto bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  auto size = sqlite3_column_bytes(statement_, column);
  return bytes ? std::string_view{bytes, static_cast<size_t>(size)} : std::string_view{};
}

int query::columns() const {
  return sqlite3_column_count(statement_);
}

std::string_view query::column_name(int column) const {
  auto name = sqlite3_column_name(statement_, column);
  return name ? name : "";
}

// -- connection ----------------------------------------------------------------------------------

void connection::statement_closer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

expected<std::unique_ptr<connection>> connection::open(const connection_options& options) {
  // Nobody asks how much memory SQLite has, and counting it takes a lock for each allocation.
  [[maybe_unused]] static const auto configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  std::unique_ptr<connection> db{new connection};
  auto flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
               (options.is_writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  auto code = sqlite3_open_v2(options.path.c_str(), &db->handle_, flags, nullptr);
  if (code != SQLITE_OK) return db->fault(code, "open");
  auto handle = db->handle_;
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, value_bytes_max);
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM INTO attaches its target
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Triggers write to the index of search, and this SQLite trusts no trigger with FTS5 otherwise.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, options.is_writer ? 1 : 0, nullptr);
  // Also replaces SQLite's own automatic checkpoint, on every connection.
  sqlite3_wal_hook(
      handle,
      [](void* self, sqlite3*, const char*, int frames) {
        static_cast<connection*>(self)->wal_frames_ = frames;
        return SQLITE_OK;
      },
      db.get());
  for (auto pragma : {"PRAGMA mmap_size = 0", "PRAGMA foreign_keys = ON",
                      "PRAGMA temp_store = MEMORY", "PRAGMA cell_size_check = ON"})
    TRY_DONE(db->execute(pragma));
  if (options.is_writer) {
    // FULL: an acknowledged commit survives a power cut (NORMAL may lose the last ones).
    for (auto pragma : {"PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON"})
      TRY_DONE(db->execute(pragma));
    TRY_DONE(db->execute(journal_size_limit));
  }
  db->statements_.clear();
  return db;
}

connection::~connection() {
  statements_.clear();
  sqlite3_close_v2(handle_);
}

void connection::forgo_checkpoint_on_close() {
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

query connection::prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  auto is_known = found != statements_.end();
  if (is_known && sqlite3_stmt_busy(found->second.get()) == 0)
    return {*this, found->second.get(), SQLITE_OK};
  sqlite3_stmt* statement = nullptr;
  auto code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                 SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  // One that is running has its own rows: the second run gets a statement for itself.
  if (is_known || code != SQLITE_OK) return {*this, statement, code, true};
  statements_[std::string{sql}].reset(statement);
  return {*this, statement, code};
}

expected<void> connection::run_script(const std::string& script) {
  const char* rest = script.c_str();
  while (*rest != '\0') {
    sqlite3_stmt* next = nullptr;
    auto code = sqlite3_prepare_v2(handle_, rest, -1, &next, &rest);
    std::unique_ptr<sqlite3_stmt, statement_closer> statement{next};
    if (code != SQLITE_OK) return fault(code, "prepare of a script");
    if (!statement) continue;  // white space or a comment
    while ((code = sqlite3_step(next)) == SQLITE_ROW) {
    }
    if (code != SQLITE_DONE) return fault(code, sqlite3_sql(next));
  }
  return {};
}

bool connection::is_autocommit() const {
  return sqlite3_get_autocommit(handle_) != 0;
}

void connection::roll_back() {
  if (!is_autocommit() && !execute("ROLLBACK")) is_suspect_ = true;
}

int64_t connection::last_row_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

int connection::changes() const {
  return sqlite3_changes(handle_);
}

int64_t connection::total_changes() const {
  return sqlite3_total_changes64(handle_);
}

namespace {

// SQLite is C: an exception must not pass through it.
void run_rule(sqlite3_context* in, int, sqlite3_value** values) {
  try {
    auto rule = reinterpret_cast<connection::text_rule>(sqlite3_user_data(in));
    auto text = static_cast<const char*>(sqlite3_value_blob(values[1]));
    auto size = static_cast<size_t>(sqlite3_value_bytes(values[1]));
    auto result = rule(sqlite3_value_int64(values[0]), {text ? text : "", size});
    sqlite3_result_text64(in, result.data(), result.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } catch (const std::exception&) {
    sqlite3_result_error_nomem(in);
  }
}

}  // namespace

expected<void> connection::define(const char* name, text_rule rule) {
  // Innocuous: the schema, which is not trusted otherwise, may call it in triggers.
  constexpr auto flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  auto code = sqlite3_create_function_v2(handle_, name, 2, flags, reinterpret_cast<void*>(rule),
                                         run_rule, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fault(code, "define a function");
  return {};
}

expected<void> connection::checkpoint(bool truncate) {
  auto mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int frames = 0;
  int copied = 0;
  auto code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &frames, &copied);
  if (code != SQLITE_OK) return fault(code, "checkpoint");
  wal_frames_ = frames - copied;
  return {};
}

void connection::release_memory() {
  statements_.clear();
  json_ = json_reader{};
  sqlite3_db_release_memory(handle_);
}

error connection::fault(int code, std::string_view doing) {
  auto primary = code & 0xff;
  std::string message = handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code);
  auto system_error = handle_ ? sqlite3_system_errno(handle_) : 0;
  if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
      code == SQLITE_CONSTRAINT_ROWID)
    return unique_fault(message);
  if (code == SQLITE_CONSTRAINT_FOREIGNKEY) return make_error(errc::not_found);
  if (primary == SQLITE_INTERRUPT)
    return make_error(errc::timeout, "query_too_slow", "The question took too long to answer.");
  log_error("storage.failed", {{"code", code},
                               {"cause", message},
                               {"system_error", system_error},
                               {"doing", doing.substr(0, 200)}});
  if (is_space_error(code, system_error)) {
    is_suspect_ |= primary == SQLITE_IOERR;
    return make_error(errc::storage_full);
  }
  switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return make_error(errc::unavailable, "The database is busy.",
                        error_detail{"storage_busy", {}, 1, {}});
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      is_suspect_ = true;
      return make_error(errc::corrupt_data);
    case SQLITE_TOOBIG:
      return make_error(errc::too_large);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL:
      is_suspect_ = true;
      return make_error(errc::storage_failed);
    default:
      return make_error(errc::storage_failed);
  }
}

// -- time limits ---------------------------------------------------------------------------------

time_limit::time_limit(connection& db, std::chrono::milliseconds limit) : db_(db) {
  constexpr int steps_between_looks = 1000;
  db.deadline_ = std::chrono::steady_clock::now() + limit;
  sqlite3_progress_handler(
      db.handle_, steps_between_looks,
      [](void* self) {
        auto deadline = static_cast<connection*>(self)->deadline_;
        return std::chrono::steady_clock::now() > deadline ? 1 : 0;
      },
      &db);
}

time_limit::~time_limit() {
  sqlite3_progress_handler(db_.handle_, 0, nullptr, nullptr);
}

step_watch::step_watch(connection& db, std::function<bool()> goes_on)
    : db_(db), goes_on_(std::move(goes_on)) {
  constexpr int steps_between_looks = 1000;
  sqlite3_progress_handler(
      db.handle_, steps_between_looks,
      // SQLite is C: an exception must not pass through it.
      [](void* self) {
        try {
          return static_cast<step_watch*>(self)->goes_on_() ? 0 : 1;
        } catch (const std::exception&) {
          return 1;
        }
      },
      this);
}

step_watch::~step_watch() {
  sqlite3_progress_handler(db_.handle_, 0, nullptr, nullptr);
}

// -- transactions --------------------------------------------------------------------------------

expected<transaction> transaction::begin(connection& db, kind of) {
  // First: one that has begun is ended whatever fails after it, also one that was left behind.
  transaction begun{db};
  // IMMEDIATE takes the write lock at once: no later statement can meet SQLITE_BUSY.
  TRY_DONE(db.execute(of == kind::write ? "BEGIN IMMEDIATE" : "BEGIN"));
  return begun;
}

transaction::~transaction() {
  if (db_) db_->roll_back();
}

expected<void> transaction::commit() {
  TRY_DONE(db_->execute("COMMIT"));
  db_ = nullptr;
  return {};
}

expected<savepoint> savepoint::begin(connection& db) {
  TRY_DONE(db.execute("SAVEPOINT unit"));
  return savepoint{db};
}

savepoint::~savepoint() {
  if (!db_ || db_->is_autocommit()) return;
  (void)db_->execute("ROLLBACK TO unit");
  (void)db_->execute("RELEASE unit");
}

expected<void> savepoint::release() {
  TRY_DONE(db_->execute("RELEASE unit"));
  db_ = nullptr;
  return {};
}

}  // namespace parley::storage
