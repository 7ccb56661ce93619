#include "http/v1_fields.hpp"

namespace parley::http {

std::string v1_object::path(std::string_view key) const {
  return at.empty() ? std::string{key} : at + '.' + std::string{key};
}

v1_object v1_object::item(std::string_view key, size_t index, const json_value& of) const {
  return {of, path(key) + '[' + std::to_string(index) + ']'};
}

void v1_fields::fail(std::string param, std::string_view reason, std::string sentence) {
  if (fault_) return;
  error_detail detail;
  detail.reason = reason;
  auto shown = "'" + param + "': " + sentence;
  detail.fields.push_back({std::move(param), std::string{reason}, {}, std::move(sentence)});
  fault_ = make_error(errc::malformed, std::move(shown), std::move(detail));
}

std::optional<json_value> v1_fields::find(const v1_object& in, std::string_view key, json_type type,
                                          std::string_view type_name) {
  auto found = in.value.find(key);
  if (!found || found->is_null()) return std::nullopt;
  auto is_number = type == json_type::number && found->type() == json_type::integer;
  if (found->type() == type || is_number) return found;
  fail(in.path(key), "invalid_type", "Must be " + std::string{type_name} + ".");
  return std::nullopt;
}

std::optional<std::string> v1_fields::text(const v1_object& in, std::string_view key) {
  auto found = find(in, key, json_type::string, "a string");
  if (!found) return std::nullopt;
  return std::string{*found->as_string()};
}

std::optional<bool> v1_fields::flag(const v1_object& in, std::string_view key) {
  auto found = find(in, key, json_type::boolean, "true or false");
  return found ? found->as_bool() : std::nullopt;
}

std::optional<int64_t> v1_fields::integer(const v1_object& in, std::string_view key, int64_t min,
                                          int64_t max) {
  auto found = find(in, key, json_type::integer, "an integer");
  if (!found) return std::nullopt;
  auto number = found->as_integer();
  if (number && *number >= min && *number <= max) return number;
  fail(in.path(key), "invalid_value",
       "Must be from " + std::to_string(min) + " to " + std::to_string(max) + ".");
  return std::nullopt;
}

std::optional<double> v1_fields::number(const v1_object& in, std::string_view key, double min,
                                        double max) {
  auto found = find(in, key, json_type::number, "a number");
  if (!found) return std::nullopt;
  auto number = found->as_number();
  if (number && *number >= min && *number <= max) return number;
  std::string sentence = "Must be from ";
  json_writer{sentence}.value(min);
  sentence += " to ";
  json_writer{sentence}.value(max);
  fail(in.path(key), "invalid_value", sentence + ".");
  return std::nullopt;
}

std::optional<v1_object> v1_fields::object(const v1_object& in, std::string_view key) {
  auto found = find(in, key, json_type::object, "an object");
  if (!found) return std::nullopt;
  return v1_object{*found, in.path(key)};
}

std::vector<json_value> v1_fields::list(const v1_object& in, std::string_view key,
                                        size_t items_max) {
  auto found = find(in, key, json_type::array, "an array");
  if (!found) return {};
  auto items = found->items();
  if (items.size() <= items_max) return items;
  fail(in.path(key), "invalid_value", "Has at most " + std::to_string(items_max) + " items.");
  return {};
}

std::string v1_fields::needed_text(const v1_object& in, std::string_view key) {
  auto found = text(in, key);
  if (!found || found->empty()) fail(in.path(key), "missing_required_parameter", "Is required.");
  return found.value_or("");
}

v1_object v1_fields::needed_object(const v1_object& in, std::string_view key) {
  auto found = object(in, key);
  if (!found) fail(in.path(key), "missing_required_parameter", "Is required.");
  return found.value_or(v1_object{in.value, in.path(key)});
}

std::optional<std::vector<std::string>> v1_fields::texts(const v1_object& in, std::string_view key,
                                                         size_t items_max) {
  auto found = in.value.find(key);
  if (!found || found->is_null()) return std::nullopt;
  if (auto one = found->as_string()) return std::vector<std::string>{std::string{*one}};
  std::vector<std::string> all;
  for (const auto& item : list(in, key, items_max)) {
    auto one = item.as_string();
    if (!one) {
      fail(in.path(key), "invalid_type", "Must be an array of strings.");
      return std::nullopt;
    }
    all.emplace_back(*one);
  }
  return all;
}

bool v1_fields::check_object(const v1_object& in) {
  if (in.value.type() == json_type::object) return true;
  fail(in.at, "invalid_type", "Must be an object.");
  return false;
}

part text_part_of(part_type type, std::string text) {
  part made;
  made.type = type;
  made.text = std::move(text);
  return made;
}

std::optional<part> image_part_of(v1_fields& fields, const std::string& param, std::string url) {
  auto is_data = url.starts_with("data:image/") && url.find(";base64,") != std::string::npos;
  if (!is_data && !url.starts_with("https://")) {
    fields.fail(param, "invalid_value", "An image is a base64 data: URL of an image, or https.");
    return std::nullopt;
  }
  part made;
  made.type = part_type::image;
  made.url = std::move(url);
  return made;
}

std::string name_of_call(const std::vector<prompt_message>& messages, std::string_view call_id) {
  constexpr size_t looked_at_max = 200;
  size_t looked_at = 0;
  for (auto message = messages.rbegin(); message != messages.rend(); ++message) {
    if (++looked_at > looked_at_max) break;
    for (const auto& made : message->calls)
      if (made.call_id == call_id) return made.name;
  }
  return std::string{call_id};
}

std::string schema_of(const std::optional<v1_object>& schema) {
  return schema ? schema->value.text() : R"({"type":"object","properties":{}})";
}

}  // namespace parley::http
