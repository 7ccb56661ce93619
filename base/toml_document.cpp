#include "base/toml_document.hpp"

#include <toml++/toml.h>

#include <sstream>

namespace parley {

namespace {

toml_table read_table(const toml::table& table);

toml_value read_node(const toml::node& node) {
  toml_value value;
  value.line = node.source().begin.line;
  if (auto text = node.as_string()) {
    value.content = text->get();
  } else if (auto integer = node.as_integer()) {
    value.content = integer->get();
  } else if (auto number = node.as_floating_point()) {
    value.content = number->get();
  } else if (auto flag = node.as_boolean()) {
    value.content = flag->get();
  } else if (auto list = node.as_array()) {
    toml_list items;
    for (auto& item : *list) items.push_back(read_node(item));
    value.content = std::move(items);
  } else if (auto table = node.as_table()) {
    value.content = read_table(*table);
  } else {
    std::ostringstream text;
    node.visit([&text](auto& typed) {
      if constexpr (toml::is_chronological<decltype(typed)>) text << typed.get();
    });
    value.content = text.str();
  }
  return value;
}

toml_table read_table(const toml::table& table) {
  toml_table members;
  for (auto&& [key, node] : table) members.push_back({std::string{key.str()}, read_node(node)});
  return members;
}

}  // namespace

expected<toml_table> parse_toml(std::string_view text, const std::string& path) {
  try {
    return read_table(toml::parse(text));
  } catch (const toml::parse_error& fault) {
    return make_error(errc::invalid_input, path + ":" + std::to_string(fault.source().begin.line) +
                                               ": " + std::string{fault.description()} + ".");
  }
}

}  // namespace parley
