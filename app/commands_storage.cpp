// parley backup, parley migrate: the database as a file.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "app/commands.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "storage/backup.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

namespace {

namespace fs = std::filesystem;

/// "20261128T181500Z": sorts by time and is a file name everywhere.
std::string stamp_of(instant at) {
  std::string stamp;
  for (char c : to_string(at).substr(0, 19))
    if (c != '-' && c != ':') stamp += c;
  return stamp + "Z";
}

expected<fs::path> make_folder(const fs::path& inside, instant now) {
  std::error_code fault;
  fs::create_directories(inside.parent_path(), fault);
  if (::mkdir(inside.c_str(), 0700) != 0 && errno != EEXIST)
    return make_error(errc::invalid_input, inside.string() + ": this folder can't be made.");
  auto folder = inside / ("parley-" + stamp_of(now));
  if (::mkdir(folder.c_str(), 0700) != 0)
    return make_error(errc::invalid_input,
                      folder.string() + (errno == EEXIST ? ": a backup of this second is there."
                                                         : ": this folder can't be made."));
  return folder;
}

std::string manifest_of(const storage::made_copy& made, instant now) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("version", PARLEY_VERSION).member("createdAt", to_string(now));
  json.member("schema", made.schema).key("files").begin_array();
  json.begin_object().member("name", made.file.filename().string());
  json.member("bytes", made.bytes).member("sha256", made.sha256).end_object();
  json.end_array().end_object();
  return text;
}

expected<std::string> make_backup(const settings& values, const fs::path& inside,
                                  fs::path& folder) {
  auto now = system_wall_clock().now();
  TRY(folder, make_folder(inside, now));
  auto made = storage::back_up(fs::path{values.data_dir} / storage::database_file_name,
                               folder / storage::database_file_name);
  if (!made) {
    ::rmdir(folder.c_str());
    return made.error();
  }
  auto manifest = manifest_of(*made, now);
  std::ofstream file{folder / "backup.json"};
  file << manifest << "\n";
  if (!file.flush())
    return make_error(errc::storage_failed, folder.string() + ": backup.json can't be written.");
  return manifest;
}

std::string needed(const storage::database_state& state) {
  if (state.schema == state.schema_newest) return "current";
  return state.schema < state.schema_newest ? "pending" : "newer";
}

}  // namespace

int back_up(const configuration& config, const backup_options& options) {
  fs::path folder;
  auto manifest = make_backup(config.values, options.folder, folder);
  if (!manifest) return report(manifest.error());
  if (options.is_json) {
    std::cout << *manifest << "\n";
    return 0;
  }
  std::cout << "The backup is " << folder.string()
            << ", whole and checked.\nNot in it: secrets.json of " << config.values.data_dir
            << ". Keep a copy of that elsewhere; without it no stored\nAPI key opens and no "
               "password fits.\n";
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
