// The log's files, asked: what a summary of a day and of all costs once whole files have their
// sums, what making those costs, and how long the line of one request takes to find. Usage:
// logs_bench [lines, 10000000] [folder]
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <random>

#include "actors/impl/log_search.hpp"
#include "actors/impl/log_sums.hpp"

using namespace parley;
using namespace std::chrono_literals;
using bench_clock = std::chrono::steady_clock;

namespace {

constexpr int users = 500;
constexpr double target_ms = 1000;
constexpr auto span = 24h * 7;

struct scratch {
  explicit scratch(const std::filesystem::path& below) {
    auto name = (below / "parley-bench-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path = name;
  }
  ~scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

double ms_since(bench_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(bench_clock::now() - start).count();
}

/// Lines as a server writes them: requests of some users on some routes, one in eight a reply,
/// which has a line of its own.
class line_maker {
 public:
  line_maker() {
    for (auto& user : users_) user = to_string(user_id::make());
  }

  std::string request(instant at, int number) {
    static constexpr std::array<const char*, 6> routes{
        R"("method":"GET","route":"/api/sessions")",
        R"("method":"GET","route":"/api/sessions/{id}/messages")",
        R"("method":"POST","route":"/api/chat/stream")",
        R"("method":"GET","route":"/api/models")",
        R"("method":"GET","route":"/api/users/me")",
        R"("method":"POST","route":"/v1/chat/completions")"};
    auto is_bad = random_() % 50 == 0;
    auto took = times_(random_);
    auto line = begin(at) + R"("http.request","request":"request-)" + std::to_string(number) +
                "\"," + routes[random_() % routes.size()] + R"(,"status":)" +
                (is_bad ? "429" : "200") + R"(,"user":")" + user() + R"(","took_ms":)" +
                std::to_string(took) + R"(,"queue_ms":0.035)";
    return line + (is_bad ? R"(,"reason":"rate_limited")" : "") + "}\n";
  }

  std::string reply(instant at) {
    return begin(at) + R"("reply.ended","user":")" + user() + R"(","session":")" + user() +
           R"(","message":")" + user() + R"(","model":"model-)" + std::to_string(random_() % 12) +
           R"(","channel":"","status":"complete","first_byte_ms":312,"took_ms":)" +
           std::to_string(20 * times_(random_)) +
           R"(,"prompt_tokens":812,"completion_tokens":97})" + "\n";
  }

 private:
  static std::string begin(instant at) {
    return R"({"at":")" + to_string(at) + R"(","level":"info","event":)";
  }
  const std::string& user() { return users_[random_() % users]; }

  std::mt19937_64 random_{7};
  std::lognormal_distribution<> times_{1.5, 1.2};
  std::array<std::string, users> users_;
};

void make_lines(const std::filesystem::path& folder, int64_t count, instant end) {
  log_files_options options;
  options.directory = folder / "logs";
  options.bytes_max = UINT64_MAX;
  log_file_writer writer{options};
  line_maker lines;
  auto step =
      static_cast<double>(std::chrono::milliseconds{span}.count()) / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    instant at{end.ms - static_cast<int64_t>(static_cast<double>(count - i) * step)};
    auto line = i % 8 == 7 ? lines.reply(at) : lines.request(at, static_cast<int>(i));
    if (!writer.write(line)) std::abort();
  }
}

/// The slowest of some rounds.
template <class Work>
double measured(const char* what, Work work) {
  double slowest = 0;
  for (int round = 0; round < 3; ++round) {
    auto start = bench_clock::now();
    work();
    slowest = std::max(slowest, ms_since(start));
  }
  std::printf("%-44s %9.1f ms   %s\n", what, slowest,
              slowest <= target_ms ? "within 1 s" : "over 1 s");
  return slowest;
}

void sum_up(log_sums& sums, log_group by, instant since, instant until) {
  if (!sums.answer({by, since, until}, 1h)) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  auto count = argc > 1 ? std::atoll(argv[1]) : 10'000'000;
  scratch place{argc > 2 ? std::filesystem::path{argv[2]} : std::filesystem::temp_directory_path()};
  auto end = system_wall_clock().now();
  auto start = bench_clock::now();
  make_lines(place.path, count, end);
  auto directory = place.path / "logs";
  uint64_t bytes = 0;
  auto files = list_log_files(directory);
  for (const auto& file : files) bytes += file.bytes;
  std::printf("%lld lines, %llu MiB in %zu files, written in %.1f s\n",
              static_cast<long long>(count), static_cast<unsigned long long>(bytes >> 20U),
              files.size(), ms_since(start) / 1000);

  log_sums sums{directory, sums_keeping::stored};
  start = bench_clock::now();
  while (sums.go_on()) {
  }
  auto sums_ms = ms_since(start);
  uint64_t sums_bytes = 0;
  for (const auto& file : list_log_files(directory)) {
    std::error_code none;
    auto size = std::filesystem::file_size(log_sums_path(file), none);
    if (!none) sums_bytes += size;
  }
  std::printf("sums of all: %.0f ns a line, %llu KiB\n\n",
              sums_ms * 1e6 / static_cast<double>(count),
              static_cast<unsigned long long>(sums_bytes >> 10U));

  double slowest = 0;
  for (auto by : {log_group::route, log_group::status, log_group::reason, log_group::user,
                  log_group::model, log_group::channel}) {
    auto name = "summary of all by " + std::string{name_of(by)};
    slowest = std::max(slowest, measured(name.c_str(), [&] { sum_up(sums, by, end - span, end); }));
  }
  measured("summary of a day by route", [&] { sum_up(sums, log_group::route, end - 24h, end); });
  measured("summary of all by user, server just started", [&] {
    log_sums fresh{directory, sums_keeping::stored};
    sum_up(fresh, log_group::user, end - span, end);
  });
  auto find = [&](int64_t number, std::optional<instant> since) {
    log_filter filter;
    filter.request = "request-" + std::to_string(number);
    filter.since = since;
    log_bounds bounds;
    bounds.read_max = UINT64_MAX;
    bounds.time_max = 1h;
    bounds.lines_max = 1;
    if (find_log_lines(directory, filter, {}, bounds).lines.size() != 1) std::abort();
  };
  measured("a request of the last hour", [&] { find(count - count / 200 / 8 * 8, end - 1h); });
  measured("a request of a week ago", [&] { find(8, std::nullopt); });
  measured("the last page", [&] {
    if (find_log_lines(directory, {}, {}, {}).lines.size() != 100) std::abort();
  });
  return slowest <= target_ms ? 0 : 1;
}
