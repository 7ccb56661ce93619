/// The tags of a session. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"

namespace parley {

/// Each tag once, in the order in which they came; errc::invalid_input if they are too many.
expected<std::vector<std::string>> joined_tags(std::vector<std::string> tags,
                                               const std::vector<std::string>& added = {});

}  // namespace parley
