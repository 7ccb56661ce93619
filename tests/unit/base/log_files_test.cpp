#include "base/log_files.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;
namespace fs = std::filesystem;

namespace {

std::string line_at(instant at, const std::string& rest = "") {
  return R"({"at":")" + to_string(at) + R"(","level":"info","event":"x")" + rest + "}\n";
}

std::string line_of(size_t bytes) {
  auto frame = line_at(system_wall_clock().now(), R"(,"t":"")");
  return line_at(system_wall_clock().now(),
                 R"(,"t":")" + std::string(bytes - frame.size(), 'y') + "\"");
}

std::string text_of(const fs::path& path) {
  std::ifstream from{path};
  return {std::istreambuf_iterator<char>{from}, {}};
}

std::vector<uint64_t> numbers_in(const fs::path& directory) {
  std::vector<uint64_t> numbers;
  for (const auto& file : list_log_files(directory)) numbers.push_back(file.number);
  return numbers;
}

mode_t mode_of(const fs::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777U;
}

}  // namespace

TEST_CASE("a file of the log ends at its size, and the oldest goes") {
  temp_directory data;
  log_files_options options;
  options.directory = data.path() / "below" / "logs";
  options.file_bytes_max = 1000;
  options.bytes_max = 3500;
  {
    log_file_writer writer{options};
    for (int i = 0; i < 20; ++i) REQUIRE(writer.write(line_of(400)));
    std::ofstream{log_sums_path(list_log_files(options.directory).back())} << "sums";
    auto oldest = log_sums_path(list_log_files(options.directory).back());
    for (int i = 0; i < 4; ++i) REQUIRE(writer.write(line_of(400)));
    CHECK_FALSE(fs::exists(oldest));
  }
  CHECK(numbers_in(options.directory) == std::vector<uint64_t>{12, 11, 10, 9});
  for (const auto& file : list_log_files(options.directory)) {
    CHECK(file.bytes == 800);
    CHECK(mode_of(file.path) == 0600);
  }
  CHECK(mode_of(options.directory) == 0700);
  CHECK(mode_of(options.directory.parent_path()) == 0700);
}

TEST_CASE("a log goes on in its last file, and what was cut off stands alone") {
  temp_directory data;
  log_files_options options;
  options.directory = data.path() / "logs";
  auto line = line_at(system_wall_clock().now());
  REQUIRE(log_file_writer{options}.write(line));
  auto path = list_log_files(options.directory).front().path;
  CHECK(first_log_time(path) == line.substr(7, 24));
  std::ofstream{path, std::ios::app} << R"({"at":"20)";
  REQUIRE(log_file_writer{options}.write(line));
  CHECK(text_of(path) == line + R"({"at":"20)" + "\n" + line);
  CHECK(numbers_in(options.directory) == std::vector<uint64_t>{1});
}

TEST_CASE("a file of the log ends at its age, whichever way the clock goes") {
  using namespace std::chrono_literals;
  temp_directory data;
  log_files_options options;
  options.directory = data.path() / "logs";
  auto path = options.directory / "log-00000001.jsonl";
  auto now = system_wall_clock().now();
  fs::create_directory(options.directory);
  std::ofstream{path} << line_at(now - 23h);
  REQUIRE(log_file_writer{options}.write(line_at(now)));
  CHECK(numbers_in(options.directory) == std::vector<uint64_t>{1});
  std::ofstream{path} << line_at(now - 25h);
  REQUIRE(log_file_writer{options}.write(line_at(now)));
  CHECK(numbers_in(options.directory) == std::vector<uint64_t>{2, 1});

  // What nobody has written to for so long goes.
  fs::last_write_time(path, fs::file_time_type::clock::now() - 24h * 31);
  REQUIRE(log_file_writer{options}.write(line_at(now)));
  CHECK(numbers_in(options.directory) == std::vector<uint64_t>{2});
}

TEST_CASE("a log that was taken away begins anew within a second") {
  temp_directory data;
  log_files_options options;
  options.directory = data.path() / "logs";
  log_file_writer writer{options};
  auto line = line_at(system_wall_clock().now());
  REQUIRE(writer.write(line));
  // No number comes again, or a reader would take one file for the other.
  auto write_until_there_is = [&](uint64_t number) {
    for (int tries = 0; tries < 300 && numbers_in(options.directory).empty(); ++tries) {
      writer.write(line);
      ::usleep(10'000);
    }
    CHECK(numbers_in(options.directory) == std::vector<uint64_t>{number});
  };
  fs::remove(list_log_files(options.directory).front().path);
  write_until_there_is(2);
  fs::remove_all(options.directory);
  write_until_there_is(3);
}

TEST_CASE("another server on the same data keeps no log, nor is a link followed") {
  temp_directory data;
  log_files_options options;
  options.directory = data.path() / "logs";
  auto line = line_at(system_wall_clock().now());
  log_file_writer first{options};
  REQUIRE(first.write(line));
  log_file_writer second{options};
  CHECK_FALSE(second.write(line));
  CHECK(list_log_files(options.directory).front().bytes == line.size());

  options.directory = data.path() / "linked";
  fs::create_directory_symlink(data.path() / "logs", options.directory);
  CHECK_FALSE(log_file_writer{options}.write(line));
  options.directory = data.path() / "other";
  fs::create_directory(options.directory);
  fs::create_symlink("/dev/null", options.directory / "log-00000002.jsonl");
  CHECK(log_file_writer{options}.write(line));
  CHECK(numbers_in(options.directory) == std::vector<uint64_t>{1});
}

TEST_CASE(
    "files hold JSON lines, whatever the terminal gets, and a place without them is counted") {
  temp_directory data;
  auto* terminal = std::tmpfile();
  REQUIRE(terminal != nullptr);
  log_options options{log_level::normal, log_format::text, ::fileno(terminal), {}};
  options.files.directory = data.path() / "logs";
  start_log(options);
  log_info("session.loaded", {{"messages", 3}});
  log_debug("not.wanted");
  stop_log();
  CHECK(log_lines_dropped() == 0);
  auto text = text_of(list_log_files(options.files.directory).front().path);
  json_reader reader;
  auto line = reader.parse(text);
  REQUIRE(line);
  CHECK(line->string_at("event") == "session.loaded");
  CHECK(line->integer_at("messages") == 3);

  std::ofstream{data.path() / "file"} << "x";
  options.files.directory = data.path() / "file" / "logs";
  start_log(options);
  for (int i = 0; i < 10; ++i) log_info("x", {{"i", i}});
  stop_log();
  CHECK(log_lines_dropped() == 10);
  ::rewind(terminal);
  char shown[4096] = {};
  CHECK(std::fread(shown, 1, sizeof shown - 1, terminal) > 0);
  CHECK(std::string_view{shown}.find(" session.loaded messages=3\n") != std::string_view::npos);
  CHECK(std::string_view{shown}.find(" x i=9\n") != std::string_view::npos);
  std::fclose(terminal);
}
