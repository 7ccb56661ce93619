#include "base/record_json.hpp"

#include <cmath>

namespace parley {

namespace {

constexpr size_t faults_max = 100;

std::string number_text(double number) {
  std::string text;
  json_writer{text}.value(number);
  return text;
}

bool is_in_bounds(double number, const field_rule& rule, const std::string& path,
                  fault_list& faults) {
  if (number < rule.min) {
    auto bound = number_text(rule.min);
    faults.add(path, "min", "Must be at least " + bound + ".", bound);
    return false;
  }
  if (number > rule.max) {
    auto bound = number_text(rule.max);
    faults.add(path, "max", "Must be at most " + bound + ".", bound);
    return false;
  }
  return true;
}

}  // namespace

void fault_list::add(std::string path, std::string_view rule, std::string message,
                     std::string bound) {
  if (faults_.size() == faults_max) return;
  faults_.push_back({std::move(path), std::string{rule}, std::move(bound), std::move(message)});
}

std::string pointer_step(std::string_view key) {
  std::string step;
  for (auto c : key) {
    if (c == '~')
      step += "~0";
    else if (c == '/')
      step += "~1";
    else
      step += c;
  }
  return step;
}

error fault_list::to_error() && {
  error_detail detail;
  detail.reason = "invalid_fields";
  auto sentence = faults_.size() == 1 ? faults_.front().path + ": " + faults_.front().message
                                      : std::to_string(faults_.size()) + " fields are not valid.";
  detail.fields = std::move(faults_);
  return make_error(errc::invalid_input, std::move(sentence), std::move(detail));
}

namespace detail {

void add_type_fault(fault_list& faults, const std::string& path, std::string_view expected_type) {
  faults.add(path, "type", "Must be of type " + std::string{expected_type} + ".",
             "\"" + std::string{expected_type} + "\"");
}

bool read_text(const json_value& from, std::string& to, const field_rule& rule,
               const std::string& path, fault_list& faults) {
  auto text = from.as_string();
  if (!text) return add_type_fault(faults, path, "string"), false;
  if (text->size() < rule.length_min) {
    auto bound = std::to_string(rule.length_min);
    faults.add(path, "length_min", "Must have at least " + bound + " bytes.", bound);
    return false;
  }
  if (text->size() > rule.length_max) {
    auto bound = std::to_string(rule.length_max);
    faults.add(path, "length_max", "Must have at most " + bound + " bytes.", bound);
    return false;
  }
  to.assign(*text);
  return true;
}

bool read_number(const json_value& from, double& to, const field_rule& rule,
                 const std::string& path, fault_list& faults) {
  auto number = from.as_number();
  if (!number) return add_type_fault(faults, path, "number"), false;
  if (!is_in_bounds(*number, rule, path, faults)) return false;
  to = *number;
  return true;
}

bool read_integer(const json_value& from, int64_t& to, const field_rule& rule,
                  const std::string& path, fault_list& faults) {
  auto number = from.as_integer();
  if (!number) return add_type_fault(faults, path, "integer"), false;
  if (!is_in_bounds(static_cast<double>(*number), rule, path, faults)) return false;
  to = *number;
  return true;
}

bool read_object_text(const json_value& from, json_text& to, const field_rule& rule,
                      const std::string& path, fault_list& faults) {
  if (from.type() != json_type::object) return add_type_fault(faults, path, "object"), false;
  auto text = from.text();
  if (text.size() > rule.length_max) {
    auto bound = std::to_string(rule.length_max);
    faults.add(path, "length_max", "Must have at most " + bound + " bytes as JSON.", bound);
    return false;
  }
  to.text = std::move(text);
  return true;
}

}  // namespace detail

}  // namespace parley
