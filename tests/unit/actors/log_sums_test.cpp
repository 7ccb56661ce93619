#include "actors/impl/log_sums.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/support/log_lines.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;
using namespace parley::test;
using namespace std::chrono_literals;

namespace {

constexpr instant noon{1'699'963'200'000};

std::string requests(int count, instant at, const std::string& route = "/x") {
  std::string text;
  for (int i = 0; i < count; ++i) text += request_line(at, {"r", route, 200, 1});
  return text;
}

int64_t counted(log_sums& sums, std::chrono::milliseconds patience = 10s) {
  auto found = sums.answer({log_group::route, noon, noon + 1h}, patience);
  REQUIRE(found);
  return found->all.count;
}

bool has_sums(const std::filesystem::path& directory, uint64_t number) {
  for (const auto& file : list_log_files(directory))
    if (file.number == number) return std::filesystem::exists(log_sums_path(file));
  return false;
}

}  // namespace

TEST_CASE("files that are whole are read once, the growing one from where it was") {
  temp_directory data;
  write_log_file(data.path(), 1, requests(3, noon));
  write_log_file(data.path(), 2, requests(4, noon));
  write_log_file(data.path(), 3, requests(5, noon + 20min) + R"({"at":"2023)");
  log_sums sums{data.path(), sums_keeping::stored};
  CHECK(counted(sums) == 12);
  CHECK(has_sums(data.path(), 1));
  CHECK(has_sums(data.path(), 2));
  CHECK_FALSE(has_sums(data.path(), 3));
  struct stat found {};
  REQUIRE(::stat((data.path() / "log-00000001.sums").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777U) == 0600);

  // What was cut off and what follows it: a line that is none, then good ones.
  write_log_file(data.path(), 3, "\n" + requests(6, noon));
  CHECK(counted(sums) == 18);
  write_log_file(data.path(), 4, requests(7, noon));
  CHECK(counted(sums) == 25);
  CHECK(has_sums(data.path(), 3));
  // Another one finds all of it, in the sums alone.
  std::ofstream{data.path() / "log-00000001.jsonl", std::ios::in | std::ios::out} << "not read";
  log_sums other{data.path(), sums_keeping::stored};
  CHECK(counted(other) == 25);
}

TEST_CASE("sums are made ahead, one file at a time") {
  temp_directory data;
  log_sums sums{data.path(), sums_keeping::stored};
  CHECK_FALSE(sums.go_on());
  for (uint64_t file = 1; file <= 3; ++file) write_log_file(data.path(), file, requests(2, noon));
  CHECK(sums.go_on());
  CHECK(has_sums(data.path(), 2));
  CHECK_FALSE(has_sums(data.path(), 1));
  CHECK(sums.go_on());
  CHECK(has_sums(data.path(), 1));
  CHECK_FALSE(sums.go_on());
  CHECK(counted(sums, 0ms) == 6);
}

TEST_CASE("sums that are lost, damaged or of another file are made again") {
  temp_directory data;
  write_log_file(data.path(), 1, requests(3, noon));
  write_log_file(data.path(), 2, requests(4, noon));
  auto path = data.path() / "log-00000001.sums";
  log_sums first{data.path(), sums_keeping::stored};
  CHECK(counted(first) == 7);
  write_log_file(data.path(), 1, requests(1, noon));  // another size
  CHECK(counted(first) == 8);
  std::string text{std::istreambuf_iterator<char>{std::ifstream{path}.rdbuf()}, {}};
  auto half = text.substr(0, text.find('\n', text.size() / 2) + 1);
  std::ofstream{path} << half;
  CHECK(counted(first) == 8);
  std::string other = text;
  other.replace(other.find(" 0 "), 3, " x ");
  std::ofstream{path} << other;
  auto found = first.answer({log_group::route, noon, noon + 1h}, 10s);
  REQUIRE_FALSE(found);
  CHECK(code_of(found.error()) == errc::unavailable);
  CHECK(detail_of(found.error()).reason == "log_sums_pending");
  CHECK(counted(first) == 8);
  std::filesystem::remove(path);
  log_sums reader{data.path(), sums_keeping::in_memory};
  CHECK(counted(reader) == 8);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a question does not wait for sums that take long") {
  temp_directory data;
  for (uint64_t file = 1; file <= 3; ++file) write_log_file(data.path(), file, requests(2, noon));
  log_sums sums{data.path(), sums_keeping::stored};
  auto found = sums.answer({log_group::route, noon, noon + 1h}, -1ms);
  REQUIRE_FALSE(found);
  CHECK(detail_of(found.error()).reason == "log_sums_pending");
  CHECK(counted(sums) == 6);
}
