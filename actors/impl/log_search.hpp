/// Finds lines in the log's files, the newest first. Blocks: for LOGS' worker and the command line.
///
/// A file is read backwards. Lines stand in the order they were written: one that is older than
/// `since` by more than a minute ends the search, so that of a clock that was set back something
/// may be missed.
#pragma once

#include "base/log_files.hpp"
#include "schema/logs.hpp"

namespace parley {

/// Before which byte of which file the search goes on; at first behind all.
struct log_place {
  uint64_t file = UINT64_MAX;
  uint64_t offset = UINT64_MAX;
};
std::string cursor_of(log_place place);
/// errc::malformed, reason `cursor_mismatch`.
expected<log_place> parse_log_cursor(std::string_view cursor);

struct log_bounds {
  size_t lines_max = 100;
  size_t bytes_max = size_t{1} << 20;       ///< of the lines found
  uint64_t read_max = uint64_t{256} << 20;  ///< of files
  std::chrono::milliseconds time_max{1'000};
};

struct found_lines {
  std::vector<std::string> lines;  ///< without their ends
  std::optional<log_place> next;   ///< there may be more before it
};

found_lines find_log_lines(const std::filesystem::path& directory, const log_filter& filter,
                           log_place from, const log_bounds& bounds);

/// Whether a line is wanted, its time left aside.
class log_matcher {
 public:
  explicit log_matcher(const log_filter& filter);
  bool takes(std::string_view line) const;

 private:
  log_filter filter_;
  std::string user_;
};

}  // namespace parley
