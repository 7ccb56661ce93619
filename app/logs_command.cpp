#include "app/logs_command.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <fstream>
#include <iostream>
#include <thread>

#include "actors/impl/log_search.hpp"
#include "actors/impl/log_sums.hpp"
#include "app/commands.hpp"
#include "app/log_parts.hpp"
#include "app/terminal.hpp"
#include "base/log_line.hpp"
#include "base/record_json.hpp"

namespace parley::app {

namespace {

using namespace std::chrono_literals;

expected<std::optional<instant>> parse_when(const std::string& name, const std::string& text) {
  if (text.empty()) return std::optional<instant>{};
  if (auto at = parse_instant(text)) return at;
  int64_t count = 0;
  const auto* end = text.data() + text.size();
  auto [behind, fault] = std::from_chars(text.data(), end, count);
  if (fault == std::errc{} && behind + 1 == end && count >= 0 && count < 1'000'000) {
    auto now = system_wall_clock().now();
    switch (*behind) {
      case 's':
        return std::optional{now - count * 1s};
      case 'm':
        return std::optional{now - count * 1min};
      case 'h':
        return std::optional{now - count * 1h};
      case 'd':
        return std::optional{now - count * 24h};
      default:
        break;
    }
  }
  return make_error(errc::invalid_input, "--" + name + " " + text +
                                             ": write a time as 2026-07-25T09:30:00Z, or how long "
                                             "ago: 90s, 30m, 6h, 2d.");
}

expected<log_filter> filter_of(const logs_options& options) {
  log_filter filter;
  TRY(filter.since, parse_when("since", options.since));
  TRY(filter.until, parse_when("until", options.until));
  filter.level = parse_log_level(options.level).value_or(log_level::debug);
  if (!options.user.empty()) {
    filter.user = user_id::parse(options.user);
    if (!filter.user) return make_error(errc::invalid_input, "--user: write the account's id.");
  }
  filter.request = options.request;
  filter.route = options.route;
  filter.event = options.event;
  return filter;
}

void print_line(const std::string& line, bool is_json) {
  std::cout << (is_json ? line : shown(text_of_log_line(line))) << "\n";
}

/// What is written from now on, until somebody ends the program.
class log_tail {
 public:
  log_tail(std::filesystem::path directory, const log_filter& filter)
      : directory_(std::move(directory)), matcher_(filter) {
    if (auto files = list_log_files(directory_); !files.empty())
      place_ = {files.front().number, files.front().bytes};
  }

  template <class Print>
  void run(Print print) {
    for (;;) {
      auto files = list_log_files(directory_);
      for (auto file = files.rbegin(); file != files.rend(); ++file) {
        if (place_.file == UINT64_MAX || file->number > place_.file) place_ = {file->number, 0};
        if (file->number == place_.file) read(*file, print);
      }
      std::cout.flush();
      std::this_thread::sleep_for(250ms);
    }
  }

 private:
  template <class Print>
  void read(const log_file& file, Print print) {
    if (file.bytes <= place_.offset) return;
    std::ifstream from{file.path, std::ios::binary};
    from.seekg(static_cast<std::streamoff>(place_.offset));
    std::string line;
    // A line without an end is being written.
    while (std::getline(from, line) && !from.eof()) {
      place_.offset += line.size() + 1;
      if (matcher_.takes(line)) print(line);
    }
  }

  std::filesystem::path directory_;
  log_matcher matcher_;
  log_place place_;
};

int show_lines(const std::filesystem::path& directory, const logs_options& options,
               const log_filter& filter) {
  // Before what there is is read: a line that comes meanwhile is shown twice rather than never.
  log_tail tail{directory, filter};
  log_bounds bounds;
  bounds.lines_max = options.lines;
  bounds.bytes_max = SIZE_MAX;
  bounds.read_max = UINT64_MAX;
  bounds.time_max = 24h;
  auto found = find_log_lines(directory, filter, {}, bounds);
  for (auto line = found.lines.rbegin(); line != found.lines.rend(); ++line)
    print_line(*line, options.is_json);
  if (options.follows)
    tail.run([&](const std::string& line) { print_line(line, options.is_json); });
  return 0;
}

std::string number_text(double number) {
  std::string text;
  json_writer{text}.value(number);
  return text;
}

std::string change_text(const std::optional<double>& change) {
  if (!change) return "";
  return (*change < 0 ? "" : "+") + number_text(std::round(*change * 1000) / 10) + " %";
}

void print_summary(const log_summary& found) {
  std::cout << to_string(found.since) << " to " << to_string(found.until) << ", " << found.all.count
            << " in all\n\n";
  std::vector<std::vector<std::string>> rows{
      {std::string{name_of(found.by)}, "count", "change", "errors", "p50 ms", "p95 ms", "p99 ms"}};
  for (const auto& sum : found.items)
    rows.push_back({shown(sum.key), std::to_string(sum.now.count), change_text(sum.count_change),
                    number_text(std::round(sum.now.error_share * 1000) / 10) + " %",
                    number_text(sum.now.p50_ms), number_text(sum.now.p95_ms),
                    number_text(sum.now.p99_ms)});
  print_table(rows);
  if (found.slowest.empty()) return;
  std::cout << "\n";
  rows = {{"slowest ms", "status", "queue", "storage", "first byte", "stream", "route", "request"}};
  auto step = [](const std::optional<double>& ms) { return ms ? number_text(*ms) : "-"; };
  for (const auto& slow : found.slowest)
    rows.push_back({number_text(slow.took_ms), std::to_string(slow.status), step(slow.queue_ms),
                    step(slow.storage_ms), step(slow.first_byte_ms), step(slow.stream_ms),
                    shown(slow.route), shown(slow.request_id)});
  print_table(rows);
}

int show_summary(const std::filesystem::path& directory, const logs_options& options,
                 const log_filter& filter) {
  log_query query;
  query.by = *enum_of<log_group>(options.by);
  query.until = filter.until.value_or(system_wall_clock().now());
  query.since = filter.since.value_or(query.until - 24h);
  auto found = log_sums{directory, sums_keeping::in_memory}.answer(query, 24h);
  if (!found) return report(found.error());
  if (options.is_json)
    std::cout << json_of(*found) << "\n";
  else
    print_summary(*found);
  return 0;
}

}  // namespace

void add_log_flags(CLI::App& command, logs_options& to) {
  // What a summary has no use for.
  std::vector<CLI::Option*> of_lines;
  auto text = [&](const char* flag, std::string& place, const char* meaning, const char* type) {
    return command.add_option(flag, place, meaning)->type_name(type);
  };
  text("--since", to.since, "From this time on, or so long ago: 90s, 30m, 6h, 2d", "TIME");
  text("--until", to.until, "Before this time", "TIME");
  of_lines.push_back(command.add_option("--level", to.level, "This one and above")
                         ->check(CLI::IsMember({"debug", "info", "warning", "error"})));
  of_lines.push_back(text("--user", to.user, "Of this account, by its id", "ID"));
  of_lines.push_back(text("--request", to.request, "Of this request, by its X-Request-Id", "ID"));
  of_lines.push_back(text("--route", to.route, "As the API has it: /api/sessions/{id}", "PATH"));
  of_lines.push_back(
      text("--event", to.event, "http.request, or http for all of its kind", "NAME"));
  of_lines.push_back(command.add_option("--lines", to.lines, "At most so many, the latest")
                         ->type_name("NUMBER")
                         ->check(CLI::Range(1, 1'000'000)));
  of_lines.push_back(command.add_flag("--follow", to.follows, "Go on as lines are written"));
  auto* by = command.add_option("--by", to.by,
                                "Sums instead of lines, of the last day if nothing else is said");
  by->check(CLI::IsMember({"route", "status", "reason", "user", "model", "channel"}));
  for (auto* one : of_lines) by->excludes(one);
}

int show_logs(const configuration& config, const logs_options& options) {
  auto filter = filter_of(options);
  if (!filter) {
    report(filter.error());
    return 2;
  }
  auto directory = log_directory_of(config.values);
  if (options.by.empty()) return show_lines(directory, options, *filter);
  return show_summary(directory, options, *filter);
}

}  // namespace parley::app
