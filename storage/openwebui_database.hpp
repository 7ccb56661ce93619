/// The database of an Open WebUI installation (webui.db of SQLite), read by a connection that can't
/// write.
///
/// Its tables have changed with its migrations; columns that a database does not have yet, or has
/// no more, read as absent. Blocks on the disk, one thread; holds one row at a time.
#pragma once

#include <filesystem>
#include <functional>

#include "storage/connection.hpp"

namespace parley::storage {

struct openwebui_user {
  std::string id, name, email, role;
  std::string password;  ///< bcrypt; empty for accounts of single sign-on
  bool is_active = true;
  instant created_at;
};

struct openwebui_folder {
  std::string id, parent_id, user_id, name;
  std::string data;  ///< JSON
  instant created_at;
};

struct openwebui_model {
  std::string id, base_model_id, user_id, name;
  std::string params, meta;  ///< JSON
  /// Whom it is open to, as JSON {"public":…,"users":[…],"groups":[…]}; the owner always.
  std::string access;
  bool is_active = true;
  instant created_at;
};

/// Without the conversation, which is read by its own question.
struct openwebui_chat {
  int64_t row = 0;
  std::string id, user_id, title, folder_id;
  std::string meta;  ///< JSON
  bool is_archived = false;
  bool is_pinned = false;
  int64_t created_at = 0;  ///< as it stands there: seconds, or milliseconds
  int64_t updated_at = 0;
};

class openwebui_database {
 public:
  /// errc::invalid_input, reason `not_openwebui`, for a database without its tables.
  static expected<openwebui_database> open(const std::filesystem::path& file);

  template <class Row>
  using taker = std::function<expected<void>(Row&& row)>;
  expected<void> each_user(const taker<openwebui_user>& take) const;
  expected<void> each_folder(const taker<openwebui_folder>& take) const;
  expected<void> each_model(const taker<openwebui_model>& take) const;
  expected<void> each_chat(const taker<openwebui_chat>& take) const;

  /// `{"history":{…},…}`; errc::too_large for one beyond what a value may have.
  expected<std::string> conversation_of(const openwebui_chat& chat) const;
  /// The same object, put together from the rows of the table of messages.
  expected<std::string> conversation_from_rows(const openwebui_chat& chat) const;
  /// The names that a user gave to tags, by their ids.
  expected<std::string> tag_name(const std::string& user_id, const std::string& id) const;
  /// Tags of a chat where they had a table of their own: JSON, a list of names.
  expected<std::string> old_tags_of(const openwebui_chat& chat) const;

  /// A value of the configuration as JSON, by its path ("openai.api_keys"); empty: there is none.
  expected<std::string> setting(const std::string& path) const;
  /// Which models the chats name.
  expected<std::vector<std::string>> models_in_chats() const;
  expected<int64_t> chat_count() const;
  /// Whether models without a row of their own are hidden from all but administrators.
  bool has_access_rules() const { return has_access_; }

 private:
  explicit openwebui_database(std::unique_ptr<connection> db) : db_(std::move(db)) {}
  expected<void> look();
  bool has(std::string_view table, std::string_view column) const;
  /// The column, or NULL where there is none.
  std::string column(std::string_view table, std::string_view name) const;

  std::unique_ptr<connection> db_;
  std::vector<std::string> columns_;  ///< "table.column"
  bool has_access_ = false;
};

}  // namespace parley::storage
