/// TOML files with their line numbers, so that a fault in one can be pointed at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace parley {

struct toml_value;
struct toml_member;
using toml_list = std::vector<toml_value>;
using toml_table = std::vector<toml_member>;

/// A date is its text ("2026-01-31"); times have no use here and are texts as well.
struct toml_value {
  std::variant<std::string, int64_t, double, bool, toml_list, toml_table> content;
  uint32_t line = 0;

  template <class T>
  const T* as() const {
    return std::get_if<T>(&content);
  }
};

/// No std::pair: that of an incomplete type may not even be named.
struct toml_member {
  std::string name;
  toml_value value;
};

/// `path` only names the source in errors: "path:line: …". Fails with invalid_input.
expected<toml_table> parse_toml(std::string_view text, const std::string& path);

}  // namespace parley
