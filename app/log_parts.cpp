#include "app/log_parts.hpp"

namespace parley::app {

std::filesystem::path log_directory_of(const settings& values) {
  return std::filesystem::path{values.data_dir} / "logs";
}

log_files_options log_files_of(const settings& values) {
  log_files_options files;
  if (values.log_files == log_keeping::off) return files;
  files.directory = log_directory_of(values);
  files.file_bytes_max = values.log_file_bytes;
  files.file_age_max = values.log_file_s;
  files.bytes_max = values.log_bytes_max;
  files.days_max = values.log_days_max;
  return files;
}

logs_actor start_logs(caf::actor_system& system, const settings& values) {
  log_worker_parts work{log_directory_of(values), values.page_bytes_max};
  logs_parts parts;
  parts.start_worker = [&system, work] { return spawn_log_worker(system, work); };
  return spawn_logs(system, std::move(parts));
}

}  // namespace parley::app
