// The TOML side of base/settings.
#include <toml++/toml.h>

#include <sstream>

#include "base/setting_rows.hpp"
#include "base/text_file.hpp"

namespace parley {

namespace {

std::string place_of(const std::string& path, const toml::source_position& position) {
  return path + ':' + std::to_string(position.line) + ':' + std::to_string(position.column);
}

raw_setting read_value(const toml::node& node) {
  raw_setting raw;
  raw.is = raw_setting::kind::other;
  if (auto text = node.as_string()) {
    raw.is = raw_setting::kind::text;
    raw.text = text->get();
  } else if (auto integer = node.as_integer()) {
    raw.is = raw_setting::kind::integer;
    raw.integer = integer->get();
  } else if (auto list = node.as_array()) {
    raw.is = raw_setting::kind::list;
    for (auto& item : *list) {
      if (auto text = item.as_string())
        raw.items.push_back(text->get());
      else if (auto integer = item.as_integer())
        raw.items.push_back(std::to_string(integer->get()));
      else
        raw.is = raw_setting::kind::other;
    }
  }
  return raw;
}

}  // namespace

expected<std::vector<file_setting>> read_settings_file(const std::string& path) {
  TRY(auto text, read_text_file(path));
  try {
    std::vector<file_setting> result;
    auto table = toml::parse(text);
    for (auto&& [key, node] : table)
      result.push_back(
          {std::string{key.str()}, place_of(path, key.source().begin), read_value(node)});
    return result;
  } catch (const toml::parse_error& fault) {
    return make_error(errc::invalid_input, place_of(path, fault.source().begin) + ": " +
                                               std::string{fault.description()} + ".");
  }
}

}  // namespace parley
