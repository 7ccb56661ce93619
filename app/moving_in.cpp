#include "app/moving_in.hpp"

#include <unistd.h>

#include <array>
#include <iostream>

#include "app/commands.hpp"
#include "app/terminal.hpp"
#include "app/token_tables.hpp"
#include "base/secrets_file.hpp"
#include "providers/upstream_url.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

namespace {

namespace fs = std::filesystem;

using kind = std::pair<const char*, import_counts moving_report::*>;
constexpr std::array<kind, 5> kinds{{{"users", &moving_report::users},
                                     {"folders", &moving_report::folders},
                                     {"models", &moving_report::models},
                                     {"chats", &moving_report::sessions},
                                     {"messages", &moving_report::messages}}};

int64_t sum_of(const std::map<std::string, int64_t>& reasons) {
  int64_t sum = 0;
  for (const auto& [reason, count] : reasons) sum += count;
  return sum;
}

void write_reasons(json_writer& json, const char* name,
                   const std::map<std::string, int64_t>& reasons) {
  json.key(name).begin_object();
  for (const auto& [reason, count] : reasons) json.member(reason, count);
  json.end_object();
}

void print(const moving_report& report) {
  std::vector<std::vector<std::string>> table{{"", "TAKEN", "CHANGED", "LEFT OUT", "ALL"}};
  for (auto [name, counts] : kinds) {
    const auto& one = report.*counts;
    table.push_back({name, std::to_string(one.taken), std::to_string(sum_of(one.changed)),
                     std::to_string(sum_of(one.left_out)), std::to_string(one.total())});
  }
  print_table(table);
  for (auto [name, counts] : kinds) {
    for (const auto& [reason, count] : (report.*counts).changed)
      std::cout << name << " changed: " << count << " " << reason << "\n";
    for (const auto& [reason, count] : (report.*counts).left_out)
      std::cout << name << " left out: " << count << " " << reason << "\n";
  }
}

void tell_progress(int64_t done, int64_t all) {
  if (::isatty(STDERR_FILENO) == 0) return;
  std::cerr << "\r" << done << " of " << all << " chats" << (done == all ? "\n" : "");
}

append_audit audited_move(const moving_report& report, const std::string& file, instant now) {
  append_audit told;
  told.entry.at = now;
  told.entry.action = "system.moved_in";
  told.entry.target_name = "openwebui " + fs::path{file}.filename().string();
  told.entry.detail.text = json_of(report);
  return told;
}

/// The database to move into, and its keys; in a trial only a look at it, if it is there.
struct destination {
  std::shared_ptr<storage::database> files;
  std::unique_ptr<storage::connection> db;
  std::unique_ptr<sealer> keys;
};

expected<destination> open_destination(const configuration& config, bool is_trial) {
  destination opened;
  const auto& folder = config.values.data_dir;
  if (is_trial) {
    auto file = fs::path{folder} / storage::database_file_name;
    std::error_code fault;
    if (!fs::exists(file, fault)) return opened;
    TRY(opened.db, storage::connection::open({file.string(), false}));
    return opened;
  }
  TRY(opened.files, storage::database::open({.directory = folder}));
  TRY(opened.db, opened.files->open_writer());
  TRY(auto known, load_or_make_secrets(folder));
  opened.keys = std::make_unique<sealer>(known.sealing);
  return opened;
}

}  // namespace

std::string json_of(const moving_report& report) {
  std::string text;
  json_writer json{text};
  json.begin_object();
  for (auto [name, counts] : kinds) {
    const auto& one = report.*counts;
    json.key(name).begin_object().member("taken", one.taken);
    write_reasons(json, "changed", one.changed);
    write_reasons(json, "leftOut", one.left_out);
    json.member("total", one.total()).end_object();
  }
  json.end_object();
  return text;
}

expected<moving_report> move_openwebui(const configuration& config,
                                       const migrate_from_options& options) {
  TRY(auto from, storage::openwebui_database::open(options.database));
  TRY(auto counter, open_token_counter(config.values));
  TRY(auto presets, providers::catalogue::load(config.values.providers_dir));
  TRY(auto into, open_destination(config, options.is_trial));
  moving_parts parts;
  parts.from = &from;
  parts.to = into.db.get();
  parts.is_trial = options.is_trial;
  parts.now = system_wall_clock().now();
  parts.counter = &counter;
  parts.presets = &presets;
  parts.tools.keys = into.keys.get();
  parts.tools.origin_of = [](const model_config& model) {
    return providers::origin_of(model.base_url);
  };
  parts.tools.complete_wish = [&presets](patch_of<model_config>& wish) {
    return presets.complete(wish);
  };
  parts.tell = tell_progress;
  auto now = parts.now;
  TRY(auto report, mover{std::move(parts)}.move_all());
  if (options.is_trial) return report;
  TRY(auto writing, storage::transaction::begin(*into.db, storage::transaction::kind::write));
  TRY_DONE(storage::apply(*into.db, audited_move(report, options.database, now)));
  TRY_DONE(writing.commit());
  TRY_DONE(into.db->checkpoint(true));
  return report;
}

int migrate_from_openwebui(const configuration& config, const migrate_from_options& options) {
  auto moved = move_openwebui(config, options);
  if (!moved) return report(moved.error());
  if (options.is_json) {
    std::cout << json_of(*moved) << "\n";
    return 0;
  }
  print(*moved);
  std::cout << (options.is_trial
                    ? "Nothing was written.\n"
                    : "Moved. Everybody logs in with the address and password they had there.\n");
  return 0;
}

}  // namespace parley::app
