/// `parley logs`: the log's files, read without the server.
#pragma once

#include <string>

#include "base/settings.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): not ours
class App;
}

namespace parley::app {

struct logs_options {
  std::string since;  ///< RFC 3339, or "90s", "30m", "6h", "2d" ago
  std::string until;
  std::string level = "debug";
  std::string user;
  std::string request;
  std::string route;
  std::string event;
  size_t lines = 100;
  bool is_json = false;
  bool follows = false;
  std::string by;  ///< a summary instead of lines
};

void add_log_flags(CLI::App& command, logs_options& to);
/// Prints the latest lines, the earliest of them first; 2 for an option that can't be read.
int show_logs(const configuration& config, const logs_options& options);

}  // namespace parley::app
