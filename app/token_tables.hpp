/// The token tables of a running program.
#pragma once

#include <string>

#include "base/settings.hpp"
#include "chat/token_count.hpp"

namespace parley::app {

/// `vocabulary_dir`; if that is empty the folder `vocabulary` beside the binary, as a build has it,
/// else ../share/parley/vocabulary, as an installation has it, else the one of the system.
std::string token_tables_folder(const settings& values);

/// Both tables, or the sentence that says which one is missing, truncated or of another version.
/// With `vocabulary_dir` = "none" there are none, and all counts are estimates.
expected<token_counter> open_token_counter(const settings& values);

}  // namespace parley::app
