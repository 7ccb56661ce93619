#include "http/exchange.hpp"

#include <charconv>

namespace parley::http {

namespace {

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

void add_sort_fault(std::span<const std::string_view> sort_fields, fault_list& faults) {
  std::string choices;
  json_writer json{choices};
  json.begin_array();
  for (auto field : sort_fields) json.value(field);
  json.end_array();
  faults.add("/sort", "one_of", "Can only be sorted by one of " + choices + ".", choices);
}

}  // namespace

expected<page_request> read_page(const parsed_request& request,
                                 std::span<const std::string_view> sort_fields, bool is_descending,
                                 fault_list faults) {
  constexpr int64_t limit_max = 100;
  page_request page;
  page.is_descending = is_descending;
  for (const auto& [name, value] : request.query_parameters()) {
    if (name == "limit") {
      auto limit = parse_integer(value);
      if (!limit || *limit < 1 || *limit > limit_max)
        faults.add("/limit", "max", "Must be a number from 1 to 100.", "100");
      else
        page.limit = static_cast<int32_t>(*limit);
    } else if (name == "cursor") {
      page.cursor = value;
    } else if (name == "count") {
      page.needs_total = value == "true";
    } else if (name == "sort") {
      auto field = std::string_view{value};
      page.is_descending = field.starts_with('-');
      if (page.is_descending) field.remove_prefix(1);
      if (std::find(sort_fields.begin(), sort_fields.end(), field) == sort_fields.end())
        add_sort_fault(sort_fields, faults);
    }
  }
  if (!faults.is_empty()) return std::move(faults).to_error();
  return page;
}

expected<std::optional<int64_t>> read_position(const parsed_request& request) {
  auto last = request.header("Last-Event-ID");
  if (!last) last = request.query("after");
  if (!last) return std::optional<int64_t>{};
  auto after = parse_integer(*last);
  if (!after || *after < 0)
    return make_error(errc::malformed, "position", "This is no position of a stream.");
  return after;
}

expected<int64_t> read_if_match(const parsed_request& request) {
  auto header = request.header("If-Match");
  if (!header || *header == "*") return int64_t{0};
  std::string_view tag = *header;
  if (tag.starts_with("\"v") && tag.ends_with('"') && tag.size() > 3)
    if (auto version = parse_integer(tag.substr(2, tag.size() - 3)); version && *version > 0)
      return *version;
  return make_error(errc::conflict, "version_mismatch", "If-Match names no version of this.");
}

size_t json_bytes_of(const std::vector<message>& messages) {
  constexpr size_t other_members_bytes = 1024;
  size_t bytes = 0;
  for (const auto& each : messages) bytes += other_members_bytes + 2 * content_bytes_of(each);
  return bytes + bytes / 16;  // what is escaped
}

answer json_answer(int status, std::string body) {
  return {status, {}, "application/json", std::move(body)};
}

answer empty_answer() {
  return {204, {}, {}, {}};
}

}  // namespace parley::http
