/// What processes cost over an interval: CPU time of all their threads, memory as proportional set
/// size, descriptors and context switches. Prints one line of JSON.
///
///   process_meter --pid 4711 --seconds 10               a server of one process
///   process_meter --pid 4711 --children --seconds 10    a master and its workers, as nginx has
///   process_meter --pid 4711                            only what holds now
///
/// CPU time is utime + stime of /proc/PID/stat (10 ms steps), which counts threads that have ended,
/// too; a process that ends within the interval makes the program fail.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct sample {
  uint64_t user_us = 0;
  uint64_t system_us = 0;
  uint64_t pss_bytes = 0;
  uint64_t rss_bytes = 0;
  uint64_t descriptors = 0;
  uint64_t threads = 0;
  uint64_t switches_voluntary = 0;
  uint64_t switches_forced = 0;
};

[[noreturn]] void refuse(const std::string& sentence) {
  std::fprintf(stderr, "process_meter: %s\n", sentence.c_str());
  std::exit(1);
}

std::string read_text(const fs::path& path) {
  std::ifstream file{path};
  std::stringstream text;
  text << file.rdbuf();
  if (!file) refuse("can't read " + path.string());
  return text.str();
}

/// The number behind `Name:` in the style of /proc/PID/status; 0 if there is none.
uint64_t number_behind(const std::string& text, const std::string& name) {
  const auto found = text.find("\n" + name + ":");
  return found == std::string::npos
             ? 0
             : std::strtoull(text.c_str() + found + name.size() + 2, nullptr, 10);
}

void add_process(const std::string& pid, sample& sum) {
  const fs::path folder = "/proc/" + pid;
  const auto stat = read_text(folder / "stat");
  // The name in brackets may hold anything; utime and stime are the 14th and 15th field.
  std::istringstream rest{stat.substr(stat.rfind(')') + 2)};
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  uint64_t user_ticks = 0;
  uint64_t system_ticks = 0;
  rest >> user_ticks >> system_ticks;
  const auto tick_us = 1'000'000 / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  sum.user_us += user_ticks * tick_us;
  sum.system_us += system_ticks * tick_us;
  const auto memory = read_text(folder / "smaps_rollup");
  sum.pss_bytes += number_behind(memory, "Pss") * 1024;
  sum.rss_bytes += number_behind(memory, "Rss") * 1024;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator{folder / "fd"}) {
    ++sum.descriptors;
  }
  for (const auto& thread : fs::directory_iterator{folder / "task"}) {
    std::ifstream file{thread.path() / "status"};
    std::stringstream text;
    text << file.rdbuf();  // empty if the thread ended just now
    ++sum.threads;
    sum.switches_voluntary += number_behind(text.str(), "voluntary_ctxt_switches");
    sum.switches_forced += number_behind(text.str(), "nonvoluntary_ctxt_switches");
  }
}

/// The processes themselves and, if asked for, the children of their main threads.
std::vector<std::string> with_children(const std::vector<std::string>& pids, bool wants_children) {
  auto all = pids;
  if (!wants_children) return all;
  for (const auto& pid : pids) {
    const auto list = fs::path{"/proc"} / pid / "task" / pid / "children";
    std::istringstream children{read_text(list)};
    for (std::string child; children >> child;) all.push_back(child);
  }
  return all;
}

sample take_sample(const std::vector<std::string>& pids) {
  sample sum;
  for (const auto& pid : pids) add_process(pid, sum);
  return sum;
}

unsigned long long number(uint64_t count) {
  return count;
}

}  // namespace

int main(int argument_count, char** arguments) {
  std::vector<std::string> given;
  bool wants_children = false;
  double seconds = 0;
  CLI::App app{"What processes cost over an interval, as one line of JSON."};
  app.add_option("--pid", given, "of a process; may be given more than once")
      ->required()
      ->check(CLI::PositiveNumber);
  app.add_flag("--children", wants_children, "with the children they have now");
  app.add_option("--seconds", seconds, "the interval; 0: only what holds now")
      ->check(CLI::Range(0.0, 3600.0));
  CLI11_PARSE(app, argument_count, arguments);

  try {
    const auto pids = with_children(given, wants_children);
    const auto begun = std::chrono::steady_clock::now();
    const auto before = take_sample(pids);
    std::this_thread::sleep_for(std::chrono::duration<double>{seconds});
    const auto after = seconds > 0 ? take_sample(pids) : before;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
    std::printf("{\"processes\":%zu,\"seconds\":%.4f,\"userUs\":%llu,\"systemUs\":%llu,",
                pids.size(), passed.count(), number(after.user_us - before.user_us),
                number(after.system_us - before.system_us));
    std::printf("\"pssBytes\":%llu,\"rssBytes\":%llu,\"descriptors\":%llu,\"threads\":%llu,",
                number(after.pss_bytes), number(after.rss_bytes), number(after.descriptors),
                number(after.threads));
    // A thread that ends takes its switches along: never below 0.
    const auto grown = [](uint64_t from, uint64_t to) { return to > from ? to - from : 0; };
    std::printf("\"switchesVoluntary\":%llu,\"switchesForced\":%llu}\n",
                number(grown(before.switches_voluntary, after.switches_voluntary)),
                number(grown(before.switches_forced, after.switches_forced)));
  } catch (const fs::filesystem_error& fault) {
    refuse(fault.what());
  }
}
