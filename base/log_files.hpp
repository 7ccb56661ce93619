/// The log as files: JSON lines, a new file after so many bytes or so long, the oldest removed.
///
/// A file's name has a number that only rises, so that a clock that jumps changes no order. The one
/// with the highest number may still grow, the others are whole. Beside a file may stand its sums
/// (actors/impl/log_sums), which go with it. Directory 0700, files 0600; links are not followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

struct log_files_options {
  std::filesystem::path directory;  ///< empty: no files are kept
  uint64_t file_bytes_max = uint64_t{64} << 20;
  std::chrono::seconds file_age_max{86'400};
  uint64_t bytes_max = uint64_t{1} << 30;  ///< of all files
  std::chrono::days days_max{30};
};

struct log_file {
  uint64_t number = 0;
  std::filesystem::path path;
  uint64_t bytes = 0;
  int64_t written_s = 0;  ///< the last time, seconds since 1970
};

/// The highest number first; none if there is no such directory.
std::vector<log_file> list_log_files(const std::filesystem::path& directory);
/// Where the sums of a file stand, if they were made.
std::filesystem::path log_sums_path(const log_file& of);
/// When the file's first line was written, as its text says; empty if it says nothing.
std::string first_log_time(const std::filesystem::path& path);

/// Owned by the log's thread. A line that can't be written is lost; the next one is tried again.
class log_file_writer {
 public:
  explicit log_file_writer(log_files_options options);
  ~log_file_writer();
  log_file_writer(const log_file_writer&) = delete;
  log_file_writer& operator=(const log_file_writer&) = delete;

  /// `line` ends with its newline. False: it is lost.
  bool write(std::string_view line);

 private:
  using steady = std::chrono::steady_clock;

  bool is_open(steady::time_point now);
  bool lock();
  /// The newest one there is, if it may still grow, else the next.
  bool open_some();
  bool open_number(uint64_t number);
  void close();
  void look_after(steady::time_point now);
  void sweep() const;
  bool put(std::string_view bytes);

  log_files_options options_;
  int lock_ = -1;  ///< of the directory: another server on it keeps no log
  int fd_ = -1;
  uint64_t number_ = 0;
  uint64_t bytes_ = 0;
  int64_t begun_s_ = 0;
  bool is_torn_ = false;  ///< the last line has no end
  steady::time_point next_try_{};
  steady::time_point next_look_{};
};

}  // namespace parley
