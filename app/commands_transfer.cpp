#include "app/commands_transfer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "app/commands.hpp"
#include "app/terminal.hpp"
#include "base/files.hpp"
#include "base/text_file.hpp"

namespace parley::app {

namespace {

constexpr size_t piece_bytes = size_t{4} << 20;
constexpr int sends_max = 5;

/// Of a record: its id.
expected<std::string> id_in(const std::string& record) {
  auto reader = make_answer_reader();
  TRY(auto root, reader.parse(record));
  auto id = root.string_at("id");
  if (!id || !is_id(*id)) return make_error(errc::unavailable, "The server gave no id.");
  return std::string{*id};
}

void tell(std::string_view what, int64_t done, int64_t total) {
  if (::isatty(STDERR_FILENO) == 0 || total <= 0) return;
  std::cerr << "\r" << what << " " << done * 100 / total << " %" << (done >= total ? "\n" : "")
            << std::flush;
}

expected<std::string> read_piece(int file, int64_t offset) {
  std::string piece(piece_bytes, '\0');
  auto size = ::pread(file, piece.data(), piece.size(), offset);
  if (size <= 0) return make_error(errc::storage_failed, "The file can't be read on.");
  piece.resize(static_cast<size_t>(size));
  return piece;
}

/// From where the server has it on, until it has all; its id.
expected<std::string> send_file(remote_server& on, int file, const std::string& name,
                                int64_t bytes) {
  std::string body;
  json_writer{body}.begin_object().member("name", name).member("bytes", bytes).end_object();
  TRY(auto made, on.ask({"POST", "/api/uploads", body, {}}));
  TRY(auto id, id_in(made));
  auto reader = make_answer_reader();
  int64_t offset = 0;
  for (int failures = 0; offset < bytes;) {
    TRY(auto piece, read_piece(file, offset));
    auto path = "/api/uploads/" + id;
    auto sent = on.ask({"PUT",
                        path + "?offset=" + std::to_string(offset),
                        std::move(piece),
                        {},
                        "application/octet-stream"});
    if (!sent) {
      if (code_of(sent.error()) != errc::unavailable || ++failures == sends_max)
        return sent.error();
      ::sleep(1);
      // What came through before it broke need not be sent again.
      sent = on.ask({"GET", path, {}, {}});
      if (!sent) continue;
    } else {
      failures = 0;
    }
    TRY(auto record, reader.parse(*sent));
    offset = record.integer_at("offset").value_or(-1);
    if (offset < 0 || offset > bytes)
      return make_error(errc::unavailable, "The server lost the upload.");
    tell("sent", offset, bytes);
  }
  return id;
}

/// Follows the job to its end; its record then.
expected<std::string> wait_for(remote_server& on, const std::string& id, std::string_view what) {
  auto path = "/api/jobs/" + id;
  auto reader = make_answer_reader();
  for (int failures = 0;;) {
    auto followed = on.follow({"GET", path + "/events", {}, {}}, [&](const sse_event& event) {
      if (auto data = reader.parse(event.data))
        tell(what, data->integer_at("done").value_or(0), data->integer_at("total").value_or(0));
      return event.name != "done";
    });
    auto answer = on.ask({"GET", path, {}, {}});
    if (!answer) {
      if (code_of(answer.error()) != errc::unavailable || ++failures == sends_max)
        return answer.error();
      ::sleep(1);
      continue;
    }
    TRY(auto record, reader.parse(*answer));
    auto status = record.string_at("status").value_or("");
    if (status != "queued" && status != "running") return *answer;
    // A stream that ends early, or an event that came before its record was stored.
    ::sleep(1);
  }
}

int64_t sum_of(const std::optional<json_value>& reasons) {
  int64_t sum = 0;
  if (reasons)
    for (const auto& each : reasons->items()) sum += each.integer_at("count").value_or(0);
  return sum;
}

void print_counts(const json_value& report) {
  std::vector<std::vector<std::string>> table{{"", "TAKEN", "CHANGED", "LEFT OUT", "ALL"}};
  std::vector<std::string> lines;
  for (auto [kind, name] : {std::pair{"sessions", "chats"}, std::pair{"messages", "messages"}}) {
    auto counts = report.find(kind);
    if (!counts) continue;
    table.push_back({name, std::to_string(counts->integer_at("taken").value_or(0)),
                     std::to_string(sum_of(counts->find("changed"))),
                     std::to_string(sum_of(counts->find("leftOut"))),
                     std::to_string(counts->integer_at("total").value_or(0))});
    for (auto [key, what] : {std::pair{"changed", "changed"}, std::pair{"leftOut", "left out"}})
      if (auto reasons = counts->find(key))
        for (const auto& each : reasons->items())
          lines.push_back(std::string{name} + " " + what + ": " +
                          std::to_string(each.integer_at("count").value_or(0)) + " " +
                          shown(each.string_at("reason").value_or("?")));
  }
  print_table(table);
  for (const auto& line : lines) std::cout << line << "\n";
}

/// The error that the job ended with, if it did.
expected<void> check_done(const json_value& job) {
  auto status = job.string_at("status").value_or("");
  if (status == "done") return {};
  auto cause = job.find("error");
  auto sentence = cause ? cause->string_at("message") : std::nullopt;
  return make_error(errc::invalid_input,
                    sentence ? std::string{*sentence} : "The job was " + std::string{status} + ".");
}

/// Prints the record as JSON, or what `print` makes of it.
template <class Print>
int finish(const std::string& record, bool is_json, Print print) {
  auto reader = make_answer_reader();
  auto job = reader.parse(record);
  if (!job) return report(job.error());
  if (is_json) std::cout << record << "\n";
  auto ended = check_done(*job);
  if (!ended) return is_json ? 1 : report(ended.error());
  return print(*job);
}

expected<std::string> import_at(remote_server& on, const std::string& path) {
  file_descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat found {};
  if (!file.is_open() || ::fstat(file.number(), &found) != 0) return unreadable(path, errno);
  if (!S_ISREG(found.st_mode)) return make_error(errc::invalid_input, path + ": is no file.");
  if (found.st_size == 0) return make_error(errc::invalid_input, path + ": is empty.");
  auto name = std::filesystem::path{path}.filename().string();
  TRY(auto upload, send_file(on, file.number(), name, found.st_size));
  std::string body;
  json_writer{body}.begin_object().member("uploadId", upload).end_object();
  TRY(auto queued, on.ask({"POST", "/api/import", body, {}}));
  TRY(auto id, id_in(queued));
  return wait_for(on, id, "read");
}

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

/// A name of the server's that is a name and nothing else.
std::string safe_name(std::string_view given) {
  std::string name;
  for (char c : given)
    if (c != '/' && static_cast<unsigned char>(c) >= 0x20) name += c;
  return name.empty() || name.front() == '.' ? "parley-export.zip" : name;
}

expected<void> fetch(remote_server& on, const std::string& job, const std::string& path) {
  // Private to its owner, as the chats are; whole, or not there.
  auto part = path + ".part";
  auto is_stdout = path == "-";
  file_descriptor file{is_stdout
                           ? ::dup(STDOUT_FILENO)
                           : ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!file.is_open()) return make_error(errc::invalid_input, part + ": cannot be written.");
  bool is_written = true;
  auto ended =
      on.download({"GET", "/api/jobs/" + job + "/file", {}, {}}, [&](std::string_view bytes) {
        is_written = write_all(file.number(), bytes);
        return is_written;
      });
  is_written = is_written && (is_stdout || ::fsync(file.number()) == 0);
  if (ended && is_written && (is_stdout || std::rename(part.c_str(), path.c_str()) == 0)) return {};
  if (!is_stdout) ::unlink(part.c_str());
  return ended ? make_error(errc::storage_failed, path + ": the export could not be written.")
               : ended;
}

}  // namespace

int import_file(const import_options& options) {
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  auto record = import_at(*server, options.file);
  if (!record) return report(record.error());
  return finish(*record, options.is_json, [&](const json_value& job) {
    auto counts = job.find("report");
    if (counts && !options.is_json) print_counts(*counts);
    return 0;
  });
}

int export_all(const export_options& options) {
  auto server = remote_server::open(options.remote);
  if (!server) return report(server.error());
  auto queued = server->ask({"POST", "/api/users/me/export", {}, {}});
  auto id = queued ? id_in(*queued) : expected<std::string>{queued.error()};
  auto record = id ? wait_for(*server, *id, "packed") : id;
  if (!record) return report(record.error());
  return finish(*record, options.is_json && options.file != "-", [&](const json_value& job) {
    auto made = job.find("file");
    auto given = made ? made->string_at("name").value_or("") : std::string_view{};
    auto path = options.file.empty() ? safe_name(given) : options.file;
    if (auto fetched = fetch(*server, *id, path); !fetched) return report(fetched.error());
    if (path != "-" && !options.is_json) std::cout << path << "\n";
    return 0;
  });
}

}  // namespace parley::app
