// The log, asked by an ADMIN.
#include "actors/logs.hpp"
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

using namespace std::chrono_literals;

/// A summary reads twice as much: the span before, too.
constexpr auto summed_span_max = std::chrono::milliseconds{24h * 366};

std::optional<log_level> query_level(const parsed_request& request, fault_list& faults) {
  auto text = request.query("level");
  if (!text) return std::nullopt;
  auto level = parse_log_level(*text);
  if (level && *level != log_level::off) return level;
  constexpr auto choices = R"(["debug","info","warning","error"])";
  faults.add("/level", "one_of", std::string{"Must be one of "} + choices + ".", choices);
  return std::nullopt;
}

// Each line is an object as it stands.
answer lines_answer(const log_page& page) {
  std::string body;
  json_writer json{body};
  json.begin_object().key("items").begin_array();
  for (const auto& line : page.lines) json.raw(line);
  json.end_array().key("nextCursor");
  write_json(json, page.next_cursor);
  json.end_object();
  return json_answer(200, std::move(body));
}

}  // namespace

expected<void> get_logs(edge& at, exchange& x, const parsed_request& request) {
  fault_list faults;
  log_filter filter;
  filter.since = query_instant(request, "since", faults);
  filter.until = query_instant(request, "until", faults);
  filter.level = query_level(request, faults).value_or(log_level::debug);
  filter.user = query_id<user_id>(request, "userId", faults);
  filter.request = request.query("requestId").value_or("");
  filter.route = request.query("route").value_or("");
  filter.event = request.query("event").value_or("");
  TRY(auto page, read_page(request, std::span<const std::string_view>{}, true, std::move(faults)));
  at.ask_logs<log_page>(x, read_logs{std::move(filter), page}, lines_answer);
  return {};
}

expected<void> get_log_summary(edge& at, exchange& x, const parsed_request& request) {
  fault_list faults;
  log_query query;
  if (auto by = query_name<log_group>(request, "by", faults)) query.by = *by;
  query.until = query_instant(request, "until", faults).value_or(at.clock().now());
  query.since = query_instant(request, "since", faults).value_or(query.until - 24h);
  if (query.since >= query.until)
    faults.add("/since", "min", "Must be before until.");
  else if (query.until - query.since > summed_span_max)
    faults.add("/since", "min", "A span has at most 366 days.");
  if (!faults.is_empty()) return std::move(faults).to_error();
  at.ask_logs<log_summary>(x, sum_logs{query},
                           [](const log_summary& found) { return record_answer(200, found); });
  return {};
}

}  // namespace parley::http::routes
