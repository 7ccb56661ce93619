/// The settings that a command takes from its flags, the environment and the file.
#pragma once

#include <string>
#include <vector>

#include "base/settings.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11's own
class App;
}

namespace parley::app {

/// What every command that opens a database accepts. Beside the named ones each setting has a flag
/// of its own: --streams-max 100.
struct node_flags {
  std::string data;
  std::string listen;
  std::string config;
  std::vector<std::string> assignments;

  void add_to(CLI::App& command);
  expected<configuration> load(const CLI::App& command) const;
};

}  // namespace parley::app
