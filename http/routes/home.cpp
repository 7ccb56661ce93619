// The first page, health, version and metrics.
#include "base/metrics.hpp"
#include "http/edge.hpp"
#include "http/loopback.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

constexpr std::string_view first_page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Parley</title>
<h1>Parley is running.</h1>
<p>This server speaks an HTTP API; there is no web page for chatting yet.</p>
<h2>Make the first account</h2>
<p>The first account becomes ADMIN. Choose a password of at least eight characters.</p>
<pre>curl -s http://HOST/api/auth/register -H 'Content-Type: application/json' \
  -d '{"username":"me","password":"a long password"}'</pre>
<p>The answer holds an <code>accessToken</code>. Send it with every further request as
<code>Authorization: Bearer …</code>. The project's README goes on from here: a model, a session,
a first conversation.</p>
<p>How it is used: <a href="/docs">/docs</a>, for programs <a href="/openapi.json">/openapi.json</a>.
Is it well? <a href="/readyz">/readyz</a> · What is it? <a href="/api/info">/api/info</a></p>
</html>
)";

// Of a proxy that is not trusted every client has the address: what says that it comes through one
// is none of this machine's.
bool is_of_this_machine(const exchange& x) {
  auto address = peer_address::parse(x.address);
  return address && check_loopback(x.request.head, *address);
}

struct health_report {
  std::string status = "ok";
  std::string storage;
  bool is_up() const { return status != "down" && status != "draining"; }
};

health_report look(edge& at) {
  health_report report;
  auto& node = at.status();
  if (node.storage_fault) report.storage = node.storage_fault();
  if (!report.storage.empty()) report.status = "degraded";
  if (node.is_draining) report.status = "draining";
  return report;
}

}  // namespace

expected<void> home(edge& at, exchange& x, const parsed_request& request) {
  std::string text{first_page};
  auto host = request.header("Host").value_or("");
  // Only what can stand in a host name: the header is the client's.
  std::erase_if(host, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != ':' && c != '-' &&
           c != '[' && c != ']';
  });
  text.replace(text.find("HOST"), 4, host.empty() ? "localhost" : host);
  at.answer_now(x, {200, {}, "text/html; charset=utf-8", std::move(text)});
  return {};
}

expected<void> alive(edge& at, exchange& x, const parsed_request&) {
  at.answer_now(x, json_answer(200, R"({"status":"ok"})"));
  return {};
}

expected<void> ready(edge& at, exchange& x, const parsed_request&) {
  auto report = look(at);
  auto result = json_answer(report.is_up() ? 200 : 503, R"({"status":")" + report.status + "\"}");
  if (!report.is_up()) result.headers.emplace_back("Retry-After", "1");
  at.answer_now(x, std::move(result));
  return {};
}

expected<void> health(edge& at, exchange& x, const parsed_request&) {
  auto report = look(at);
  std::string body;
  json_writer json{body};
  json.begin_object().member("status", report.status);
  if (is_of_this_machine(x)) {
    const auto& counted = at.counters();
    json.key("parts").begin_object();
    json.key("storage").begin_object().member("status", report.storage.empty() ? "ok" : "degraded");
    if (!report.storage.empty()) json.member("message", report.storage);
    json.end_object();
    json.key("edge").begin_object().member("connections", counted.connections);
    json.member("streams", counted.streams).end_object().end_object();
  }
  json.end_object();
  auto result = json_answer(report.is_up() ? 200 : 503, std::move(body));
  if (!report.is_up()) result.headers.emplace_back("Retry-After", "1");
  at.answer_now(x, std::move(result));
  return {};
}

expected<void> about(edge& at, exchange& x, const parsed_request&) {
  const auto& values = at.values();
  std::string body;
  json_writer json{body};
  json.begin_object().member("name", "parley").member("version", PARLEY_VERSION);
  json.member("mode", values.mode == operating_mode::single ? "single" : "multi");
  json.member("uptimeSeconds", (at.clock().now().ms - at.status().started_at.ms) / 1000);
  json.key("features").begin_array();
  for (auto feature : {"chat", "resume", "models", "branches", "folders", "events", "keys", "usage",
                       "quotas", "search", "jobs", "import", "v1"})
    json.value(feature);
  json.end_array();
  json.key("limits").begin_object();
  json.member("messageBytes", values.message_bytes_max);
  json.member("bodyBytes", values.chat_body_bytes_max);
  json.member("streamsPerUser", values.streams_per_user_max);
  json.member("chatRetentionDays", at.status().chat_days ? at.status().chat_days() : 0);
  json.member("pageItems", 100).end_object().end_object();
  at.answer_now(x, json_answer(200, std::move(body)));
  return {};
}

expected<void> show_metrics(edge& at, exchange& x, const parsed_request&) {
  // Names of models and sizes of a company are nobody's business beyond this machine.
  if (!is_of_this_machine(x)) return make_error(errc::forbidden);
  if (at.status().refresh_metrics) at.status().refresh_metrics();
  metrics()
      .gauge("parley_streams_open", "Streams open, of replies, events and calls.")
      .set(static_cast<int64_t>(at.status().streams.look().second));
  at.answer_now(x, {200, {}, "text/plain; version=0.0.4; charset=utf-8", metrics().text()});
  return {};
}

}  // namespace parley::http::routes
