#include "storage/openwebui_database.hpp"

namespace parley::storage {

namespace {

// Seconds, or in some versions milliseconds or nanoseconds.
instant instant_of(int64_t number) {
  constexpr int64_t ms_begin = 100'000'000'000;
  constexpr int64_t ns_begin = ms_begin * 1'000'000;
  if (number >= ns_begin) return {number / 1'000'000};
  return {number >= ms_begin ? number : number * 1000};
}

std::string text_of(const query& row, int column) {
  return std::string{row.text(column)};
}

/// Calls `take` with `make` of each row.
template <class Make, class Take>
expected<void> each_row(query rows, Make make, const Take& take) {
  for (;;) {
    TRY(bool has_row, rows.step());
    if (!has_row) return {};
    TRY_DONE(take(make(rows)));
  }
}

}  // namespace

expected<openwebui_database> openwebui_database::open(const std::filesystem::path& file) {
  std::error_code fault;
  if (!std::filesystem::is_regular_file(file, fault))
    return make_error(errc::not_found, "There is no database " + file.string() + ".");
  TRY(auto db, connection::open({file.string(), false}));
  openwebui_database opened{std::move(db)};
  TRY_DONE(opened.look());
  return opened;
}

expected<void> openwebui_database::look() {
  auto rows = db_->prepare(
      "SELECT m.name || '.' || c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c"
      " WHERE m.type='table'");
  for (;;) {
    TRY(bool has_row, rows.step());
    if (!has_row) break;
    columns_.emplace_back(rows.text(0));
  }
  for (auto [table, name] : {std::pair{"user", "email"}, std::pair{"auth", "password"},
                             std::pair{"chat", "chat"}, std::pair{"chat", "user_id"}})
    if (!has(table, name))
      return make_error(
          errc::invalid_input, "not_openwebui",
          "This is no database of Open WebUI: it has no " + std::string{table} + "." + name + ".");
  has_access_ = has("model", "access_control") || has("access_grant", "resource_id");
  return {};
}

bool openwebui_database::has(std::string_view table, std::string_view column) const {
  auto name = std::string{table} + "." + std::string{column};
  return std::find(columns_.begin(), columns_.end(), name) != columns_.end();
}

std::string openwebui_database::column(std::string_view table, std::string_view name) const {
  return has(table, name) ? "t." + std::string{name} : "NULL";
}

expected<void> openwebui_database::each_user(const taker<openwebui_user>& take) const {
  auto sql = "SELECT t.id, t.name, t.email, t.role, a.password, COALESCE(a.active, 1), " +
             column("user", "created_at") +
             " FROM \"user\" t LEFT JOIN auth a ON a.id=t.id ORDER BY t.rowid";
  return each_row(
      db_->prepare(sql),
      [](const query& row) {
        return openwebui_user{text_of(row, 0),           text_of(row, 1), text_of(row, 2),
                              text_of(row, 3),           text_of(row, 4), row.integer(5) != 0,
                              instant_of(row.integer(6))};
      },
      take);
}

expected<void> openwebui_database::each_folder(const taker<openwebui_folder>& take) const {
  if (!has("folder", "name")) return {};
  auto sql = "SELECT t.id, t.parent_id, t.user_id, t.name, " + column("folder", "data") +
             ", t.created_at FROM folder t ORDER BY t.rowid";
  return each_row(
      db_->prepare(sql),
      [](const query& row) {
        return openwebui_folder{text_of(row, 0), text_of(row, 1), text_of(row, 2),
                                text_of(row, 3), text_of(row, 4), instant_of(row.integer(5))};
      },
      take);
}

expected<void> openwebui_database::each_model(const taker<openwebui_model>& take) const {
  if (!has("model", "base_model_id")) return {};
  std::string access = "'{\"public\":true}'";
  if (has("access_grant", "resource_id"))
    access =
        "(SELECT json_object('public', json(CASE WHEN MAX(g.principal_id='*') THEN 'true'"
        " ELSE 'false' END), 'users', json_group_array(g.principal_id)"
        " FILTER (WHERE g.principal_type='user' AND g.principal_id<>'*'),"
        " 'groups', json_group_array(g.principal_id) FILTER (WHERE g.principal_type='group'))"
        " FROM access_grant g WHERE g.resource_type='model' AND g.resource_id=t.id"
        " AND g.permission='read')";
  else if (has("model", "access_control"))
    access =
        "CASE WHEN t.access_control IS NULL OR t.access_control='null' THEN '{\"public\":true}'"
        " ELSE json_object('public', json('false'),"
        " 'users', json(COALESCE(t.access_control->'$.read.user_ids', '[]')),"
        " 'groups', json(COALESCE(t.access_control->'$.read.group_ids', '[]'))) END";
  auto sql = "SELECT t.id, t.base_model_id, t.user_id, t.name, t.params, t.meta, " + access +
             ", COALESCE(" + column("model", "is_active") + ", 1), t.created_at FROM model t" +
             " ORDER BY t.rowid";
  return each_row(
      db_->prepare(sql),
      [](const query& row) {
        return openwebui_model{text_of(row, 0), text_of(row, 1),     text_of(row, 2),
                               text_of(row, 3), text_of(row, 4),     text_of(row, 5),
                               text_of(row, 6), row.integer(7) != 0, instant_of(row.integer(8))};
      },
      take);
}

expected<void> openwebui_database::each_chat(const taker<openwebui_chat>& take) const {
  auto sql = "SELECT t.rowid, t.id, t.user_id, t.title, " + column("chat", "folder_id") + ", " +
             column("chat", "meta") + ", " + column("chat", "archived") + ", " +
             column("chat", "pinned") + ", t.created_at, " + column("chat", "updated_at") +
             " FROM chat t ORDER BY t.rowid";
  return each_row(
      db_->prepare(sql),
      [](const query& row) {
        return openwebui_chat{row.integer(0),      text_of(row, 1),     text_of(row, 2),
                              text_of(row, 3),     text_of(row, 4),     text_of(row, 5),
                              row.integer(6) != 0, row.integer(7) != 0, row.integer(8),
                              row.integer(9)};
      },
      take);
}

expected<std::string> openwebui_database::conversation_of(const openwebui_chat& chat) const {
  auto q = db_->prepare("SELECT chat FROM chat WHERE rowid=?");
  q.bind(chat.row);
  TRY(bool has_row, q.step());
  return has_row ? text_of(q, 0) : std::string{};
}

expected<std::string> openwebui_database::conversation_from_rows(const openwebui_chat& chat) const {
  if (!has("chat_message", "parent_id")) return std::string{};
  // The id there is that of the chat, a hyphen, and the message's own.
  auto q = db_->prepare(
      "SELECT json_object('history', json_object('messages', json_group_object("
      "CASE WHEN substr(t.id, 1, length(?1)+1)=?1||'-' THEN substr(t.id, length(?1)+2)"
      " ELSE t.id END, json_object('role', t.role, 'parentId', t.parent_id, 'content',"
      " json(t.content), 'model', t.model_id, 'timestamp', t.created_at, 'done',"
      " json(CASE t.done WHEN 0 THEN 'false' ELSE 'true' END), 'files', json(t.files), 'error',"
      " json(t.error))))) FROM chat_message t WHERE t.chat_id=?1");
  q.bind(chat.id);
  TRY(bool has_row, q.step());
  return has_row ? text_of(q, 0) : std::string{};
}

expected<std::string> openwebui_database::tag_name(const std::string& user_id,
                                                   const std::string& id) const {
  if (!has("tag", "user_id")) return id;
  auto q = db_->prepare("SELECT name FROM tag WHERE id=? AND user_id=?");
  q.bind(id, user_id);
  TRY(bool has_row, q.step());
  return has_row && q.text_bytes(0) > 0 ? text_of(q, 0) : id;
}

expected<std::string> openwebui_database::old_tags_of(const openwebui_chat& chat) const {
  if (has("chat", "meta") || !has("chatidtag", "tag_name")) return std::string{"[]"};
  auto q = db_->prepare("SELECT json_group_array(tag_name) FROM chatidtag WHERE chat_id=?");
  q.bind(chat.id);
  TRY(bool has_row, q.step());
  return has_row ? text_of(q, 0) : std::string{"[]"};
}

expected<std::string> openwebui_database::setting(const std::string& path) const {
  std::string sql;
  if (has("config", "value"))
    sql = "SELECT value FROM config WHERE key=?1";
  else if (has("config", "data"))
    sql = "SELECT data->('$.' || ?1) FROM config ORDER BY id DESC LIMIT 1";
  else
    return std::string{};
  auto q = db_->prepare(sql);
  q.bind(path);
  TRY(bool has_row, q.step());
  return has_row ? text_of(q, 0) : std::string{};
}

expected<std::vector<std::string>> openwebui_database::models_in_chats() const {
  // One that is no JSON is told of when its turn comes.
  auto q = db_->prepare(
      "SELECT m.value, COUNT(*) FROM chat c, json_each(CASE WHEN json_valid(c.chat)"
      " THEN c.chat->'$.models' ELSE '[]' END) m WHERE m.type='text'"
      " GROUP BY m.value ORDER BY 2 DESC, 1 LIMIT 1000");
  std::vector<std::string> names;
  for (;;) {
    TRY(bool has_row, q.step());
    if (!has_row) return names;
    names.push_back(text_of(q, 0));
  }
}

expected<int64_t> openwebui_database::chat_count() const {
  auto q = db_->prepare("SELECT COUNT(*) FROM chat");
  TRY(auto number, q.number());
  return number.value_or(0);
}

}  // namespace parley::storage
