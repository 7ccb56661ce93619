/// The file form of the catalogue (its comment describes it). Pure.
#pragma once

#include "providers/catalogue.hpp"

namespace parley::providers {

/// `presets` with a file laid over them. Fails with invalid_input, "path:line: …".
expected<std::vector<preset>> with_catalogue_file(std::vector<preset> presets,
                                                  std::string_view text, const std::string& path);

}  // namespace parley::providers
