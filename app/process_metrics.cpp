#include "app/process_metrics.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/log.hpp"
#include "base/metrics.hpp"

namespace parley::app {

namespace {

int64_t resident_bytes() {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen("/proc/self/statm", "re"),
                                                       &std::fclose};
  long pages = 0;
  long resident = 0;
  if (!file || std::fscanf(file.get(), "%ld %ld", &pages, &resident) != 2) return 0;
  return int64_t{resident} * ::sysconf(_SC_PAGESIZE);
}

int64_t open_descriptors() {
  std::error_code fault;
  int64_t count = 0;
  for (auto entry = std::filesystem::directory_iterator{"/proc/self/fd", fault};
       !fault && entry != std::filesystem::directory_iterator{}; entry.increment(fault))
    ++count;
  return count;
}

}  // namespace

void refresh_process_metrics(size_t actors) {
  metrics()
      .gauge("parley_actors", "Actors that run or wait for messages.")
      .set(static_cast<int64_t>(actors));
  metrics()
      .gauge("process_resident_memory_bytes", "Resident memory of the process.")
      .set(resident_bytes());
  metrics()
      .gauge("parley_log_lines_dropped", "Lines of the log lost since the start.")
      .set(static_cast<int64_t>(log_lines_dropped()));
  metrics().gauge("process_open_fds", "Open descriptors of the process.").set(open_descriptors());
}

}  // namespace parley::app
