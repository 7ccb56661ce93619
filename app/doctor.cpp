#include "app/doctor.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>

#include "app/commands.hpp"
#include "app/job_parts.hpp"
#include "app/log_parts.hpp"
#include "app/support_bundle.hpp"
#include "app/terminal.hpp"
#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/secrets_file.hpp"
#include "providers/alert_sender.hpp"
#include "storage/backup.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

namespace {

namespace fs = std::filesystem;

constexpr uint64_t free_bytes_min = uint64_t{1} << 30;
/// Two for a stream (client and provider), and what the process itself has open.
constexpr uint64_t own_descriptors = 256;
/// Of a file beside a clock that is right.
constexpr int64_t clock_slack_s = 120;

finding well(std::string check, std::string what) {
  return {std::move(check), finding_level::ok, std::move(what), {}};
}

finding warn(std::string check, std::string what, std::string mend) {
  return {std::move(check), finding_level::warning, std::move(what), std::move(mend)};
}

finding bad(std::string check, std::string what, std::string mend) {
  return {std::move(check), finding_level::fault, std::move(what), std::move(mend)};
}

fs::path database_of(const settings& values) {
  return fs::path{values.data_dir} / storage::database_file_name;
}

finding check_configuration(const configuration& config) {
  const auto& values = config.values;
  auto address = listen_address::parse(values.listen);
  auto is_private = address && address->is_loopback();
  if (values.profile == operating_profile::development && !is_private)
    return warn("configuration",
                "The server would speak plain HTTP on " + values.listen +
                    " with the profile for development.",
                "Listen on 127.0.0.1 behind a proxy that speaks TLS, and set profile = "
                "\"production\".");
  return well("configuration", "valid; " + std::to_string(config.origins.size()) +
                                   " settings differ from their defaults");
}

/// In production a proxy must stand in front; unless it is trusted, all its clients are one
/// address.
finding check_proxies(const settings& values) {
  if (values.profile == operating_profile::production && values.trusted_proxies.empty())
    return warn("trusted_proxies",
                "No proxy is trusted, so whoever comes through one shares its address: with one "
                "limit for all, and one lock after wrong passwords.",
                "Name the proxy's network: trusted_proxies = [\"127.0.0.0/8\"] for one on this "
                "machine.");
  return well("trusted_proxies", values.trusted_proxies.empty()
                                     ? "none, and none is needed"
                                     : std::to_string(values.trusted_proxies.size()) + " networks");
}

std::string octal(mode_t mode) {
  std::string text;
  for (int shift = 6; shift >= 0; shift -= 3)
    text += static_cast<char>('0' + ((mode >> static_cast<unsigned>(shift)) & 7U));
  return text;
}

finding check_permissions(const settings& values) {
  struct stat found {};
  const auto& folder = values.data_dir;
  if (::stat(folder.c_str(), &found) != 0)
    return warn("permissions", "There is no directory " + folder + " yet.",
                "`parley serve` or `parley init` makes it.");
  if (!S_ISDIR(found.st_mode))
    return bad("permissions", folder + " is no directory.", "Name another one as data_dir.");
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0)
    return bad("permissions", "This user can't write into " + folder + ".",
               "Run Parley as its owner, or: chown -R $(whoami) " + folder);
  std::error_code fault;
  for (const auto& path :
       {fs::path{folder}, database_of(values), fs::path{folder} / "secrets.json"}) {
    if (::stat(path.c_str(), &found) != 0) continue;
    if ((found.st_mode & 077U) != 0)
      return bad("permissions",
                 path.string() + " has mode " + octal(found.st_mode) + ": others may read it.",
                 "chmod go= " + path.string());
    if (found.st_uid != ::geteuid() && ::geteuid() != 0)
      return bad("permissions", path.string() + " belongs to somebody else.",
                 "Run as the user of the server, or: chown -R $(whoami) " + folder);
  }
  return well("permissions", folder + " is its owner's alone");
}

/// Where the data are, or would be.
fs::path existing_part(fs::path path) {
  std::error_code fault;
  path = fs::absolute(path, fault);
  while (!path.empty() && !fs::exists(path, fault) && path != path.root_path())
    path = path.parent_path();
  return path;
}

finding check_file_system(const settings& values) {
  auto place = existing_part(values.data_dir);
  struct statfs kind {};
  if (::statfs(place.c_str(), &kind) != 0)
    return bad("file system", place.string() + " can't be looked at.", "Name another data_dir.");
  if (auto fault = file_system_fault(static_cast<int64_t>(kind.f_type))) {
    fault->what = values.data_dir + ": " + fault->what;
    return *fault;
  }
  auto free = static_cast<uint64_t>(kind.f_bavail) * static_cast<uint64_t>(kind.f_bsize);
  auto mib = std::to_string(free >> 20U) + " MiB free";
  if (free < free_bytes_min)
    return warn("file system", "Little space is left: " + mib + ".",
                "Make room, or move data_dir; when it is full nothing can be stored (507).");
  return well("file system", mib);
}

finding check_descriptors(const settings& values) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (auto fault = descriptor_fault(values, limit.rlim_max)) return *fault;
  return well("descriptors", "up to " + std::to_string(limit.rlim_max));
}

int64_t newest_file_s(const settings& values) {
  int64_t newest = 0;
  std::error_code fault;
  for (const auto& entry : fs::directory_iterator{values.data_dir, fault}) {
    struct stat found {};
    if (::stat(entry.path().c_str(), &found) == 0)
      newest = std::max<int64_t>(newest, found.st_mtime);
  }
  return newest;
}

finding check_clock(const settings& values) {
  auto now = system_wall_clock().now().ms / 1000;
  // The program's own file: it was built, or at least put there, then.
  struct stat own {};
  auto built = ::stat("/proc/self/exe", &own) == 0 ? static_cast<int64_t>(own.st_mtime) : 0;
  if (auto fault = clock_fault(now, built, newest_file_s(values))) return *fault;
  timex state{};
  auto mode = ::adjtimex(&state);
  if (mode == TIME_ERROR || (state.status & STA_UNSYNC) != 0)
    return warn("clock", "Nothing sets this machine's clock; tokens and times depend on it.",
                "timedatectl set-ntp true");
  return well("clock", "set by the network");
}

finding check_secrets(const settings& values) {
  std::error_code fault;
  auto path = fs::path{values.data_dir} / "secrets.json";
  auto has_database = fs::exists(database_of(values), fault);
  if (!fs::exists(path, fault)) {
    if (!has_database) return well("secrets", "made at the first start");
    return bad("secrets", path.string() + " is missing beside a database.",
               "Put a copy of it back before the server starts: it would make another one, and no "
               "stored API key would open and no password fit.");
  }
  auto read = load_or_make_secrets(values.data_dir);
  if (!read)
    return bad("secrets", sentence_of(read.error()), "Mend it, or put a copy of the file back.");
  return well("secrets", "all keys are there");
}

finding check_database(const settings& values) {
  auto file = database_of(values);
  auto state = storage::examine(file, true);
  if (!state && code_of(state.error()) == errc::not_found) return well("database", "none yet");
  constexpr auto restore = "Stop the server, then: parley restore FOLDER, the latest backup.";
  if (!state) return bad("database", sentence_of(state.error()), restore);
  if (!state->faults.empty())
    return bad("database", file.string() + ": " + state->faults.front() + ".", restore);
  if (state->schema > state->schema_newest)
    return bad("database",
               "It has schema " + std::to_string(state->schema) + ", this program knows " +
                   std::to_string(state->schema_newest) + ".",
               "Start the newer Parley that wrote it, or restore an older backup.");
  return well("database", std::to_string(state->bytes >> 10U) + " KiB, whole, schema " +
                              std::to_string(state->schema));
}

/// Of a database that is known to be whole.
finding check_audit(const settings& values) {
  auto file = database_of(values);
  auto state = storage::examine(file, false);
  if (!state) return well("audit log", "none yet");
  if (state->schema != state->schema_newest)
    return well("audit log", "not read before the database has this program's schema");
  auto chain = storage::check_audit_chain(file);
  if (!chain) return bad("audit log", sentence_of(chain.error()), "Run: parley audit verify");
  if (chain->broken)
    return bad("audit log",
               "Entry " + std::to_string(*chain->broken) +
                   " does not follow from the one before it: somebody has changed it.",
               "Compare it with a backup, and find out who could write to the database.");
  return well("audit log", std::to_string(chain->rows) + " entries, the chain holds");
}

finding check_secrets_copy(const settings& values) {
  constexpr auto mend = "parley secrets export FILE, and keep it apart from the backups.";
  switch (find_secrets_copy(values.data_dir)) {
    case secrets_copy::none:
      return warn("secrets copy",
                  "Nobody has made a copy of secrets.json, which no backup has; without it no "
                  "stored API key opens and no password fits.",
                  mend);
    case secrets_copy::outdated:
      return warn("secrets copy", "The keys were turned since a copy of them was made.", mend);
    case secrets_copy::foreign:
      return well("secrets copy", "secrets.json comes from elsewhere");
    case secrets_copy::no_secrets:
      return well("secrets copy", "there are no secrets yet");
    case secrets_copy::made:
      break;
  }
  return well("secrets copy", "was made");
}

std::string age_text(std::chrono::seconds age) {
  return std::to_string(std::chrono::duration_cast<std::chrono::hours>(age).count()) + " hours old";
}

finding check_backups(const settings& values) {
  auto plan = backup_plan_of(values);
  auto where = plan.folder.string();
  auto now = system_wall_clock().now();
  storage::backup_past past;
  struct stat secrets {};
  // They were made at the first start.
  if (::stat((fs::path{values.data_dir} / "secrets.json").c_str(), &secrets) == 0)
    past.start = std::chrono::seconds{std::max<int64_t>(0, now.ms / 1000 - secrets.st_mtime)};
  auto all = storage::list_backups(plan.folder);
  auto last = std::find_if(all.begin(), all.end(), [](const auto& one) { return one.verified; });
  if (last != all.end()) {
    past.last = std::chrono::duration_cast<std::chrono::seconds>(now - last->created_at);
    auto digest = storage::digest_of(plan.folder / last->name / storage::database_file_name);
    if (!digest || *digest != last->sha256)
      return bad("backups", (plan.folder / last->name).string() + " is not what it was.",
                 "Look after the disk; make another one: parley backup " + where);
  }
  if (storage::is_late(plan, past))
    return warn("backups",
                past.last ? "The last one in " + where + " is " + age_text(*past.last) + "."
                          : "There is none in " + where + ".",
                "Does the server run, and is there room? Its log says backup.failed and why; or "
                "make one: parley backup " +
                    where);
  if (past.last) return well("backups", "the last one is whole, and " + age_text(*past.last));
  return well("backups", plan.every.count() == 0
                             ? "none in " + where + ", and the server makes none by itself"
                             : "none yet; the server makes them in " + where);
}

finding check_log(const settings& values) {
  if (values.log_files == log_keeping::off)
    return well("log", "kept in no files; log_files is off");
  auto directory = log_directory_of(values);
  struct stat found {};
  if (::lstat(directory.c_str(), &found) != 0) return well("log", "none yet");
  if (!S_ISDIR(found.st_mode) || ::access(directory.c_str(), R_OK | W_OK | X_OK) != 0)
    return warn("log", "No log can be kept in " + directory.string() + ".",
                "It must be a directory of the server's user, and no link.");
  if ((found.st_mode & 077U) != 0)
    return bad("log",
               directory.string() + " has mode " + octal(found.st_mode) +
                   ": others may read who did what.",
               "chmod go= " + directory.string());
  uint64_t bytes = 0;
  auto files = list_log_files(directory);
  for (const auto& file : files) bytes += file.bytes;
  return well("log", std::to_string(files.size()) + " files, " + std::to_string(bytes >> 20U) +
                         " of at most " + std::to_string(values.log_bytes_max >> 20U) + " MiB");
}

// Whether their URLs and addresses are well-formed was seen when the settings were read.
finding check_alerts(const settings& values) {
  auto known = providers::alert_addresses_of(values, {});
  if (!known)
    return bad("alerts", sentence_of(known.error()), "Correct it, or leave the setting out.");
  if (known->empty())
    return {"alerts", finding_level::ok, "nobody is alerted when something is wrong",
            "Name a receiver: docs/operations.md, Alerts."};
  std::string names;
  for (const auto& each : *known)
    names += (names.empty() ? "go to " : ", ") + to_string(each.receiver);
  return well("alerts", names + "; POST /api/admin/alerts/test tries them");
}

bool is_sound(const std::vector<finding>& all) {
  return std::none_of(all.begin(), all.end(),
                      [](const finding& each) { return each.level == finding_level::fault; });
}

constexpr std::string_view name_of_level(finding_level level) {
  return level == finding_level::ok ? "ok" : level == finding_level::warning ? "warning" : "fault";
}

std::string json_text(const std::vector<finding>& all) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("sound", is_sound(all)).key("checks").begin_array();
  for (const auto& each : all) {
    json.begin_object().member("check", each.check).member("level", name_of_level(each.level));
    json.member("what", each.what);
    if (!each.mend.empty()) json.member("mend", each.mend);
    json.end_object();
  }
  json.end_array().end_object();
  return text + '\n';
}

}  // namespace

std::optional<finding> file_system_fault(int64_t kind) {
  struct known {
    int64_t kind;
    const char* name;
  };
  // statfs(2) and linux/magic.h.
  static constexpr std::array networks{
      known{0x6969, "NFS"},       known{0x517b, "SMB"},        known{0xff534d42, "CIFS"},
      known{0xfe534d42, "SMB2"},  known{0x01021997, "9p"},     known{0x5346414f, "AFS"},
      known{0x00c36400, "Ceph"},  known{0x0bd00bd0, "Lustre"}, known{0x01161970, "GFS2"},
      known{0x7461636f, "OCFS2"}, known{0x73757245, "Coda"},   known{0x47504653, "GPFS"}};
  for (const auto& each : networks)
    if ((kind & 0xffffffff) == each.kind)
      return bad("file system",
                 std::string{"it is "} + each.name +
                     ", a network file system: locks fail on it and the database breaks.",
                 "Move data_dir to a disk of this machine (ext4, XFS, Btrfs, ZFS).");
  if ((kind & 0xffffffff) == 0x65735546)
    return warn("file system", "it is FUSE; some of these are networks, or know no locks.",
                "Move data_dir to a disk of this machine, unless you know better.");
  if ((kind & 0xffffffff) == 0x01021994)
    return warn("file system", "it is tmpfs: all is gone when the machine starts anew.",
                "Move data_dir to a disk.");
  return std::nullopt;
}

std::optional<finding> clock_fault(int64_t now_s, int64_t built_s, int64_t newest_file_s) {
  constexpr auto mend = "Set it: timedatectl set-ntp true";
  if (now_s + clock_slack_s < newest_file_s)
    return bad("clock",
               "It reads " + to_string(instant{now_s * 1000}) + ", but a file of the data is of " +
                   to_string(instant{newest_file_s * 1000}) + ".",
               mend);
  if (now_s + 86'400 < built_s)
    return bad("clock",
               "It reads " + to_string(instant{now_s * 1000}) + ", before this program was made.",
               mend);
  return std::nullopt;
}

std::optional<finding> descriptor_fault(const settings& values, uint64_t limit) {
  auto wanted = values.connections_max + values.upstream_calls_max + own_descriptors;
  if (limit >= wanted) return std::nullopt;
  return warn("descriptors",
              std::to_string(limit) + " files may be open, and the settings allow for " +
                  std::to_string(wanted) + ": connections would be refused before their limit.",
              "LimitNOFILE=" + std::to_string(wanted) +
                  " in the systemd unit, or ulimit -Hn; or lower connections_max.");
}

std::vector<finding> examine_installation(const configuration& config) {
  const auto& values = config.values;
  std::vector<finding> all{
      check_configuration(config), check_proxies(values),      check_permissions(values),
      check_file_system(values),   check_descriptors(values),  check_clock(values),
      check_secrets(values),       check_secrets_copy(values), check_database(values),
      check_backups(values),       check_alerts(values),       check_log(values)};
  if (is_sound(all)) all.push_back(check_audit(values));
  return all;
}

int doctor(const configuration& config, const doctor_options& options) {
  auto all = examine_installation(config);
  if (!options.bundle.empty()) {
    auto made = write_support_bundle(config, json_text(all), options.bundle);
    if (!made) return report(made.error());
  }
  if (options.is_json) {
    std::cout << json_text(all);
    return is_sound(all) ? 0 : 1;
  }
  for (const auto& each : all) {
    auto level = std::string{name_of_level(each.level)};
    level.resize(9, ' ');
    std::cout << (each.level == finding_level::ok ? faint(level) : bold(level)) << each.check
              << ": " << each.what << "\n";
    if (!each.mend.empty()) std::cout << "         -> " << each.mend << "\n";
  }
  if (!options.bundle.empty())
    std::cout << "All this, and more, is in " << options.bundle
              << ". It has no keys, passwords or chats; look into it before you send it.\n";
  return is_sound(all) ? 0 : 1;
}

}  // namespace parley::app
