/// The contract as a parsed document, for tests that hold it against the code.
///
/// Belongs to one test on one thread. What is not where it is looked for is thrown.
#pragma once

#include <initializer_list>
#include <set>
#include <stdexcept>

#include "base/json.hpp"
#include "http/contract.hpp"

namespace parley::test {

using name_set = std::set<std::string>;

/// Follows names from object to object.
inline json_value member_at(json_value from, std::initializer_list<std::string_view> names) {
  for (auto name : names) {
    auto found = from.find(name);
    if (!found) throw std::runtime_error{"the contract has no " + std::string{name}};
    from = *found;
  }
  return from;
}

/// The names of an object's members, the texts of an array, or the one text.
inline name_set names_in(const std::optional<json_value>& value) {
  name_set names;
  if (!value) return names;
  if (auto text = value->as_string()) names.emplace(*text);
  for (auto& [name, content] : value->members()) names.emplace(name);
  for (auto& item : value->items())
    if (auto text = item.as_string()) names.emplace(*text);
  return names;
}

class contract {
 public:
  contract() : reader_({.bytes_max = http::contract_json().size()}) {
    auto parsed = reader_.parse(http::contract_json());
    if (!parsed) throw std::runtime_error{"the contract is no JSON: " + describe(parsed.error())};
    root_ = *parsed;
  }

  json_value root() const { return root_; }
  json_value schemas() const { return member_at(root_, {"components", "schemas"}); }
  /// Itself, or what its $ref names.
  json_value resolve(json_value value) const {
    auto reference = value.string_at("$ref");
    if (!reference) return value;
    auto slash = reference->rfind('/');
    auto kind = reference->substr(0, slash);
    kind.remove_prefix(std::string_view{"#/components/"}.size());
    return member_at(root_, {"components", kind, reference->substr(slash + 1)});
  }

 private:
  json_reader reader_;
  json_value root_;
};

}  // namespace parley::test
