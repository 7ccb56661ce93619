/// Records to rows and back, by the field list of base/record.hpp: the column is the member's name.
///
/// Ids are BLOB(16), instants INTEGER milliseconds, enums their names, flags 0 or 1, absent
/// optionals NULL; lists, nested records and json_text are JSON texts. What cannot be read back is
/// errc::corrupt_data. SQL is generated from the same list, so it is not written twice.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/record_json.hpp"
#include "storage/connection.hpp"

namespace parley::storage {

/// Calls visit(field) for each column in order. A secret_text is never one: it is stored sealed,
/// under another name.
template <record Record, class Visitor>
constexpr void each_stored(Visitor&& visit) {
  each_field<Record>([&](const auto& f, size_t) {
    using member_type = typename std::decay_t<decltype(f)>::member_type;
    if constexpr (!std::is_same_v<member_type, secret_text>) {
      if (f.rule.is(use::stored)) visit(f);
    }
  });
}

/// The place of a column among the stored ones, from 1: its parameter in insert and update.
template <record Record>
constexpr int parameter_of(std::string_view column) {
  int place = 0;
  int found = 0;
  each_stored<Record>([&](const auto& f) {
    ++place;
    if (f.column == column) found = place;
  });
  return found;
}

/// How many columns a record has.
template <record Record>
constexpr int stored_count() {
  int count = 0;
  each_stored<Record>([&](const auto&) { ++count; });
  return count;
}

/// What a query shows in place of a column.
struct shown_instead {
  std::string_view column;
  std::string_view expression;
};

/// "t.id,t.version,…" in the order read_record expects.
template <record Record>
std::string columns_of(std::string_view table, std::initializer_list<shown_instead> others = {}) {
  std::string list;
  each_stored<Record>([&](const auto& f) {
    if (!list.empty()) list += ',';
    auto other = std::find_if(others.begin(), others.end(),
                              [&](const auto& known) { return known.column == f.column; });
    if (other != others.end())
      list += other->expression;
    else
      list.append(table).append(".").append(f.column);
  });
  return list;
}

/// " FROM t a WHERE …": the rows of table `t` whose `column` is ?1. An index only says where they
/// are, then each is asked itself: what an index has SQLite reads from it alone, so that one with a
/// damaged entry would show somebody else's row.
inline std::string rows_with(std::string_view table, std::string_view alias,
                             std::string_view column) {
  auto [t, a, c] = std::tuple{std::string{table}, std::string{alias}, std::string{column}};
  return " FROM " + t + " " + a + " WHERE " + a + ".rowid IN (SELECT rowid FROM " + t + " WHERE " +
         c + "=?1) AND +" + a + "." + c + "=?1";
}

/// "INSERT INTO t(id,…) VALUES(?1,…)", to be bound by bind_record.
template <record Record>
std::string insert_sql(std::string_view table) {
  std::string columns;
  std::string values;
  int place = 0;
  each_stored<Record>([&](const auto& f) {
    auto comma = place == 0 ? "" : ",";
    columns.append(comma).append(f.column);
    values.append(comma).append("?").append(std::to_string(++place));
  });
  return "INSERT INTO " + std::string{table} + "(" + columns + ") VALUES(" + values + ")";
}

/// "UPDATE t SET version=?2,… WHERE id=?1", to be bound by bind_record; conditions may follow.
template <record Record>
std::string update_sql(std::string_view table) {
  std::string sql = "UPDATE " + std::string{table} + " SET ";
  int place = 0;
  each_stored<Record>([&](const auto& f) {
    ++place;
    if (f.column == "id") return;
    if (sql.back() != ' ') sql += ',';
    sql.append(f.column).append("=?").append(std::to_string(place));
  });
  static_assert(parameter_of<Record>("id") == 1);
  return sql + " WHERE id=?1";
}

namespace detail {

template <class T>
inline constexpr bool is_json_column = record<T> || is_list<T> || std::is_same_v<T, json_text>;

template <class T>
void bind_value(query& to, const T& value) {
  if constexpr (is_optional<T>) {
    if (value)
      bind_value(to, *value);
    else
      to.bind_null();
  } else if constexpr (std::is_same_v<T, json_text>) {
    to.bind(value.text);
  } else if constexpr (is_json_column<T>) {
    auto text = json_of(value);
    // A provider's text that is no UTF-8 must not make the whole message unreadable.
    to.bind_copy(is_utf8(text) ? text : repair_utf8(text));
  } else if constexpr (named_enum<T>) {
    to.bind(name_of(value));
  } else {
    to.bind(value);
  }
}

// Like read_json of base/record_json.hpp, but without the bounds that only a client's input must
// keep: what was stored once can be read for ever.
template <class T>
bool restore_value(const json_value& from, T& to) {
  if constexpr (is_optional<T>) {
    if (from.is_null()) return to.reset(), true;
    return restore_value(from, to.emplace());
  } else if constexpr (is_list<T>) {
    if (from.type() != json_type::array) return false;
    to.clear();
    for (const auto& item : from.items())
      if (!restore_value(item, to.emplace_back())) return false;
    return true;
  } else if constexpr (record<T>) {
    if (from.type() != json_type::object) return false;
    bool is_whole = true;
    each_field<T>([&](const auto& f, size_t) {
      if (!f.rule.is(use::out)) return;
      if (auto found = from.find(f.name))
        is_whole = restore_value(*found, to.*f.member) && is_whole;
    });
    return is_whole;
  } else {
    fault_list faults;
    auto rule = field_rule{.uses = use::out, .length_max = SIZE_MAX};
    return read_json(from, to, rule, "", faults);
  }
}

template <class T>
bool read_value(const query& from, int column, T& to) {
  if constexpr (is_optional<T>) {
    if (from.is_null(column)) return to.reset(), true;
    return read_value(from, column, to.emplace());
  } else if constexpr (is_id<T>) {
    to = from.id<T>(column);
    return from.is_blob(column) && from.text(column).size() == to.bytes.size();
  } else if constexpr (std::is_same_v<T, instant>) {
    to = {from.integer(column)};
    return true;
  } else if constexpr (named_enum<T>) {
    auto value = enum_of<T>(from.text(column));
    if (value) to = *value;
    return value.has_value();
  } else if constexpr (std::is_same_v<T, json_text>) {
    to.text = from.text(column);
    return true;
  } else if constexpr (is_json_column<T>) {
    auto parsed = from.owner().json().parse(from.text(column));
    return parsed && restore_value(*parsed, to);
  } else if constexpr (std::is_same_v<T, std::string>) {
    to = from.text(column);
    return true;
  } else if constexpr (std::is_floating_point_v<T>) {
    to = from.real(column);
    return true;
  } else {
    static_assert(std::is_integral_v<T>);
    to = static_cast<T>(from.integer(column));
    return true;
  }
}

inline error unreadable(std::string_view column) {
  log_error("storage.unreadable_row", {{"column", column}});
  return make_error(errc::corrupt_data);
}

}  // namespace detail

/// Binds the stored fields to the next parameters; the record is borrowed like a text.
template <record Record>
void bind_record(query& to, const Record& value) {
  each_stored<Record>([&](const auto& f) { detail::bind_value(to, value.*f.member); });
}

/// Reads the present row, whose columns from `first` on are those of columns_of.
template <record Record>
expected<Record> read_record(const query& from, int first = 0) {
  Record value;
  auto column = first;
  std::string_view broken;
  each_stored<Record>([&](const auto& f) {
    if (!detail::read_value(from, column, value.*f.member)) broken = f.column;
    ++column;
  });
  if (broken.empty()) return value;
  return detail::unreadable(broken);
}

/// A record without a table of its own, as the JSON text of one column.
template <record Record>
expected<Record> restore_record(const query& from, int column) {
  Record value;
  if (detail::read_value(from, column, value)) return value;
  return detail::unreadable(from.column_name(column));
}

/// The record of the only row; errc::not_found without one.
template <record Record>
expected<Record> read_one(query& from) {
  TRY(bool has_row, from.step());
  if (!has_row) return make_error(errc::not_found);
  return read_record<Record>(from);
}

template <record Record>
expected<std::vector<Record>> read_all(query& from) {
  std::vector<Record> rows;
  for (;;) {
    TRY(bool has_row, from.step());
    if (!has_row) return rows;
    TRY(auto row, read_record<Record>(from));
    rows.push_back(std::move(row));
  }
}

}  // namespace parley::storage
