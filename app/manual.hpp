/// The manual page and the completions of shells, written from the table of commands.
///
/// Pure; the table is app/command_line's.
#pragma once

#include <string>
#include <vector>

namespace parley::app {

struct option_entry {
  std::vector<std::string> names;  ///< "--username"; none: an argument
  std::string argument;            ///< "NAME" of a value; empty: a flag
  std::string meaning;
  std::vector<std::string> choices;  ///< the values it may have, if they are few
  bool is_file = false;              ///< its value is a path
};

struct command_entry {
  std::string name;  ///< "user add"; empty: the program itself
  std::string meaning;
  std::vector<option_entry> options;
};

/// For man(1): troff of man(7), checked by mandoc and groff.
std::string manual_page(const std::vector<command_entry>& commands, const std::string& version);

std::string bash_completion(const std::vector<command_entry>& commands);
std::string zsh_completion(const std::vector<command_entry>& commands);
std::string fish_completion(const std::vector<command_entry>& commands);

}  // namespace parley::app
