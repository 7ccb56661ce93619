/// The log's files, from the settings.
#pragma once

#include "base/settings.hpp"

namespace parley::app {

std::filesystem::path log_directory_of(const settings& values);
/// None where `log_files` is off.
log_files_options log_files_of(const settings& values);

}  // namespace parley::app
