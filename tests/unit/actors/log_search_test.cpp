#include "actors/impl/log_search.hpp"

#include <catch2/catch.hpp>

#include "base/json.hpp"
#include "tests/support/log_lines.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;
using namespace parley::test;
using namespace std::chrono_literals;

namespace {

constexpr instant begin{1'700'000'000'000};
const std::string user_text = "018f0000-0000-7000-8000-000000000001";

/// Without the bound of time: the machine may be busy.
log_bounds patient() {
  log_bounds bounds;
  bounds.time_max = 1h;
  return bounds;
}

/// The values of `n` in the lines found, in their order; then whether there is more.
std::string found_in(const temp_directory& data, const log_filter& filter = {},
                     const log_bounds& bounds = patient(), log_place from = {}) {
  auto found = find_log_lines(data.path(), filter, from, bounds);
  std::string all;
  json_reader reader;
  for (const auto& line : found.lines) {
    auto parsed = reader.parse(line);
    REQUIRE(parsed);
    all += std::to_string(parsed->integer_at("n").value_or(-1)) + " ";
  }
  return all + (found.next ? "..." : "");
}

std::string numbered(int number, const std::string& event = "x.y", const std::string& rest = "",
                     const std::string& level = "info") {
  auto fields = "\"n\":" + std::to_string(number);
  if (!rest.empty()) fields += "," + rest;
  return log_line_of(begin + number * 1s, event, fields, level);
}

}  // namespace

TEST_CASE("lines come newest first, over all files, page by page") {
  temp_directory data;
  CHECK(found_in(data).empty());
  write_log_file(data.path(), 1, numbered(1) + numbered(2) + numbered(3));
  write_log_file(data.path(), 2, "");
  write_log_file(data.path(), 7, numbered(4) + numbered(5) + R"({"at":"20)");
  CHECK(found_in(data) == "5 4 3 2 1 ");

  std::string all;
  log_place from;
  for (int pages = 0; pages < 9; ++pages) {
    auto two = patient();
    two.lines_max = 2;
    auto found = find_log_lines(data.path(), {}, from, two);
    CHECK(found.lines.size() == (found.next ? 2 : 1));
    for (auto& line : found.lines) all += line + "\n";
    if (!found.next) break;
    auto cursor = parse_log_cursor(cursor_of(*found.next));
    REQUIRE(cursor);
    from = *cursor;
    // What is written meanwhile changes no page that follows.
    write_log_file(data.path(), 8 + static_cast<uint64_t>(pages), numbered(100 + pages));
  }
  CHECK(all == numbered(5) + numbered(4) + numbered(3) + numbered(2) + numbered(1));
  for (const auto* bad : {"", "1", "1.", ".1", "1.2x", "a.b", "1.-1", "99999999999999999999.1"})
    CHECK_FALSE(parse_log_cursor(bad));
}

TEST_CASE("all conditions of a filter hold") {
  temp_directory data;
  auto user = R"("user":")" + user_text + '"';
  write_log_file(
      data.path(), 1,
      numbered(1, "http.request", R"("request":"r-1","route":"/api/a",)" + user) +
          numbered(2, "http.failed", R"("request":"r-1")", "error") +
          numbered(3, "httpd.odd", R"("note":"r-1 /api/a",)" + user, "warning") +
          numbered(4, "http.request", R"("request":"r-2","route":"/api/a/{id}")", "debug"));
  auto with = [&](auto change) {
    log_filter filter;
    change(filter);
    return found_in(data, filter);
  };
  CHECK(with([](log_filter&) {}) == "4 3 2 1 ");
  CHECK(with([](log_filter& f) { f.level = log_level::normal; }) == "3 2 1 ");
  CHECK(with([](log_filter& f) { f.level = log_level::warning; }) == "3 2 ");
  CHECK(with([](log_filter& f) { f.level = log_level::error; }) == "2 ");
  CHECK(with([](log_filter& f) { f.user = user_id::parse(user_text); }) == "3 1 ");
  CHECK(with([](log_filter& f) { f.request = "r-1"; }) == "2 1 ");
  CHECK(with([](log_filter& f) { f.route = "/api/a"; }) == "1 ");
  CHECK(with([](log_filter& f) { f.event = "http"; }) == "4 2 1 ");
  CHECK(with([](log_filter& f) { f.event = "http.request"; }) == "4 1 ");
  CHECK(with([](log_filter& f) { f.event = "http.req"; }).empty());
  CHECK(with([](log_filter& f) {
          f.event = "http";
          f.request = "r-1";
          f.level = log_level::warning;
        }) == "2 ");
  CHECK(with([](log_filter& f) { f.since = begin + 2s; }) == "4 3 2 ");
  CHECK(with([](log_filter& f) { f.until = begin + 3s; }) == "2 1 ");
  CHECK(with([](log_filter& f) {
          f.since = begin + 2s;
          f.until = begin + 4s;
        }) == "3 2 ");
}

TEST_CASE("what a crash left is passed over") {
  temp_directory data;
  std::string zeros(5000, '\0');
  write_log_file(data.path(), 1,
                 numbered(1) + "\n\n" + R"({"at":"2023-11-14T22:13:21.000Z","lev)" + "\n" +
                     numbered(2) + zeros + numbered(9) + numbered(3, "x.y", "\"t\":\"\xff\xfe\"") +
                     std::string(300'000, 'z') + "\n" + numbered(4) + "no line\n");
  CHECK(found_in(data) == "4 2 1 ");
}

TEST_CASE("a long search stops at its bounds and goes on from there") {
  temp_directory data;
  std::string text;
  auto padding = "\"p\":\"" + std::string(1000, 'y') + "\"";
  for (int i = 0; i < 3000; ++i) text += numbered(i, i == 7 ? "rare.one" : "x.y", padding);
  write_log_file(data.path(), 1, text);
  log_filter rare;
  rare.event = "rare";
  auto little = patient();
  little.read_max = size_t{1} << 20;
  std::string all;
  log_place from;
  int pages = 0;
  for (; pages < 20; ++pages) {
    auto found = find_log_lines(data.path(), rare, from, little);
    for (const auto& line : found.lines) all += line + "\n";
    if (!found.next) break;
    from = *found.next;
  }
  CHECK(pages == 2);
  CHECK(all == numbered(7, "rare.one", padding));
  log_bounds at_once;
  at_once.time_max = 0ms;
  CHECK(found_in(data, rare, at_once) == "...");
  auto small = patient();
  small.bytes_max = 2500;
  CHECK(found_in(data, {}, small) == "2999 2998 ...");
  small.bytes_max = 10;
  CHECK(found_in(data, {}, small) == "2999 ...");
}

TEST_CASE("a span far back is found without reading all that came after it") {
  temp_directory data;
  auto padding = "\"p\":\"" + std::string(1000, 'y') + "\"";
  for (uint64_t file = 1; file <= 3; ++file) {
    std::string text;
    for (int i = 0; i < 4000; ++i)
      text += numbered(static_cast<int>(file - 1) * 4000 + i, "x.y", padding);
    write_log_file(data.path(), file, text);
  }
  auto bounds = patient();
  bounds.read_max = size_t{3} << 19;
  log_filter filter;
  filter.since = begin + 4100s;
  filter.until = begin + 4103s;
  CHECK(found_in(data, filter, bounds) == "4102 4101 4100 ");
}
