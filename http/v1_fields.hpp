/// Members of a /v1 body, checked as they are read; what the readers of both APIs share. Pure.
#pragma once

#include "actors/provider_messages.hpp"
#include "base/json.hpp"

namespace parley::http {

/// An object of the body and where it stands ("messages[0].content[1]"; empty: the body itself).
struct v1_object {
  json_value value;
  std::string at;

  std::string path(std::string_view key) const;
  /// Item `index` of the list `key`.
  v1_object item(std::string_view key, size_t index, const json_value& of) const;
};

/// Keeps the first fault. After one the values it gives mean nothing.
class v1_fields {
 public:
  /// Absent, and null, is nothing; a wrong type is a fault.
  std::optional<std::string> text(const v1_object& in, std::string_view key);
  std::optional<bool> flag(const v1_object& in, std::string_view key);
  std::optional<int64_t> integer(const v1_object& in, std::string_view key, int64_t min,
                                 int64_t max);
  std::optional<double> number(const v1_object& in, std::string_view key, double min, double max);
  std::optional<v1_object> object(const v1_object& in, std::string_view key);
  /// Empty if it is absent; more than `items_max` items are a fault.
  std::vector<json_value> list(const v1_object& in, std::string_view key, size_t items_max);

  /// Its absence is a fault too.
  std::string needed_text(const v1_object& in, std::string_view key);
  v1_object needed_object(const v1_object& in, std::string_view key);

  /// Texts of a stop list.
  std::optional<std::vector<std::string>> texts(const v1_object& in, std::string_view key,
                                                size_t items_max);
  /// Whether `in` is an object; a fault otherwise.
  bool check_object(const v1_object& in);

  void fail(std::string param, std::string_view reason, std::string sentence);
  bool has_failed() const { return static_cast<bool>(fault_); }
  const error& fault() const { return fault_; }

 private:
  /// The member, if it is there and of that type.
  std::optional<json_value> find(const v1_object& in, std::string_view key, json_type type,
                                 std::string_view type_name);

  error fault_;
};

part text_part_of(part_type type, std::string text);
/// A data: url of a picture, or https; anything else is a fault of `param`.
std::optional<part> image_part_of(v1_fields& fields, const std::string& param, std::string url);
/// Some providers want to be told the tool's name with its result: that of the call, which is a few
/// messages before; else the id.
std::string name_of_call(const std::vector<prompt_message>& messages, std::string_view call_id);
/// Of an object from the body, as text.
std::string schema_of(const std::optional<v1_object>& schema);

}  // namespace parley::http
