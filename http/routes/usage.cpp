// Usage and quotas, one's own and everybody's.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

usage_query query_of(const parsed_request& request) {
  auto named = [&](const char* name) { return request.query(name).value_or(""); };
  return {named("from"), named("to"), named("groupBy"), named("tz")};
}

bool wants_csv(const parsed_request& request) {
  if (auto format = request.query("format")) return *format == "csv";
  return request.header("Accept").value_or("").find("text/csv") != std::string::npos;
}

expected<void> check_format(const parsed_request& request) {
  auto format = request.query("format");
  if (!format || *format == "json" || *format == "csv") return {};
  fault_list faults;
  constexpr auto choices = R"(["json","csv"])";
  faults.add("/format", "one_of", std::string{"Must be one of "} + choices + ".", choices);
  return std::move(faults).to_error();
}

answer report_answer(const usage_report& report, bool is_csv) {
  const auto& range = report.range;
  if (is_csv) {
    answer result{200, {}, "text/csv; charset=utf-8", usage_csv(range.group, report.items)};
    result.headers.emplace_back("Content-Disposition", "attachment; filename=\"usage.csv\"");
    return result;
  }
  std::string body;
  json_writer json{body};
  json.begin_object().member("from", to_string(range.from)).member("to", to_string(range.to));
  json.member("groupBy", name_of(range.group)).member("timeZone", range.zone).key("items");
  write_json(json, report.items);
  json.end_object();
  return json_answer(200, std::move(body));
}

}  // namespace

expected<void> get_usage(edge& at, exchange& x, const parsed_request& request) {
  TRY_DONE(check_format(request));
  at.ask_user<usage_report>(x, list_usage{x.who, query_of(request)},
                            [csv = wants_csv(request)](const usage_report& report) {
                              return report_answer(report, csv);
                            });
  return {};
}

expected<void> get_all_usage(edge& at, exchange& x, const parsed_request& request) {
  TRY_DONE(check_format(request));
  at.ask_admin<usage_report>(x, list_all_usage{query_of(request)},
                             [csv = wants_csv(request)](const usage_report& report) {
                               return report_answer(report, csv);
                             });
  return {};
}

expected<void> get_limits(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<limit_list>(x, list_limits{x.who},
                          [](const limit_list& found) { return list_answer(found.items); });
  return {};
}

expected<void> get_quotas(edge& at, exchange& x, const parsed_request&) {
  at.ask_admin<quota_settings>(x, parley::get_quotas{}, [](const quota_settings& known) {
    return record_answer(200, known);
  });
  return {};
}

expected<void> put_quotas(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto version, read_if_match(request));
  TRY(auto body, read_body<quota_settings>(request, use::in_create));
  at.ask_admin<quota_settings>(
      x, change_quotas{std::move(body.value), version, x.who},
      [](const quota_settings& changed) { return record_answer(200, changed); });
  return {};
}

}  // namespace parley::http::routes
