/// Moves a whole installation of Open WebUI into the database of this one: accounts, folders,
/// models, chats.
///
/// What was moved before is found again (accounts and models by name, folders by name and place,
/// chats by the id that they had) and left as it is, so a second run adds only what is new. Whole
/// chats are committed, some at a time: a run that was ended goes on where it was. Blocks on both
/// databases; one thread; holds one chat at a time.
#pragma once

#include <map>
#include <unordered_map>

#include "actors/impl/model_changes.hpp"
#include "chat/import.hpp"
#include "chat/token_count.hpp"
#include "providers/catalogue.hpp"
#include "storage/openwebui_database.hpp"
#include "storage/tables.hpp"

namespace parley::app {

/// Each row of the other database is in one count of its kind.
struct moving_report {
  import_counts users, folders, models, sessions, messages;
};

struct moving_parts {
  const storage::openwebui_database* from = nullptr;
  storage::connection* to = nullptr;  ///< none: a trial, without a database of ours yet
  bool is_trial = false;              ///< everything is read, nothing written
  instant now;
  const token_counter* counter = nullptr;
  const providers::catalogue* presets = nullptr;
  model_tools tools;
  /// Called now and then.
  std::function<void(int64_t chats_done, int64_t chats)> tell = [](int64_t, int64_t) {};
};

class mover {
 public:
  explicit mover(moving_parts parts) : parts_(std::move(parts)) {}

  expected<moving_report> move_all();

 private:
  /// One of the addresses that the other program called models at.
  struct upstream {
    std::string provider;  ///< a preset of ours
    std::string base_url;
    std::string key;
    std::string prefix;  ///< of its models' ids there
    std::vector<std::string> models;
    bool is_enabled = true;
    bool is_ollama = false;
  };
  struct wanted_model {
    storage::openwebui_model row;
    bool has_row = false;
    std::string upstream_id;
  };

  template <class Change>
  expected<void> store(const Change& change) {
    if (parts_.is_trial) return {};
    return storage::apply(*parts_.to, change);
  }
  /// The id in the first column of the first row.
  template <class Id>
  static expected<std::optional<Id>> found(storage::query q) {
    TRY(bool has_row, q.step());
    if (!has_row) return std::optional<Id>{};
    return std::optional{q.id<Id>(0)};
  }

  expected<void> in_transaction(const std::function<expected<void>()>& work) const;

  expected<void> move_users();
  expected<void> move_user(storage::openwebui_user&& theirs);
  expected<void> move_folders();
  expected<void> move_folder(const storage::openwebui_folder& theirs, bool is_misplaced);

  expected<void> move_models();
  expected<void> read_upstreams_of(const std::string& kind);
  expected<std::vector<wanted_model>> wanted_models();
  expected<void> move_model(const wanted_model& wanted);
  const upstream* upstream_of(const std::string& id, std::string& upstream_id) const;
  std::vector<model_access> access_of(const wanted_model& wanted, std::string& change);

  expected<void> move_chats();
  expected<void> move_chat(const storage::openwebui_chat& theirs);
  expected<std::optional<imported_session>> read_chat(const storage::openwebui_chat& theirs);
  expected<void> take_tags(const storage::openwebui_chat& theirs, session& header);
  expected<bool> is_there(const session& header) const;
  expected<void> store_chat(imported_session&& chat);

  moving_parts parts_;
  moving_report report_;
  std::unordered_map<std::string, user_id> users_;      ///< by their id there
  std::unordered_map<std::string, folder_id> folders_;  ///< by their id there
  std::unordered_map<std::string, model_id> models_;    ///< by their id there, which is their name
  std::vector<upstream> upstreams_;
  json_reader json_{{.bytes_max = size_t{64} << 20, .depth_max = 1024, .strict = false}};
  int64_t unwritten_ = 0;  ///< messages of this transaction
  int64_t chats_done_ = 0;
};

}  // namespace parley::app
