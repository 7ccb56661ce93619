/// JSON of records: `write_json` and `decode`, both walking the field list of base/record.hpp.
///
/// Decoding is strict: every unknown, forbidden, missing or ill-typed field is a fault, and all
/// faults are reported at once as errc::invalid_input with JSON Pointers (api.md, Errors).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/record.hpp"
#include "base/secret.hpp"
#include "base/text.hpp"

namespace parley {

/// Collects what is wrong with a body; at most 100 faults, more say nothing new.
class fault_list {
 public:
  void add(std::string path, std::string_view rule, std::string message, std::string bound = {});
  bool is_empty() const { return faults_.empty(); }
  error to_error() &&;

 private:
  std::vector<field_fault> faults_;
};

/// One step of a JSON Pointer, escaped (RFC 6901).
std::string pointer_step(std::string_view key);

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;
template <class T>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<basic_id<Tag>> = true;

/// Members that no field holds but JSON shows: `write_derived(writer, record)`, found by ADL.
template <class T>
concept has_derived = requires(json_writer& writer, const T& value) {
  write_derived(writer, value);
};

template <class T>
void write_json(json_writer& writer, const T& value) {
  if constexpr (record<T>) {
    writer.begin_object();
    each_field<T>([&](const auto& f, size_t) {
      if (!f.rule.is(use::out) || f.rule.is(use::secret)) return;
      const auto& content = value.*f.member;
      using member_type = std::decay_t<decltype(content)>;
      if constexpr (is_optional<member_type>) {
        if (!content && !f.rule.is(use::nullable)) return;
      }
      if constexpr (!std::is_same_v<member_type, secret_text>) {
        writer.key(f.name);
        write_json(writer, content);
      }
    });
    if constexpr (has_derived<T>) write_derived(writer, value);
    writer.end_object();
  } else if constexpr (is_optional<T>) {
    if (value)
      write_json(writer, *value);
    else
      writer.null();
  } else if constexpr (is_list<T>) {
    writer.begin_array();
    for (const auto& item : value) write_json(writer, item);
    writer.end_array();
  } else if constexpr (named_enum<T>) {
    writer.value(name_of(value));
  } else if constexpr (is_id<T> || std::is_same_v<T, instant>) {
    writer.value(to_string(value));
  } else if constexpr (std::is_same_v<T, json_text>) {
    writer.raw(value.text);
  } else {
    writer.value(value);
  }
}

template <class T>
std::string json_of(const T& value) {
  std::string text;
  json_writer writer{text};
  write_json(writer, value);
  return text;
}

namespace detail {

bool read_text(const json_value& from, std::string& to, const field_rule& rule,
               const std::string& path, fault_list& faults);
bool read_number(const json_value& from, double& to, const field_rule& rule,
                 const std::string& path, fault_list& faults);
bool read_integer(const json_value& from, int64_t& to, const field_rule& rule,
                  const std::string& path, fault_list& faults);
bool read_object_text(const json_value& from, json_text& to, const field_rule& rule,
                      const std::string& path, fault_list& faults);
void add_type_fault(fault_list& faults, const std::string& path, std::string_view expected_type);

}  // namespace detail

template <record Record>
void read_record(const json_value& from, field_use allowed, patch_of<Record>& to,
                 const std::string& path, fault_list& faults);

namespace detail {

template <class T>
bool read_id(const json_value& from, T& to, const std::string& path, fault_list& faults) {
  auto text = from.as_string();
  if (!text) return add_type_fault(faults, path, "string"), false;
  auto id = T::parse(*text);
  if (!id) return faults.add(path, "id", "This is not an id."), false;
  to = *id;
  return true;
}

template <class T>
bool read_enum(const json_value& from, T& to, const std::string& path, fault_list& faults) {
  auto text = from.as_string();
  if (!text) return add_type_fault(faults, path, "string"), false;
  if (auto value = enum_of<T>(*text)) return to = *value, true;
  std::string choices;
  json_writer writer{choices};
  writer.begin_array();
  for (auto name : names_of(T{})) writer.value(name);
  writer.end_array();
  return faults.add(path, "one_of", "Must be one of " + choices + ".", choices), false;
}

}  // namespace detail

/// Reads one value; faults are added under `path`. Returns whether `to` was set.
template <class T>
bool read_json(const json_value& from, T& to, const field_rule& rule, const std::string& path,
               fault_list& faults) {
  if constexpr (is_optional<T>) {
    if (from.is_null()) {
      to.reset();
      return true;
    }
    return read_json(from, to.emplace(), rule, path, faults);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return detail::read_text(from, to, rule, path, faults);
  } else if constexpr (std::is_same_v<T, secret_text>) {
    std::string text;
    auto is_read = detail::read_text(from, text, rule, path, faults);
    to = secret_text{std::move(text)};
    return is_read;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (auto flag = from.as_bool()) return to = *flag, true;
    return detail::add_type_fault(faults, path, "boolean"), false;
  } else if constexpr (std::is_floating_point_v<T>) {
    return detail::read_number(from, to, rule, path, faults);
  } else if constexpr (std::is_integral_v<T>) {
    int64_t number = 0;
    auto bounded = rule;
    bounded.min = std::max(rule.min, static_cast<double>(std::numeric_limits<T>::min()));
    bounded.max = std::min(rule.max, static_cast<double>(std::numeric_limits<T>::max()));
    if (!detail::read_integer(from, number, bounded, path, faults)) return false;
    to = static_cast<T>(number);
    return true;
  } else if constexpr (is_id<T>) {
    return detail::read_id(from, to, path, faults);
  } else if constexpr (named_enum<T>) {
    return detail::read_enum(from, to, path, faults);
  } else if constexpr (std::is_same_v<T, instant>) {
    auto text = from.as_string();
    auto at = text ? parse_instant(*text) : std::nullopt;
    if (!at) return faults.add(path, "instant", "Must be an RFC 3339 date-time."), false;
    to = *at;
    return true;
  } else if constexpr (std::is_same_v<T, json_text>) {
    return detail::read_object_text(from, to, rule, path, faults);
  } else if constexpr (is_list<T>) {
    if (from.type() != json_type::array)
      return detail::add_type_fault(faults, path, "array"), false;
    auto items = from.items();
    if (items.size() < rule.length_min || items.size() > rule.length_max) {
      faults.add(path, "items_max", "Wrong number of items.", std::to_string(rule.length_max));
      return false;
    }
    to.clear();
    field_rule item_rule{
        .uses = rule.uses, .length_min = rule.item_length_min, .length_max = rule.item_length_max};
    for (size_t i = 0; i < items.size(); ++i)
      read_json(items[i], to.emplace_back(), item_rule, path + "/" + std::to_string(i), faults);
    return true;
  } else {
    static_assert(record<T>);
    patch_of<T> patch;
    auto allowed = rule.is(use::in_create) || rule.is(use::in_patch) ? use::in_create : use::out;
    read_record(from, allowed, patch, path, faults);
    to = std::move(patch.value);
    return true;
  }
}

template <record Record>
void read_record(const json_value& from, field_use allowed, patch_of<Record>& to,
                 const std::string& path, fault_list& faults) {
  if (from.type() != json_type::object) return detail::add_type_fault(faults, path, "object");
  static_assert(field_count<Record> <= 64);
  for (const auto& [key, content] : from.members()) {
    bool is_known = false;
    auto field_path = path + "/" + pointer_step(key);
    each_field<Record>([&, name = key, value = content](const auto& f, size_t index) {
      if (f.name != name) return;
      is_known = true;
      if (!f.rule.is(allowed)) {
        faults.add(field_path, "read_only", "This field can't be set here.");
        return;
      }
      using member_type = typename std::decay_t<decltype(f)>::member_type;
      if (value.is_null() && !is_optional<member_type>) {
        faults.add(field_path, "not_null", "Must not be null.");
        return;
      }
      if (!read_json(value, to.value.*f.member, f.rule, field_path, faults)) return;
      to.given |= uint64_t{1} << index;
      if (value.is_null()) to.nulls |= uint64_t{1} << index;
    });
    if (!is_known) faults.add(field_path, "unknown", "There is no such field.");
  }
  if (allowed != use::in_create) return;
  each_field<Record>([&](const auto& f, size_t) {
    if (f.rule.is(use::required | use::in_create) && !from.find(f.name))
      faults.add(path + "/" + std::string{f.name}, "required", "This field is needed.");
  });
}

/// Reads a body for creating (`use::in_create`) or changing (`use::in_patch`) a record.
template <record Record>
expected<patch_of<Record>> decode(const json_value& body, field_use allowed) {
  patch_of<Record> patch;
  fault_list faults;
  read_record(body, allowed, patch, "", faults);
  if (!faults.is_empty()) return std::move(faults).to_error();
  return patch;
}

/// A whole record from JSON we wrote ourselves (a column, a table of presets): only `out` fields
/// count, unknown ones are passed over.
template <record Record>
void restore(const json_value& from, Record& to) {
  fault_list ignored;
  each_field<Record>([&](const auto& f, size_t) {
    if (auto found = from.find(f.name)) read_json(*found, to.*f.member, f.rule, "", ignored);
  });
}

}  // namespace parley
