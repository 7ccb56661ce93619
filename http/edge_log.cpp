// EDGE and its line in the log: one for each request, at its end.
#include "base/log.hpp"
#include "http/edge.hpp"
#include "http/request_metrics.hpp"

namespace parley::http {

namespace {

using steady = std::chrono::steady_clock;

/// Where the time of a request went. Of a call of /v1 nothing is stored.
void add_steps(std::vector<log_field>& fields, const exchange& x, steady::time_point end) {
  constexpr steady::time_point never{};
  const auto& steps = x.steps;
  if (steps.served == never) return;
  auto reached = x.started;
  auto add = [&](std::string_view name, steady::time_point at) {
    at = std::max(at, reached);
    fields.emplace_back(name, at - reached);
    reached = at;
  };
  auto is_call = x.call != nullptr;
  add("queue", is_call && steps.opened != never ? steps.opened : steps.served);
  if (steps.opened == never) return;
  if (!is_call) add("storage", steps.opened);
  if (steps.first == never) return;
  add("first_byte", steps.first);
  add("stream", end);
}

}  // namespace

void edge::log_exchange(const exchange& x, int status) const {
  auto took = std::chrono::nanoseconds{steady::now() - x.started};
  const auto* row =
      x.request.route == no_route ? nullptr : &parts_.routes->table().row(x.request.route);
  note_request(row, x.request.route, status, took);
  write_line(x, status, took);
}

// A client that waited no longer; nginx calls it 499. A feed ends in no other way.
void edge::log_left(exchange& x) const {
  constexpr int left = 499;
  if (!x.feed) x.reason = "client_gone";
  write_line(x, x.feed ? 200 : left, steady::now() - x.started);
}

void edge::write_line(const exchange& x, int status, std::chrono::nanoseconds took) const {
  if (!is_logged(log_level::normal)) return;
  auto pattern = x.request.route == no_route ? std::string_view{"-"}
                                             : parts_.routes->table().row(x.request.route).pattern;
  std::vector<log_field> fields;
  fields.reserve(12);
  fields.emplace_back("request", x.request_id);
  fields.emplace_back("method", to_string(x.request.head.verb));
  fields.emplace_back("route", pattern);
  fields.emplace_back("status", status);
  if (x.who.user.is_none())
    fields.emplace_back("address", x.address);
  else
    fields.emplace_back("user", x.who.user);
  // A feed is open as long as its client likes: that says nothing of the server.
  fields.emplace_back(x.feed ? "open" : "took", took);
  if (!x.feed) add_steps(fields, x, x.started + took);
  if (!x.reason.empty()) fields.emplace_back("reason", x.reason);
  if (x.stream) fields.emplace_back("message", x.stream->message);
  log_with("http.request", fields);
}

}  // namespace parley::http
