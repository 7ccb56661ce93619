/// Checked JSON reading over simdjson's DOM, and a small writer.
///
/// A `json_reader` belongs to one owner on one thread and keeps its buffers; the values of a parse
/// live until the next one. Reading checks everything: UTF-8, depth, numbers; `strict` also refuses
/// duplicate keys, U+0000 and over-wide objects, as the API demands (reliability row 20).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace parley {

enum class json_type : uint8_t { null, boolean, integer, number, string, array, object };

/// A value inside a parsed document; cheap to copy, valid as long as the document.
class json_value {
 public:
  json_value() = default;
  json_type type() const;
  bool is_null() const { return type() == json_type::null; }
  /// Empty when the value is of another type. Integers are also numbers.
  std::optional<bool> as_bool() const;
  std::optional<int64_t> as_integer() const;
  std::optional<double> as_number() const;
  std::optional<std::string_view> as_string() const;

  /// Of an object; empty when the key is absent or this is no object.
  std::optional<json_value> find(std::string_view key) const;
  /// Short for find(key)->as_…(): empty when anything is not as asked.
  std::optional<std::string_view> string_at(std::string_view key) const;
  std::optional<int64_t> integer_at(std::string_view key) const;

  /// Items of an array, members of an object; empty for other types.
  std::vector<json_value> items() const;
  std::vector<std::pair<std::string_view, json_value>> members() const;
  /// First item of an array, without building a list.
  std::optional<json_value> first() const;

  /// Minified JSON text.
  std::string text() const;

 private:
  friend class json_reader;
  friend struct json_access;
  std::array<uint64_t, 2> element_{};  // a simdjson::dom::element, checked by size in json.cpp
};

struct json_limits {
  size_t bytes_max = 1 << 20;
  size_t depth_max = 64;
  size_t keys_max = 1000;  ///< per object, strict only
  bool strict = true;
};

class json_reader {
 public:
  explicit json_reader(json_limits limits = {});
  ~json_reader();
  json_reader(json_reader&&) noexcept;
  json_reader& operator=(json_reader&&) noexcept;

  /// errc::too_large above bytes_max, errc::malformed for everything that is not clean JSON.
  expected<json_value> parse(std::string_view text);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// Appends JSON to a string it does not own. Commas are its business, nesting the caller's.
class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}

  json_writer& begin_object() { return open('{'); }
  json_writer& end_object() { return close('}'); }
  json_writer& begin_array() { return open('['); }
  json_writer& end_array() { return close(']'); }
  json_writer& key(std::string_view name);

  json_writer& value(std::string_view text);
  json_writer& value(const char* text) { return value(std::string_view{text}); }
  json_writer& value(const std::string& text) { return value(std::string_view{text}); }
  template <class T>
  std::enable_if_t<std::is_same_v<T, bool>, json_writer&> value(T flag) {
    return raw(flag ? "true" : "false");
  }
  template <class T>
  std::enable_if_t<std::is_integral_v<T> && !std::is_same_v<T, bool>, json_writer&> value(
      T number) {
    return raw(std::to_string(number));
  }
  json_writer& value(double number);  ///< shortest form that reads back equal; null if not finite
  json_writer& null() { return raw("null"); }
  /// `json` must be valid JSON.
  json_writer& raw(std::string_view json);

  template <class T>
  json_writer& member(std::string_view name, const T& content) {
    key(name);
    return value(content);
  }

 private:
  json_writer& open(char bracket);
  json_writer& close(char bracket);
  void separate();

  std::string& out_;
  bool needs_comma_ = false;
};

/// Appends `text`, which must be valid UTF-8, as a JSON string with quotes.
void append_json_string(std::string& out, std::string_view text);

/// JSON kept as it came: an object the server stores but does not interpret.
struct json_text {
  std::string text = "{}";
  friend bool operator==(const json_text&, const json_text&) = default;
};
PARLEY_INSPECT(json_text, text)

}  // namespace parley
