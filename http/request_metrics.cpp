#include "http/request_metrics.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "base/metrics.hpp"

namespace parley::http {

namespace {

constexpr size_t status_classes = 5;  // 1xx to 5xx
constexpr std::string_view requests_name = "parley_http_requests_total";

struct route_series {
  std::array<metric_counter*, status_classes> by_status{};
  metric_histogram* seconds = nullptr;
};

std::string label_of(const route_row* where) {
  if (where == nullptr) return "none";
  return std::string{to_string(where->verb)} + " " + std::string{where->pattern};
}

}  // namespace

void note_request(const route_row* where, route_index route, int status,
                  std::chrono::nanoseconds took) {
  // The registry is asked once for each; its metrics live as long as the process.
  thread_local std::vector<route_series> known;
  auto place = where == nullptr ? size_t{0} : size_t{route} + 1;
  if (place >= known.size()) known.resize(place + 1);
  auto& series = known[place];
  if (series.seconds == nullptr)
    series.seconds = &metrics().histogram("parley_http_request_seconds",
                                          "Time from a request to the end of its answer, by route.",
                                          metric_histogram::seconds, {{"route", label_of(where)}});
  auto kind = static_cast<size_t>(std::clamp(status / 100, 1, 5)) - 1;
  if (series.by_status[kind] == nullptr)
    series.by_status[kind] = &metrics().counter(
        requests_name, "Requests answered, by route and status.",
        {{"route", label_of(where)}, {"status", std::to_string(kind + 1) + "xx"}});
  series.by_status[kind]->add();
  series.seconds->observe(took);
}

request_totals count_requests() {
  return {metrics().total(requests_name), metrics().total(requests_name, R"(status="5xx")")};
}

}  // namespace parley::http
