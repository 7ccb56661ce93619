#include "base/setting_rows.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/text.hpp"

namespace parley {

namespace {

template <class T>
size_t to_count(const T& value) {
  if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
    return static_cast<size_t>(value);
  else
    return static_cast<size_t>(value.count());
}

std::vector<setting_row> make_rows() {
  std::vector<setting_row> rows;
  std::string_view group;
#define GROUP(title) group = title;
#define TEXT(name, value, form, meaning) \
  rows.push_back(                        \
      {group, #name, setting_type::text, meaning, 0, 0, {}, text_form::form, &settings::name});
#define SECRET(name, meaning)           \
  rows.push_back({group,                \
                  #name,                \
                  setting_type::secret, \
                  meaning,              \
                  0,                    \
                  0,                    \
                  {},                   \
                  text_form::text,      \
                  nullptr,              \
                  &settings::name});
#define LIST(name, form, meaning)     \
  rows.push_back({group,              \
                  #name,              \
                  setting_type::list, \
                  meaning,            \
                  0,                  \
                  0,                  \
                  {},                 \
                  text_form::form,    \
                  nullptr,            \
                  nullptr,            \
                  &settings::name});
#define PORTS(name, meaning)           \
  rows.push_back({group,               \
                  #name,               \
                  setting_type::ports, \
                  meaning,             \
                  1,                   \
                  65535,               \
                  {},                  \
                  text_form::text,     \
                  nullptr,             \
                  nullptr,             \
                  nullptr,             \
                  &settings::name});
#define COUNTED(type, name, min, max, choices, meaning)                                        \
  rows.push_back(                                                                              \
      {group, #name, setting_type::type, meaning, min, max, choices, text_form::text, nullptr, \
       nullptr, nullptr, nullptr, [](const settings& from) { return to_count(from.name); },    \
       [](settings& to, size_t count) { to.name = static_cast<decltype(to.name)>(count); }});
#define CHOICE(type, name, value, texts, meaning) COUNTED(choice, name, 0, 0, texts, meaning)
#define NUMBER(name, value, min, max, meaning) COUNTED(number, name, min, max, "", meaning)
#define SIZE(name, value, min, max, meaning) COUNTED(size, name, min, max, "", meaning)
#define SECONDS(name, value, min, max, meaning) COUNTED(seconds, name, min, max, "", meaning)
#define MILLISECONDS(name, value, min, max, meaning) \
  COUNTED(milliseconds, name, min, max, "", meaning)
#define DAYS(name, value, min, max, meaning) COUNTED(days, name, min, max, "", meaning)
#include "base/settings_table.inc"
  return rows;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    auto part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

std::optional<size_t> parse_count(std::string_view text) {
  size_t count = 0;
  auto result = std::from_chars(text.data(), text.data() + text.size(), count);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) return std::nullopt;
  return count;
}

constexpr std::pair<std::string_view, int> size_units[] = {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

std::optional<size_t> parse_size(std::string_view text) {
  for (auto [unit, shift] : size_units) {
    if (text.size() < unit.size() || text.substr(text.size() - unit.size()) != unit) continue;
    text.remove_suffix(unit.size());
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    auto count = parse_count(text);
    if (!count || *count > (SIZE_MAX >> shift)) return std::nullopt;
    return *count << shift;
  }
  return parse_count(text);
}

std::string size_text(size_t bytes) {
  for (auto [unit, shift] : size_units) {
    if (bytes != 0 && bytes % (size_t{1} << shift) == 0)
      return std::to_string(bytes >> shift) + ' ' + std::string{unit};
  }
  return std::to_string(bytes);
}

bool is_network(std::string_view text) {
  auto slash = text.find('/');
  std::string address{text.substr(0, slash)};
  std::array<uint8_t, 16> bytes;
  auto bits_max = ::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1    ? 32U
                  : ::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1 ? 128U
                                                                              : 0U;
  if (bits_max == 0 || slash == std::string_view::npos) return bits_max != 0;
  auto bits = parse_count(text.substr(slash + 1));
  return bits && *bits <= bits_max;
}

bool is_port(std::string_view text) {
  auto port = parse_count(text);
  return port && *port >= 1 && *port <= 65535;
}

bool is_network_and_port(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return false;
  auto network = text.substr(0, colon);
  auto is_bracketed = network.size() > 2 && network.front() == '[' && network.back() == ']';
  // Without brackets the last group of an IPv6 address would pass for a port.
  if (is_bracketed) return is_network(network.substr(1, network.size() - 2));
  return network.find(':') == std::string_view::npos && is_network(network);
}

bool is_origin(std::string_view text) {
  for (std::string_view scheme : {"https://", "http://"}) {
    if (text.substr(0, scheme.size()) != scheme) continue;
    auto host = text.substr(scheme.size());
    return !host.empty() && host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-:[]") ==
                                std::string_view::npos;
  }
  return false;
}

bool is_host(std::string_view text) {
  return !text.empty() && text.size() <= 253 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == text.npos;
}

bool is_server(std::string_view text, std::initializer_list<std::string_view> schemes) {
  for (auto scheme : schemes) {
    if (text.substr(0, scheme.size()) != scheme) continue;
    auto address = text.substr(scheme.size());
    auto colon = address.rfind(':');
    return colon != address.npos && is_host(address.substr(0, colon)) &&
           is_port(address.substr(colon + 1));
  }
  return false;
}

// The dot-atoms of RFC 5322 and nothing that a header or a command of SMTP could take for its own.
bool is_mail_address(std::string_view text) {
  auto at = text.find('@');
  return at != text.npos && at > 0 && text.size() <= 254 && is_host(text.substr(at + 1)) &&
         text.substr(0, at).find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
             "0123456789.!#$%&'*+/=?^_`{|}~-") == text.npos;
}

bool has_form(text_form form, std::string_view text) {
  switch (form) {
    case text_form::text:
      return is_utf8(text) && text.find('\0') == std::string_view::npos;
    case text_form::address:
      return listen_address::parse(text).has_value();
    case text_form::network:
      return is_network(text);
    case text_form::network_and_port:
      return is_network_and_port(text);
    case text_form::origin:
      return is_origin(text);
    case text_form::proxy:
      return is_server(text, {"http://", "https://", "socks5h://"});
    case text_form::host:
      return is_host(text);
    case text_form::mail_server:
      return is_server(text, {"smtp://", "smtps://"});
    case text_form::mail_address:
      return is_mail_address(text);
  }
  return false;
}

std::string_view form_text(text_form form) {
  switch (form) {
    case text_form::text:
      return "a text";
    case text_form::address:
      return "an address and port, as in 127.0.0.1:8080 or [::1]:8080";
    case text_form::network:
      return "networks, as in 10.0.0.0/8 or fd00::/8";
    case text_form::network_and_port:
      return "networks with a port, as in 10.0.0.0/8:8080 or [fd00::/8]:8080";
    case text_form::origin:
      return "web origins, as in https://chat.example.org";
    case text_form::proxy:
      return "a proxy with its port, as in http://proxy.example.org:3128 (http, https, socks5h)";
    case text_form::host:
      return "hosts, as in llm.example.org";
    case text_form::mail_server:
      return "a mail server with its port, as in smtp://mail.example.org:587 (smtp, smtps)";
    case text_form::mail_address:
      return "mail addresses, as in ada@example.org";
  }
  return "";
}

bool is_textual(const raw_setting& raw) {
  return raw.is == raw_setting::kind::plain || raw.is == raw_setting::kind::text;
}

bool apply_number(const setting_row& row, const raw_setting& raw, settings& to) {
  std::optional<size_t> count;
  if (raw.is == raw_setting::kind::integer) {
    if (raw.integer >= 0) count = static_cast<size_t>(raw.integer);
  } else if (is_textual(raw) && row.type == setting_type::size) {
    count = parse_size(raw.text);
  } else if (raw.is == raw_setting::kind::plain) {
    count = parse_count(raw.text);
  }
  if (!count || *count < row.min || *count > row.max) return false;
  row.write_number(to, *count);
  return true;
}

bool apply_choice(const setting_row& row, const raw_setting& raw, settings& to) {
  auto choices = split(row.choices);
  auto found = std::find(choices.begin(), choices.end(), raw.text);
  if (!is_textual(raw) || found == choices.end()) return false;
  row.write_number(to, static_cast<size_t>(found - choices.begin()));
  return true;
}

bool apply_list(const setting_row& row, const raw_setting& raw, settings& to) {
  if (raw.is != raw_setting::kind::plain && raw.is != raw_setting::kind::list) return false;
  auto items = raw.items;
  if (raw.is == raw_setting::kind::plain) {
    for (auto part : split(raw.text)) items.emplace_back(part);
  }
  if (row.type == setting_type::ports) {
    if (!std::all_of(items.begin(), items.end(), is_port)) return false;
    auto& ports = to.*row.ports;
    ports.clear();
    for (auto& item : items) ports.push_back(static_cast<uint16_t>(*parse_count(item)));
    return true;
  }
  if (!std::all_of(items.begin(), items.end(),
                   [&](auto& item) { return has_form(row.form, item); }))
    return false;
  to.*row.list = std::move(items);
  return true;
}

std::string quoted_text(std::string_view text) {
  std::string result = "\"";
  for (auto c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<uint8_t>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return result + '"';
}

// How many letters to insert, drop or replace (Levenshtein), over one row of the table.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

const std::vector<setting_row>& setting_rows() {
  static const auto rows = make_rows();
  return rows;
}

const setting_row* find_setting(std::string_view name) {
  auto& rows = setting_rows();
  auto found = std::find_if(rows.begin(), rows.end(), [&](auto& row) { return row.name == name; });
  return found == rows.end() ? nullptr : &*found;
}

std::string_view nearest_setting(std::string_view name) {
  std::string_view nearest;
  auto least = std::max<size_t>(2, name.size() / 3) + 1;
  if (name.size() > 64) return nearest;
  for (auto& row : setting_rows()) {
    auto steps = distance(name, row.name);
    if (steps < least) {
      least = steps;
      nearest = row.name;
    }
  }
  return nearest;
}

std::string variable_of(std::string_view name) {
  std::string variable = "PARLEY_";
  for (auto c : name) variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return variable;
}

bool apply_setting(const setting_row& row, const raw_setting& raw, settings& to) {
  switch (row.type) {
    case setting_type::text: {
      if (!is_textual(raw)) return false;
      // What is none by default may be said to be none.
      auto is_none = raw.text.empty() && (settings{}.*row.text).empty();
      if (!is_none && !has_form(row.form, raw.text)) return false;
      to.*row.text = raw.text;
      return true;
    }
    case setting_type::secret:
      if (!is_textual(raw)) return false;
      to.*row.secret = secret_text{raw.text};
      return true;
    case setting_type::choice:
      return apply_choice(row, raw, to);
    case setting_type::list:
    case setting_type::ports:
      return apply_list(row, raw, to);
    default:
      return apply_number(row, raw, to);
  }
}

std::string expectation_of(const setting_row& row) {
  auto from_to = " from " + std::to_string(row.min) + " to " + std::to_string(row.max);
  switch (row.type) {
    case setting_type::text:
      return "must be " + std::string{form_text(row.form)};
    case setting_type::secret:
      return "must be a text";
    case setting_type::choice:
      return "must be one of " + std::string{row.choices};
    case setting_type::number:
      return "must be a whole number" + from_to;
    case setting_type::seconds:
      return "must be a whole number of seconds" + from_to;
    case setting_type::milliseconds:
      return "must be a whole number of milliseconds" + from_to;
    case setting_type::days:
      return "must be a whole number of days" + from_to;
    case setting_type::size:
      return "must be a size from " + size_text(row.min) + " to " + size_text(row.max) +
             " (KiB, MiB, GiB or bytes)";
    case setting_type::list:
      return "must be a list of " + std::string{form_text(row.form)};
    case setting_type::ports:
      return "must be a list of ports from 1 to 65535";
  }
  return "";
}

std::string value_text(const setting_row& row, const settings& from) {
  auto join = [](auto& items, auto&& text_of) {
    std::string text = "[";
    for (auto& item : items) text += (text.size() > 1 ? ", " : "") + text_of(item);
    return text + "]";
  };
  switch (row.type) {
    case setting_type::text:
      return quoted_text(from.*row.text);
    case setting_type::secret:
      return (from.*row.secret).empty() ? "\"\"" : "\"***\"";
    case setting_type::choice:
      return quoted_text(split(row.choices)[row.read_number(from)]);
    case setting_type::size: {
      auto text = size_text(row.read_number(from));
      return text.find(' ') == std::string::npos ? text : quoted_text(text);
    }
    case setting_type::list:
      return join(from.*row.list, [](auto& item) { return quoted_text(item); });
    case setting_type::ports:
      return join(from.*row.ports, [](auto& item) { return std::to_string(item); });
    default:
      return std::to_string(row.read_number(from));
  }
}

}  // namespace parley
