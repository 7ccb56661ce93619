#include "storage/backup_keeper.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/metrics.hpp"

namespace parley::storage {

namespace {

using namespace std::chrono_literals;
using std::chrono::seconds;

constexpr seconds look_every = 60s;
constexpr seconds retry_after = 3600s;

metric_gauge& age_gauge() {
  return metrics().gauge("parley_backup_age_seconds",
                         "Since the last whole backup; without one, since the start.");
}

metric_counter& failure_counter() {
  return metrics().counter("parley_backup_failures_total", "Backups that could not be made.");
}

}  // namespace

std::optional<seconds> until_due(const backup_plan& plan, const backup_past& past) {
  if (plan.every.count() == 0) return std::nullopt;
  auto wait = past.last ? seconds{plan.every} - *past.last : 0s;
  wait = std::max(wait, plan.delay - past.start);
  if (past.attempt)
    wait = std::max(wait, std::min(retry_after, seconds{plan.every}) - *past.attempt);
  return std::max(wait, 0s);
}

bool is_late(const backup_plan& plan, const backup_past& past) {
  return plan.every.count() > 0 && past.last.value_or(past.start) > seconds{2 * plan.every};
}

void lower_priority() {
  // linux/ioprio.h, which has no wrapper: a process, of which this thread is one; the last of class
  // best effort. The idle class might never come to its turn, and the log grows while a copy lasts.
  constexpr int who_process = 1;
  constexpr int last_of_best_effort = (2 << 13) | 7;
  // On Linux both hold for the calling thread alone.
  auto is_nice = ::setpriority(PRIO_PROCESS, 0, 19) == 0;
  auto is_last = ::syscall(SYS_ioprio_set, who_process, 0, last_of_best_effort) == 0;
  if (!is_nice || !is_last) log_warning("backup.not_nice", {{"errno", errno}});
}

backup_keeper::backup_keeper(backup_plan plan, const wall_clock& clock)
    : plan_(std::move(plan)), clock_(clock) {
  failure_counter();
}

backup_keeper::~backup_keeper() {
  stop();
}

void backup_keeper::start() {
  look();
  thread_ = std::thread([this] { run(); });
}

void backup_keeper::stop() {
  {
    std::lock_guard guard{mutex_};
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

backup_past backup_keeper::past() const {
  std::lock_guard guard{mutex_};
  auto now = clock_.now();
  auto steady = std::chrono::steady_clock::now();
  auto whole = [](auto span) { return std::chrono::duration_cast<seconds>(span); };
  backup_past past{whole(steady - started_at_)};
  // One of the future was made by a clock that was wrong.
  for (const auto& known : known_)
    if (known.verified && known.created_at <= now && !past.last)
      past.last = whole(now - known.created_at);
  if (tried_at_) past.attempt = whole(steady - *tried_at_);
  return past;
}

void backup_keeper::look() {
  auto found = list_backups(plan_.folder);
  std::lock_guard guard{mutex_};
  known_ = std::move(found);
}

void backup_keeper::run() {
  lower_priority();
  while (!is_stopping_) {
    auto wait = look_every;
    try {
      wait = work();
    } catch (const std::exception& thrown) {  // no memory, for example
      count_mishap(mishap::exception, "backup_keeper", thrown.what());
    }
    std::unique_lock guard{mutex_};
    wake_.wait_for(guard, wait, [this] { return is_stopping_.load(); });
  }
}

seconds backup_keeper::work() {
  look();
  auto before = past();
  auto wait = until_due(plan_, before);
  if (is_late(plan_, before) && !std::exchange(is_late_told_, true))
    log_warning("backup.late",
                {{"last", before.last ? "too old" : "none"}, {"folder", plan_.folder.string()}});
  if (wait != 0s) return std::min(wait.value_or(look_every), look_every);
  if (make({})) is_late_told_ = false;
  return 0s;
}

expected<kept_backup> backup_keeper::make(const backup_watch& watch) {
  auto goes_on = [&](int64_t done, int64_t total) {
    return !is_stopping_ && (!watch || watch(done, total));
  };
  std::unique_lock making{making_, 200ms};
  while (!making.owns_lock()) {
    if (!goes_on(0, 0))
      return make_error(errc::conflict, "backup_stopped", "The backup was stopped.");
    making.try_lock_for(200ms);
  }
  auto begun = std::chrono::steady_clock::now();
  auto made = make_backup(plan_.database, plan_.folder, clock_.now(), goes_on);
  auto ended = std::chrono::steady_clock::now();
  auto is_stopped = !made && detail_of(made.error()).reason == "backup_stopped";
  if (made)
    log_info("backup.made",
             {{"name", made->name}, {"bytes", made->bytes}, {"took", ended - begun}});
  else if (!is_stopped)
    log_error("backup.failed", {{"folder", plan_.folder.string()}, {"error", made.error()}});
  if (!made && !is_stopped) failure_counter().add();
  {
    std::lock_guard guard{mutex_};
    if (!is_stopped) tried_at_ = ended;
  }
  if (made)
    for (const auto& name : thin_backups(plan_.folder, plan_.kept_max))
      log_info("backup.removed", {{"name", name}});
  look();
  return made;
}

std::vector<kept_backup> backup_keeper::list() const {
  std::lock_guard guard{mutex_};
  return known_;
}

std::optional<seconds> backup_keeper::age() const {
  auto now = past();
  if (plan_.every.count() == 0 && !now.last) return std::nullopt;
  return now.last.value_or(now.start);
}

void backup_keeper::refresh_metrics() const {
  if (auto since = age()) age_gauge().set(since->count());
}

}  // namespace parley::storage
