#include "app/support_bundle.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "app/log_parts.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/log_line.hpp"
#include "base/zip.hpp"
#include "http/api_client.hpp"
#include "http/contract.hpp"
#include "storage/backup.hpp"
#include "storage/sqlite.hpp"

namespace parley::app {

namespace {

namespace fs = std::filesystem;

constexpr size_t raw_bytes_max = size_t{64} << 10;

constexpr std::string_view readme =
    "What Parley's doctor has gathered for whoever is to help.\n\n"
    "about.json     version, contract, how it was built\n"
    "doctor.json    what was found, with the mend\n"
    "settings.txt   each setting with its origin; secrets are masked\n"
    "database.json  sizes, and how many rows each table has\n"
    "system/        kernel, memory, limits; those of the shell, not of the server\n"
    "server/        what the running server says of itself, if it answers\n"
    "logs/          the newest lines of the log; users, chats and models by their ids\n\n"
    "No keys, passwords, tokens or chats are in it. Names of models are, in server/metrics.txt.\n";

/// The zip as it grows.
class bundle_file {
 public:
  explicit bundle_file(const fs::path& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)),
        cause_(errno) {}

  expected<void> check(const fs::path& path) const {
    if (file_.is_open()) return {};
    if (cause_ == EEXIST) return make_error(errc::conflict, path.string() + " is there already.");
    errno = cause_;
    return file_fault("write", path);
  }
  expected<void> add(const std::string& name, std::string_view text) {
    TRY_DONE(zip_.begin(name, system_wall_clock().now()));
    return zip_.write(text);
  }
  expected<void> finish() { return zip_.finish(); }

 private:
  file_descriptor file_;
  int cause_;
  int64_t bytes_ = 0;
  zip_writer zip_{[this](std::string_view piece) {
    auto at = std::exchange(bytes_, bytes_ + std::ssize(piece));
    return file_.write_all(piece, at);
  }};
};

std::string about() {
  std::string text;
  json_writer json{text};
  json.begin_object().member("version", PARLEY_VERSION).member("compiler", __VERSION__);
#ifdef NDEBUG
  json.member("assertions", false);
#else
  json.member("assertions", true);
#endif
  json.member("contract", http::contract_tag());
  json.member("made_at", to_string(system_wall_clock().now())).end_object();
  return text;
}

std::string settings_without_names(const configuration& config) {
  auto all = print_configuration(config);
  std::string text;
  for (size_t at = 0; at < all.size();) {
    auto end = std::min(all.find('\n', at), all.size() - 1) + 1;
    auto line = std::string_view{all}.substr(at, end - at);
    if (!line.starts_with("init_admin_")) text += line;
    at = end;
  }
  return text;
}

std::string database_text(const fs::path& file) {
  std::string text;
  json_writer json{text};
  json.begin_object();
  auto state = storage::examine(file, false);
  auto figures = storage::figures_of(file);
  if (!state || !figures) {
    json.member("fault", sentence_of(state ? figures.error() : state.error())).end_object();
    return text;
  }
  json.member("schema", state->schema).member("schemaOfThisProgram", state->schema_newest);
  json.member("bytes", state->bytes).member("logBytes", state->log_bytes);
  json.member("sqlite", figures->engine).member("pages", figures->pages);
  json.member("freePages", figures->free_pages).member("pageBytes", figures->page_bytes);
  json.key("rows").begin_object();
  for (const auto& [table, rows] : figures->rows) json.member(table, rows);
  json.end_object().end_object();
  return text;
}

std::string system_text(const settings& values) {
  std::string text;
  json_writer json{text};
  json.begin_object();
  utsname kernel{};
  if (::uname(&kernel) == 0)
    json.member("kernel", kernel.release).member("machine", kernel.machine);
  json.member("processors", static_cast<uint64_t>(std::thread::hardware_concurrency()));
  struct statvfs disk {};
  if (::statvfs(values.data_dir.c_str(), &disk) == 0) {
    json.member("diskBytes", uint64_t{disk.f_blocks} * disk.f_frsize);
    json.member("diskFreeBytes", uint64_t{disk.f_bavail} * disk.f_frsize);
    json.member("diskFreeInodes", uint64_t{disk.f_favail});
  }
  json.end_object();
  return text;
}

/// The beginning of a file of the kernel's, which has no length of its own.
std::string raw_text(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::string text(raw_bytes_max, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, in.gcount())));
  return text;
}

expected<void> add_system(bundle_file& to, const settings& values) {
  TRY_DONE(to.add("system/machine.json", system_text(values)));
  for (auto [name, path] :
       {std::pair{"memory.txt", "/proc/meminfo"}, std::pair{"limits.txt", "/proc/self/limits"},
        std::pair{"pressure.txt", "/proc/pressure/memory"},
        std::pair{"release.txt", "/etc/os-release"}})
    if (auto text = raw_text(path); !text.empty())
      TRY_DONE(to.add(std::string{"system/"} + name, text));
  // Version 2 has one line, "0::/path"; the path's own limits, then those above it.
  auto own = raw_text("/proc/self/cgroup");
  auto at = own.rfind("0::/");
  if (at == std::string::npos) return {};
  auto group = fs::path{own.substr(at + 4, own.find('\n', at) - at - 4)}.lexically_normal();
  std::string limits;
  for (;; group = group.parent_path()) {
    for (const auto* file : {"memory.max", "memory.high", "memory.current", "cpu.max", "pids.max"})
      if (auto text = raw_text("/sys/fs/cgroup" / group / file); !text.empty())
        limits += (fs::path{"/"} / group / file).string() + ": " + text;
    if (group.empty()) break;
  }
  if (limits.empty()) return {};
  return to.add("system/cgroup.txt", limits);
}

expected<void> add_server(bundle_file& to, const settings& values) {
  auto address = listen_address::parse(values.listen);
  auto host = address && address->is_loopback() ? address->host : std::string{"127.0.0.1"};
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  auto url = "http://" + host + ":" + std::to_string(address ? address->port : 0);
  for (auto [name, path] :
       {std::pair{"metrics.txt", "/metrics"}, std::pair{"health.json", "/api/health"},
        std::pair{"about.json", "/api/info"}}) {
    auto client = http::api_client::make(url);
    if (!client) return to.add("server/none.txt", sentence_of(client.error()) + "\n");
    auto told = client->ask({.path = path});
    // A server that is draining, or another program on that port.
    auto text = told ? *told : url + path + ": " + sentence_of(told.error()) + "\n";
    TRY_DONE(to.add(std::string{"server/"} + name, text));
  }
  return {};
}

expected<void> add_logs(bundle_file& to, const settings& values) {
  auto left = bundle_log_bytes_max;
  for (const auto& file : list_log_files(log_directory_of(values))) {
    if (left == 0) break;
    auto bytes = std::min(file.bytes, left);
    left -= bytes;
    std::ifstream in{file.path, std::ios::binary};
    in.seekg(static_cast<std::streamoff>(file.bytes - bytes));
    std::string line;
    // Of a line that was cut there is no beginning.
    if (bytes < file.bytes) std::getline(in, line);
    std::string kept;
    while (kept.size() < bytes && std::getline(in, line)) kept += bundled_log_line(line);
    TRY_DONE(to.add("logs/" + file.path.filename().string(), kept));
  }
  return {};
}

expected<void> add_all(bundle_file& to, const configuration& config, std::string_view findings) {
  const auto& values = config.values;
  TRY_DONE(to.add("README.txt", readme));
  TRY_DONE(to.add("about.json", about()));
  TRY_DONE(to.add("doctor.json", findings));
  TRY_DONE(to.add("settings.txt", settings_without_names(config)));
  TRY_DONE(to.add("database.json",
                  database_text(fs::path{values.data_dir} / storage::database_file_name)));
  TRY_DONE(add_system(to, values));
  TRY_DONE(add_server(to, values));
  TRY_DONE(add_logs(to, values));
  return to.finish();
}

bool is_of_address(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_' ||
         c == '+' || c == '%';
}

}  // namespace

std::string bundled_log_line(std::string_view line) {
  auto known = parse_log_line(line);
  // What was set up is named: it may be an account.
  if (!known || known->event == "setup.done") return {};
  std::string text;
  for (size_t at = 0; at < line.size();) {
    auto sign = std::min(line.find('@', at), line.size());
    auto begin = sign;
    while (begin > at && is_of_address(line[begin - 1])) --begin;
    auto end = std::min(sign + 1, line.size());
    while (end < line.size() && is_of_address(line[end])) ++end;
    text += line.substr(at, begin - at);
    if (begin < sign && end > sign + 1)
      text += "(email)";
    else
      text += line.substr(begin, end - begin);
    at = end;
  }
  return text + '\n';
}

expected<void> write_support_bundle(const configuration& config, std::string_view findings,
                                    const fs::path& file) {
  bundle_file made{file};
  TRY_DONE(made.check(file));
  auto written = add_all(made, config, findings);
  std::error_code fault;
  if (!written) fs::remove(file, fault);
  return written;
}

}  // namespace parley::app
