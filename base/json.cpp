#include "base/json.hpp"

#include <simdjson.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

namespace parley {

namespace dom = simdjson::dom;

static_assert(sizeof(dom::element) == sizeof(std::array<uint64_t, 2>));
static_assert(std::is_trivially_copyable_v<dom::element>);

struct json_access {
  static dom::element of(const json_value& value) {
    return std::bit_cast<dom::element>(value.element_);
  }
  static json_value wrap(dom::element element) {
    json_value value;
    value.element_ = std::bit_cast<std::array<uint64_t, 2>>(element);
    return value;
  }
};

namespace {

dom::element of(const json_value& value) {
  return json_access::of(value);
}
json_value wrap(dom::element element) {
  return json_access::wrap(element);
}

// What simdjson does not refuse by itself. The depth is already bounded by the parser.
const char* strict_fault(dom::element element, size_t keys_max) {
  switch (element.type()) {
    case dom::element_type::STRING:
      return element.get_string().value_unsafe().find('\0') == std::string_view::npos
                 ? nullptr
                 : "a string holds U+0000";
    case dom::element_type::ARRAY: {
      // Named: value_unsafe() refers into a temporary that a range-for would not keep.
      dom::array items = element.get_array().value_unsafe();
      for (auto item : items)
        if (auto fault = strict_fault(item, keys_max)) return fault;
      return nullptr;
    }
    case dom::element_type::OBJECT: {
      std::vector<std::string_view> keys;
      dom::object members = element.get_object().value_unsafe();
      for (auto [key, item] : members) {
        if (key.find('\0') != std::string_view::npos) return "a key holds U+0000";
        if (keys.size() == keys_max) return "an object has too many keys";
        keys.push_back(key);
        if (auto fault = strict_fault(item, keys_max)) return fault;
      }
      std::sort(keys.begin(), keys.end());
      return std::adjacent_find(keys.begin(), keys.end()) == keys.end() ? nullptr
                                                                        : "a key stands twice";
    }
    default:
      return nullptr;
  }
}

// Where the next character stands that JSON wants escaped, or the text's size (RFC 8259, 7).
size_t next_escaped(std::string_view text, size_t from) {
  constexpr auto each = ~uint64_t{0} / 255;  // 0x0101…
  constexpr auto tops = each * 0x80;
  // The top bit of each byte that is zero; those behind the first may be wrong.
  auto zero = [](uint64_t word) { return (word - each) & ~word & tops; };
  for (; from + sizeof(uint64_t) <= text.size(); from += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + from, sizeof word);
    auto controls = (word - each * 0x20) & ~word & tops;
    if ((controls | zero(word ^ each * '"') | zero(word ^ each * '\\')) != 0) break;
  }
  for (; from < text.size(); ++from) {
    auto byte = static_cast<unsigned char>(text[from]);
    if (byte < 0x20 || byte == '"' || byte == '\\') break;
  }
  return from;
}

}  // namespace

json_type json_value::type() const {
  switch (of(*this).type()) {
    case dom::element_type::NULL_VALUE:
      return json_type::null;
    case dom::element_type::BOOL:
      return json_type::boolean;
    case dom::element_type::INT64:
      return json_type::integer;
    case dom::element_type::UINT64:
    case dom::element_type::DOUBLE:
      return json_type::number;
    case dom::element_type::STRING:
      return json_type::string;
    case dom::element_type::ARRAY:
      return json_type::array;
    case dom::element_type::OBJECT:
      return json_type::object;
  }
  return json_type::null;
}

std::optional<bool> json_value::as_bool() const {
  bool result;
  if (of(*this).get_bool().get(result)) return std::nullopt;
  return result;
}

std::optional<int64_t> json_value::as_integer() const {
  int64_t result;
  if (of(*this).get_int64().get(result)) return std::nullopt;
  return result;
}

std::optional<double> json_value::as_number() const {
  double result;
  if (of(*this).get_double().get(result)) return std::nullopt;
  return result;
}

std::optional<std::string_view> json_value::as_string() const {
  std::string_view result;
  if (of(*this).get_string().get(result)) return std::nullopt;
  return result;
}

std::optional<json_value> json_value::find(std::string_view key) const {
  dom::object object;
  dom::element found;
  if (of(*this).get_object().get(object) || object.at_key(key).get(found)) return std::nullopt;
  return wrap(found);
}

std::optional<std::string_view> json_value::string_at(std::string_view key) const {
  auto found = find(key);
  return found ? found->as_string() : std::nullopt;
}

std::optional<int64_t> json_value::integer_at(std::string_view key) const {
  auto found = find(key);
  return found ? found->as_integer() : std::nullopt;
}

std::vector<json_value> json_value::items() const {
  std::vector<json_value> result;
  dom::array array;
  if (of(*this).get_array().get(array)) return result;
  for (auto item : array) result.push_back(wrap(item));
  return result;
}

std::vector<std::pair<std::string_view, json_value>> json_value::members() const {
  std::vector<std::pair<std::string_view, json_value>> result;
  dom::object object;
  if (of(*this).get_object().get(object)) return result;
  for (auto field : object) result.emplace_back(field.key, wrap(field.value));
  return result;
}

std::optional<json_value> json_value::first() const {
  dom::array array;
  if (of(*this).get_array().get(array) || array.begin() == array.end()) return std::nullopt;
  return wrap(*array.begin());
}

std::string json_value::text() const {
  return simdjson::minify(of(*this));
}

struct json_reader::state {
  json_limits limits;
  dom::parser parser;
  std::string padded;
  // simdjson refuses everything below a capacity of its own; our limit is checked before.
  explicit state(json_limits l) : limits(l), parser(std::max<size_t>(l.bytes_max, 4096)) {}
};

json_reader::json_reader(json_limits limits) : state_(std::make_unique<state>(limits)) {}
json_reader::~json_reader() = default;
json_reader::json_reader(json_reader&&) noexcept = default;
json_reader& json_reader::operator=(json_reader&&) noexcept = default;

expected<json_value> json_reader::parse(std::string_view text) {
  auto& s = *state_;
  if (text.size() > s.limits.bytes_max) return make_error(errc::too_large);
  // The parser keeps what it allocated; it grows with the largest text so far, up to bytes_max.
  if (s.parser.capacity() < text.size() || s.parser.max_depth() != s.limits.depth_max) {
    if (s.parser.allocate(std::max<size_t>(text.size(), 1024), s.limits.depth_max))
      return make_error(errc::unavailable);
  }
  s.padded.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  s.padded.assign(text);
  dom::element root;
  auto fault = s.parser.parse(s.padded.data(), s.padded.size(), false).get(root);
  if (fault == simdjson::MEMALLOC) return make_error(errc::unavailable);
  if (fault)
    return make_error(errc::malformed, "malformed_json",
                      std::string{"This is not valid JSON: "} + simdjson::error_message(fault));
  if (s.limits.strict) {
    if (auto fault = strict_fault(root, s.limits.keys_max))
      return make_error(errc::malformed, "malformed_json",
                        std::string{"This JSON is not accepted: "} + fault + ".");
  }
  return wrap(root);
}

void json_writer::separate() {
  if (needs_comma_) out_ += ',';
  needs_comma_ = true;
}

json_writer& json_writer::open(char bracket) {
  separate();
  out_ += bracket;
  needs_comma_ = false;
  return *this;
}

json_writer& json_writer::close(char bracket) {
  out_ += bracket;
  needs_comma_ = true;
  return *this;
}

json_writer& json_writer::key(std::string_view name) {
  separate();
  append_json_string(out_, name);
  out_ += ':';
  needs_comma_ = false;
  return *this;
}

json_writer& json_writer::value(std::string_view text) {
  separate();
  append_json_string(out_, text);
  return *this;
}

json_writer& json_writer::value(double number) {
  if (!std::isfinite(number)) return null();
  char digits[32];
  auto [end, fault] = std::to_chars(digits, digits + sizeof digits, number);
  return raw({digits, static_cast<size_t>(end - digits)});
}

json_writer& json_writer::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  size_t copied = 0;
  for (size_t i = next_escaped(text, 0); i < text.size(); i = next_escaped(text, i + 1)) {
    auto byte = static_cast<unsigned char>(text[i]);
    out.append(text, copied, i - copied);
    copied = i + 1;
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += hex[byte >> 4];
        out += hex[byte & 15];
    }
  }
  out.append(text, copied, text.size() - copied);
  out += '"';
}

}  // namespace parley
