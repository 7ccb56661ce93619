/// The command line: the table of commands, and what each does with its options.
///
/// The manual page and the completions of shells come from the same table.
#pragma once

#include <vector>

#include "app/manual.hpp"

namespace parley::app {

/// Runs the command that the arguments name; its exit code: 0 done, 1 failed, 2 wrong usage.
int run_command_line(int argc, char** argv);

/// Every command with its options, in the order of --help.
std::vector<command_entry> command_table();

}  // namespace parley::app
