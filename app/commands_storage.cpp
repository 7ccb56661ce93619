// parley backup, restore, migrate: the database as a file.
#include <iostream>

#include "app/commands.hpp"
#include "base/clock.hpp"
#include "base/record_json.hpp"
#include "base/secrets_file.hpp"
#include "storage/backup_keeper.hpp"
#include "storage/restore.hpp"
#include "storage/sealed_keys.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

namespace {

namespace fs = std::filesystem;

constexpr auto no_copy_of_secrets =
    "WARNING: nobody has made a copy of secrets.json: parley secrets export FILE.\n";

/// What a restored database needs beside it.
enum class secrets_fit : uint8_t { fitting, absent, other };
expected<secrets_fit> look_at_secrets(const fs::path& data_dir) {
  TRY(auto kept, read_secrets(data_dir.string()));
  if (!kept) return secrets_fit::absent;
  TRY(auto db, storage::connection::open({(data_dir / storage::database_file_name).string()}));
  auto used = storage::sealing_keys_in_use(*db);
  // A database of an older schema, which has no such table yet.
  if (!used) return secrets_fit::fitting;
  for (const auto& name : *used)
    if (kept->sealing.find(name) == nullptr) return secrets_fit::other;
  return secrets_fit::fitting;
}

std::string_view name_of(secrets_fit fit) {
  return fit == secrets_fit::fitting ? "fitting" : fit == secrets_fit::absent ? "absent" : "other";
}

std::string needed(const storage::database_state& state) {
  if (state.schema == state.schema_newest) return "current";
  return state.schema < state.schema_newest ? "pending" : "newer";
}

}  // namespace

int back_up(const configuration& config, const backup_options& options) {
  storage::lower_priority();
  auto made = storage::make_backup(fs::path{config.values.data_dir} / storage::database_file_name,
                                   options.folder, system_wall_clock().now());
  if (!made) return report(made.error());
  if (options.is_json) {
    std::cout << storage::manifest_of(*made);
    return 0;
  }
  std::cout << "The backup is " << (fs::path{options.folder} / made->name).string()
            << ", whole and checked.\nNot in it: secrets.json of " << config.values.data_dir
            << ". Keep a copy of that elsewhere; without it no stored\nAPI key opens and no "
               "password fits.\n";
  auto copy = find_secrets_copy(config.values.data_dir);
  if (copy == secrets_copy::none || copy == secrets_copy::outdated) std::cout << no_copy_of_secrets;
  return 0;
}

int restore(const configuration& config, const restore_options& options) {
  const fs::path data_dir{config.values.data_dir};
  auto restored = storage::restore(options.folder, data_dir, system_wall_clock().now());
  if (!restored) return report(restored.error());
  auto fit = look_at_secrets(data_dir);
  if (!fit) return report(fit.error());
  const auto& kept_in = restored->kept_in.string();
  if (options.is_json) {
    std::string text;
    json_writer json{text};
    json.begin_object().key("backup");
    write_json(json, restored->backup);
    if (!kept_in.empty()) json.member("keptIn", kept_in);
    json.member("secrets", name_of(*fit)).end_object();
    std::cout << text << "\n";
    return 0;
  }
  std::cout << "The database in " << data_dir.string() << " is that of "
            << to_string(restored->backup.created_at) << " now, checked.\n";
  if (!kept_in.empty())
    std::cout << "What was there is in " << kept_in << "; delete it when nothing needs it.\n";
  if (*fit == secrets_fit::absent)
    std::cout << "secrets.json is missing, and a backup does not have it: before the server starts,"
                 " put a copy\nthere, or: parley secrets import FILE. Without it no stored API key "
                 "opens and no password fits.\n";
  if (*fit == secrets_fit::other)
    std::cout << "WARNING: secrets.json there is not the file that API keys in the backup were "
                 "sealed with.\nPut the right copy there before the server starts.\n";
  return 0;
}

int migrate(const configuration& config, const migrate_options& options) {
  auto file = fs::path{config.values.data_dir} / storage::database_file_name;
  auto before = storage::examine(file, false);
  if (!before) return report(before.error());
  if (!options.is_check) {
    auto opened = storage::database::open({.directory = config.values.data_dir});
    if (!opened) return report(opened.error());
  }
  auto after = options.is_check ? before : storage::examine(file, false);
  if (!after) return report(after.error());
  auto state = needed(*after);
  if (options.is_json) {
    std::string text;
    json_writer{text}
        .begin_object()
        .member("state", state)
        .member("schema", after->schema)
        .member("schemaBefore", before->schema)
        .member("schemaOfThisProgram", after->schema_newest)
        .end_object();
    std::cout << text << "\n";
  } else if (state == "current") {
    std::cout << "The database has schema " << after->schema << ", that of this program.\n";
  } else if (state == "pending") {
    std::cout << "The database has schema " << after->schema << "; this program brings it to "
              << after->schema_newest << " when it starts, after copying it beside itself.\n";
  } else {
    std::cout << "The database has schema " << after->schema << ", newer than "
              << after->schema_newest << " of this program: it would refuse to start.\n";
  }
  return state == "newer" ? 1 : 0;
}

}  // namespace parley::app
