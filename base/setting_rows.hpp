/// The rows of base/settings_table.inc as data: how each setting is read, checked and printed. Used
/// by base/settings alone; others read the struct.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/settings.hpp"

namespace parley {

enum class setting_type : uint8_t {
  text,
  secret,
  choice,
  number,
  size,
  seconds,
  milliseconds,
  days,
  list,
  ports
};

/// What a text, or an item of a list, must look like.
enum class text_form : uint8_t {
  text,
  address,
  network,
  network_and_port,
  origin,
  proxy,
  host,
  mail_server,
  mail_address
};

struct setting_row {
  std::string_view group;
  std::string_view name;
  setting_type type{};
  std::string_view meaning;
  size_t min = 0;
  size_t max = 0;
  std::string_view choices = {};  ///< "a, b, c" in the order of the enumerators
  text_form form = text_form::text;
  // One of these is set, as the type says; numbers and choices go through the two functions.
  std::string settings::*text = nullptr;
  secret_text settings::*secret = nullptr;
  std::vector<std::string> settings::*list = nullptr;
  std::vector<uint16_t> settings::*ports = nullptr;
  size_t (*read_number)(const settings&) = nullptr;
  void (*write_number)(settings&, size_t) = nullptr;
};

const std::vector<setting_row>& setting_rows();
const setting_row* find_setting(std::string_view name);
/// The known name most like `name`; empty if none is near.
std::string_view nearest_setting(std::string_view name);
/// "PARLEY_" + NAME.
std::string variable_of(std::string_view name);

/// A value as its source gave it. Flags and variables are plain text; the file has types.
struct raw_setting {
  enum class kind : uint8_t { plain, text, integer, list, other };
  kind is = kind::plain;
  std::string text;
  int64_t integer = 0;
  std::vector<std::string> items;
};

/// Writes the value into `to`; false if it is not `expectation_of(row)`.
bool apply_setting(const setting_row& row, const raw_setting& raw, settings& to);
/// "must be a whole number of seconds from 1 to 120".
std::string expectation_of(const setting_row& row);
/// As the TOML file would write it; a secret is masked.
std::string value_text(const setting_row& row, const settings& from);

/// One key of the TOML file and where it stands.
struct file_setting {
  std::string name;
  std::string place;  ///< "parley.toml:3:1"
  raw_setting value;
};
/// errc::invalid_input with "path:line:column: what" if it is not TOML.
expected<std::vector<file_setting>> read_settings_file(const std::string& path);

}  // namespace parley
