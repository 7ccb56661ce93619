/// Records: plain structs whose fields are declared once. JSON in and out, validation, CAF
/// serialization and SQL binding walk the same list.
///
///     struct folder { folder_id id; std::string name; };
///     PARLEY_RECORD(folder,
///       FIELD(id, "id", .uses = out | stored),
///       FIELD(name, "name", .uses = in_create | in_patch | out | stored, .length_min = 1,
///             .length_max = 200))
///
/// Texts are bounded in bytes. A field's column is its member's name.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.hpp"
#include "base/inspect.hpp"
#include "base/json.hpp"

namespace parley {

/// Where a field may appear; flags, in a namespace of their own because they are short words.
namespace use {
enum field_use : uint16_t {
  local = 0,      ///< neither JSON nor a column: lives in memory and messages only
  in_create = 1,  ///< accepted in the body that makes the record
  in_patch = 2,   ///< accepted in a merge patch
  out = 4,        ///< written to JSON
  stored = 8,     ///< a column
  secret = 16,    ///< never in JSON out
  required = 32,  ///< must be there when the record is made
  nullable = 64,  ///< an absent optional is written as null; otherwise it is left out
};

constexpr field_use operator|(field_use a, field_use b) {
  return static_cast<field_use>(static_cast<uint16_t>(a) | static_cast<uint16_t>(b));
}
}  // namespace use

using use::field_use;

constexpr double no_bound = 1e300;

struct field_rule {
  field_use uses = use::out | use::stored;
  size_t length_min = 0;
  size_t length_max = 1 << 20;  ///< bytes of a text, items of a list
  double min = -no_bound;
  double max = no_bound;
  size_t item_length_min = 0;  ///< of the texts in a list, bytes
  size_t item_length_max = 1 << 20;

  constexpr bool is(field_use use) const { return (uses & use) == use; }
};

template <class Record, class Member>
struct field {
  using member_type = Member;
  Member Record::*member;
  std::string_view column;
  std::string_view name;
  field_rule rule;
};

template <class Record, class Member>
constexpr field<Record, Member> make_field(Member Record::*member, std::string_view column,
                                           std::string_view name, field_rule rule = {}) {
  return {member, column, name, rule};
}

template <class T>
concept record = requires(const T* type) {
  record_fields(type);
};

template <record Record>
inline constexpr auto fields_of = record_fields(static_cast<const Record*>(nullptr));

template <record Record>
inline constexpr size_t field_count =
    std::tuple_size_v<decltype(record_fields(static_cast<const Record*>(nullptr)))>;

/// Calls visit(field, index) for each field in order.
template <record Record, class Visitor>
constexpr void each_field(Visitor&& visit) {
  [&]<size_t... Index>(std::index_sequence<Index...>) {
    (visit(std::get<Index>(fields_of<Record>), Index), ...);
  }
  (std::make_index_sequence<field_count<Record>>{});
}

/// Names of an enum's values, the first value being 1: `names_of(role)` is found by ADL.
template <class Enum>
concept named_enum = std::is_enum_v<Enum> && requires(Enum value) {
  names_of(value);
};

template <named_enum Enum>
std::string_view name_of(Enum value) {
  constexpr auto names = names_of(Enum{});
  auto index = static_cast<size_t>(value) - 1;
  return index < names.size() ? names[index] : std::string_view{"?"};
}

template <named_enum Enum>
std::string to_string(Enum value) {
  return std::string{name_of(value)};
}

template <named_enum Enum>
std::optional<Enum> enum_of(std::string_view name) {
  constexpr auto names = names_of(Enum{});
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Enum>(i + 1);
  return std::nullopt;
}

/// A partial record: which fields were given, which of them as null. The lower 64 fields count.
template <record Record>
struct patch_of {
  Record value{};
  uint64_t given = 0;
  uint64_t nulls = 0;

  template <class Member>
  bool has(Member Record::*member) const {
    bool found = false;
    each_field<Record>([&](const auto& f, size_t index) {
      if constexpr (std::is_same_v<typename std::decay_t<decltype(f)>::member_type, Member>)
        found = found || (f.member == member && (given >> index & 1) != 0);
    });
    return found;
  }

  bool is_empty() const { return given == 0; }

  /// Gives a field, as a body would.
  template <class Member, class Value>
  void set(Member Record::*member, Value content) {
    value.*member = std::move(content);
    each_field<Record>([&](const auto& f, size_t index) {
      if constexpr (std::is_same_v<typename std::decay_t<decltype(f)>::member_type, Member>)
        if (f.member == member) given |= uint64_t{1} << index;
    });
  }

  /// Copies what was given; null empties an optional field.
  void apply_to(Record& target) const {
    each_field<Record>([&](const auto& f, size_t index) {
      if ((given >> index & 1) != 0) target.*f.member = value.*f.member;
    });
  }
};

template <class Inspector, record Record>
typename Inspector::result_type inspect(Inspector& inspector, patch_of<Record>& patch) {
  return inspector(caf::meta::type_name("patch_of"), patch.value, patch.given, patch.nulls);
}

}  // namespace parley

#define FIELD(member, json_name, ...)               \
  parley::make_field(&record_type::member, #member, \
                     json_name __VA_OPT__(, parley::field_rule{__VA_ARGS__}))

#define PARLEY_RECORD(type, ...)                                                 \
  constexpr auto record_fields(const type*) {                                    \
    using record_type = type;                                                    \
    using namespace parley::use;                                                 \
    return std::make_tuple(__VA_ARGS__);                                         \
  }                                                                              \
  template <class Inspector>                                                     \
  typename Inspector::result_type inspect(Inspector& inspector, type& value) {   \
    return std::apply(                                                           \
        [&](const auto&... f) {                                                  \
          return inspector(caf::meta::type_name(#type), (value.*(f.member))...); \
        },                                                                       \
        parley::fields_of<type>);                                                \
  }                                                                              \
  PARLEY_INSPECTORS(type)
