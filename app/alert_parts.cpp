#include "app/alert_parts.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "actors/impl/supervisor.hpp"
#include "app/actor_limits.hpp"
#include "app/job_parts.hpp"
#include "http/request_metrics.hpp"

namespace parley::app {

namespace {

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

/// Nothing of a directory that is not there yet.
void add_room(const char* setting, const std::filesystem::path& path, alert_samples& to) {
  struct statvfs found {};
  if (::statvfs(path.c_str(), &found) != 0 || found.f_blocks == 0) return;
  to.disks.push_back({setting, path.string(), uint64_t{found.f_bavail} * found.f_frsize,
                      uint64_t{found.f_blocks} * found.f_frsize});
}

bool are_on_one_disk(const std::filesystem::path& a, const std::filesystem::path& b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0 ||
         first.st_dev == second.st_dev;
}

alert_samples take_samples_of(const std::filesystem::path& data,
                              const std::filesystem::path& backups,
                              const storage::backup_keeper& keeper) {
  alert_samples taken;
  auto totals = http::count_requests();
  taken.requests = totals.requests;
  taken.failures = totals.failures;
  add_room("data_dir", data, taken);
  if (!are_on_one_disk(data, backups)) add_room("backup_dir", backups, taken);
  if (auto age = keeper.age()) taken.backup_age_s = age->count();
  return taken;
}

}  // namespace

expected<void> alert_room::prepare(const settings& values, const providers::proxy_rule& proxy,
                                   const storage::backup_keeper& backups) {
  TRY(addresses_, providers::alert_addresses_of(values, proxy));
  limits_.limits = alert_limits_of(values);
  limits_.error_span = values.alert_error_span_s;
  limits_.hold = values.alert_hold_s;
  limits_.look = values.alert_look_s;
  limits_.subjects_max = values.alert_subjects_max;
  limits_.queue_max = values.alert_queue_max;
  limits_.tries_max = static_cast<uint32_t>(values.alert_tries_max);
  sender_.host = host_name();
  sender_.patience = values.alert_delivery_s;
  sender_.is_stopping = is_stopping_;
  watch_.file = std::filesystem::path{values.data_dir} / "alerts.json";
  watch_.sample = [data = std::filesystem::path{values.data_dir}, folder = backup_dir_of(values),
                   &backups] { return take_samples_of(data, folder, backups); };
  return {};
}

alerts_parts alert_room::parts_of(caf::actor_system& system, const admin_actor& admin) const {
  auto parts = limits_;
  parts.admin = admin;
  parts.start_watch = [&system, watch = watch_] { return spawn_alert_watch(system, watch); };
  for (const auto& address : addresses_) {
    auto sender = sender_;
    sender.address = address;
    parts.receivers.push_back({address.receiver, [&system, sender] {
                                 return providers::spawn_alert_sender(system, sender);
                               }});
  }
  return parts;
}

void alert_room::start(caf::actor_system& system, admin_actor admin) {
  handle_ = supervise<alerts_actor>(system, {.name = "alerts"},
                                    [this, &system, admin = std::move(admin)] {
                                      auto child = spawn_alerts(system, parts_of(system, admin));
                                      std::lock_guard guard{mutex_};
                                      if (provider_)
                                        caf::anon_send(child, meet_provider{provider_});
                                      return child;
                                    });
}

void alert_room::meet(provider_actor provider) {
  std::lock_guard guard{mutex_};
  provider_ = std::move(provider);
  caf::anon_send(handle_, meet_provider{provider_});
}

alerts_actor alert_room::stop() {
  *is_stopping_ = true;
  std::lock_guard guard{mutex_};
  provider_ = provider_actor{};
  return std::exchange(handle_, {});
}

}  // namespace parley::app
