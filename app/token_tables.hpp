/// Where a running program finds the token tables.
#pragma once

#include <string>

#include "base/settings.hpp"

namespace parley::app {

/// `vocabulary_dir`; if that is empty the folder `vocabulary` beside the binary, else the one of
/// the system.
std::string token_tables_folder(const settings& values);

}  // namespace parley::app
