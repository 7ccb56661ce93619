#include "storage/backup_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "storage/sqlite.hpp"

namespace parley::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "parley-";
constexpr auto manifest_name = "backup.json";
constexpr size_t manifest_bytes_max = 64 << 10;
constexpr size_t listed_max = 1000;
constexpr std::chrono::hours unfinished_age_max{1};

/// "20261128T181500Z": sorts by time and is a file name everywhere.
std::string stamp_of(instant at) {
  std::string stamp;
  for (char c : to_string(at).substr(0, 19))
    if (c != '-' && c != ':') stamp += c;
  return stamp + "Z";
}

expected<fs::path> make_folder(const fs::path& inside, instant now) {
  constexpr int of_one_second_max = 99;
  std::error_code fault;
  fs::create_directories(inside.parent_path(), fault);
  if (::mkdir(inside.c_str(), 0700) != 0 && errno != EEXIST) return file_fault("make", inside);
  auto name = std::string{prefix} + stamp_of(now);
  for (int n = 1; n <= of_one_second_max; ++n) {
    auto folder = inside / (n == 1 ? name : name + "-" + std::to_string(n));
    if (::mkdir(folder.c_str(), 0700) == 0) return folder;
    if (errno != EEXIST) return file_fault("make", folder);
  }
  return make_error(errc::conflict, inside.string() + " is full of backups of this second.");
}

error no_manifest(const fs::path& folder) {
  return make_error(errc::corrupt_data, "bad_manifest",
                    (folder / manifest_name).string() + " is not what a backup has.");
}

expected<kept_backup> parse_manifest(const fs::path& folder, const std::string& text) {
  json_reader reader;
  auto document = reader.parse(text);
  auto files = document ? document->find("files") : std::nullopt;
  auto file = files ? files->first() : std::nullopt;
  if (!file) return no_manifest(folder);
  auto created = document->string_at("createdAt");
  auto at = created ? parse_instant(*created) : std::nullopt;
  auto version = document->string_at("version");
  auto schema = document->integer_at("schema");
  auto name = file->string_at("name");
  auto bytes = file->integer_at("bytes");
  auto digest = file->string_at("sha256");
  if (!at || !version || !schema || !bytes || !digest || name != database_file_name ||
      digest->size() != 64 || !parse_hex(*digest))
    return no_manifest(folder);
  kept_backup known;
  known.name = folder.filename().string();
  known.created_at = *at;
  known.version = *version;
  known.schema = *schema;
  known.bytes = *bytes;
  known.sha256 = *digest;
  known.verified = static_cast<int64_t>(file_bytes(folder / database_file_name)) == known.bytes;
  return known;
}

/// One that is being made, or was not made to its end.
kept_backup unfinished(const fs::path& folder) {
  kept_backup known;
  known.name = folder.filename().string();
  known.created_at = time_of_backup(known.name);
  known.bytes = static_cast<int64_t>(file_bytes(folder / database_file_name));
  return known;
}

bool is_abandoned(const fs::path& folder) {
  std::error_code fault;
  auto written = fs::last_write_time(folder, fault);
  auto file = fs::last_write_time(folder / database_file_name, fault);
  if (!fault) written = std::max(written, file);
  return written + unfinished_age_max < fs::file_time_type::clock::now();
}

/// The latest first.
std::vector<kept_backup> read_all(const fs::path& inside, size_t count_max) {
  std::vector<std::pair<int64_t, std::string>> names;
  std::error_code fault;
  for (auto entry = fs::directory_iterator{inside, fault};
       !fault && entry != fs::directory_iterator{}; entry.increment(fault)) {
    auto name = entry->path().filename().string();
    if (auto at = time_of_backup(name); at.ms != 0) names.emplace_back(at.ms, std::move(name));
  }
  std::sort(names.rbegin(), names.rend());
  if (names.size() > count_max) names.resize(count_max);
  std::vector<kept_backup> all;
  for (const auto& [at, name] : names) {
    auto known = read_backup(inside / name);
    all.push_back(known ? std::move(*known) : unfinished(inside / name));
  }
  return all;
}

void remove_backup(const fs::path& folder) {
  std::error_code fault;
  auto copy = std::string{database_file_name};
  // The manifest first: what is half removed is unfinished.
  for (const auto& name : {std::string{manifest_name}, copy + "-journal", copy})
    fs::remove(folder / name, fault);
  if (::rmdir(folder.c_str()) != 0)
    log_warning("backup.not_removed", {{"folder", folder.string()}, {"errno", errno}});
}

}  // namespace

instant time_of_backup(std::string_view name) {
  constexpr size_t stamp_bytes = 16;
  if (!name.starts_with(prefix)) return {};
  auto stamp = std::string{name.substr(prefix.size(), stamp_bytes)};
  auto rest = name.substr(std::min(name.size(), prefix.size() + stamp_bytes));
  auto is_number = rest.size() > 1 && rest.size() < 4 && rest[0] == '-' &&
                   rest.find_first_not_of("0123456789", 1) == std::string_view::npos;
  if (stamp.size() != stamp_bytes || (!rest.empty() && !is_number)) return {};
  for (size_t at : {4, 7, 13, 16}) stamp.insert(at, at < 8 ? "-" : ":");
  auto at = parse_instant(stamp);
  return at ? *at : instant{};
}

std::string manifest_of(const kept_backup& made) {
  std::string text;
  json_writer json{text};
  json.begin_object().member("version", made.version);
  json.member("createdAt", to_string(made.created_at));
  json.member("schema", made.schema).key("files").begin_array();
  json.begin_object().member("name", database_file_name).member("bytes", made.bytes);
  json.member("sha256", made.sha256).end_object().end_array().end_object();
  return text + "\n";
}

expected<kept_backup> make_backup(const fs::path& database, const fs::path& inside, instant now,
                                  const backup_watch& watch) {
  std::error_code fault;
  if (!fs::exists(database, fault))
    return make_error(errc::not_found, "There is no database " + database.string() + ".");
  TRY(auto folder, make_folder(inside, now));
  auto finished = [&]() -> expected<kept_backup> {
    TRY(auto copy, back_up(database, folder / database_file_name, watch));
    kept_backup made;
    made.name = folder.filename().string();
    made.created_at = now;
    made.version = PARLEY_VERSION;
    made.schema = copy.schema;
    made.bytes = static_cast<int64_t>(copy.bytes);
    made.sha256 = copy.sha256;
    made.verified = true;
    TRY_DONE(write_new_file(folder / manifest_name, manifest_of(made)));
    TRY_DONE(sync_directory(inside));
    return made;
  };
  auto made = finished();
  if (!made) remove_backup(folder);
  return made;
}

expected<kept_backup> read_backup(const fs::path& folder) {
  std::error_code fault;
  if (!fs::is_directory(folder, fault))
    return make_error(errc::not_found, "There is no backup " + folder.string() + ".");
  TRY(auto text, read_whole_file(folder / manifest_name, manifest_bytes_max));
  return parse_manifest(folder, text);
}

std::vector<kept_backup> list_backups(const fs::path& inside) {
  return read_all(inside, listed_max);
}

std::vector<std::string> thin_backups(const fs::path& inside, size_t kept_max) {
  std::vector<std::string> gone;
  size_t kept = 0;
  for (const auto& known : read_all(inside, SIZE_MAX)) {
    auto folder = inside / known.name;
    auto is_unfinished = known.version.empty() && is_abandoned(folder);
    if (!is_unfinished && (!known.verified || ++kept <= kept_max)) continue;
    remove_backup(folder);
    gone.push_back(known.name);
  }
  return gone;
}

}  // namespace parley::storage
