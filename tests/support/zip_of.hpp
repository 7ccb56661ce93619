/// A zip archive of these files, in memory.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/zip.hpp"

namespace parley {

inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string bytes;
  zip_writer writer{[&](std::string_view more) -> expected<void> {
    bytes += more;
    return {};
  }};
  for (const auto& [name, text] : entries) {
    REQUIRE(writer.begin(name, instant{1'000'000'000'000}));
    REQUIRE(writer.write(text));
  }
  REQUIRE(writer.finish());
  return bytes;
}

}  // namespace parley
