#include "http/api_client.hpp"

#include <httplib.h>

#include "base/json.hpp"

namespace parley::http {

namespace {

errc code_named(std::string_view name) {
  for (auto code = 1; code <= static_cast<int>(errc::internal); ++code)
    if (to_string(static_cast<errc>(code)) == name) return static_cast<errc>(code);
  return errc::internal;
}

/// What api.md says an error is; of a proxy or another program only the status is known.
error error_in(int status, const std::string& body) {
  json_reader reader{{.strict = false}};
  auto parsed = reader.parse(body);
  auto written = parsed ? parsed->find("error") : std::nullopt;
  auto message = written ? written->string_at("message") : std::nullopt;
  if (!message)
    return make_error(status == 404 ? errc::not_found : errc::unavailable, "no_parley",
                      "The answer was HTTP " + std::to_string(status) +
                          " and none of a Parley server; is the address right?");
  error_detail detail;
  detail.reason = std::string{written->string_at("reason").value_or("")};
  if (auto wait = written->integer_at("retryAfterMs"))
    detail.retry_after_s = static_cast<uint32_t>(*wait / 1000);
  if (auto fields = written->find("fields"))
    for (auto& each : fields->items())
      detail.fields.push_back({std::string{each.string_at("path").value_or("")},
                               std::string{each.string_at("rule").value_or("")},
                               {},
                               std::string{each.string_at("message").value_or("")}});
  return make_error(code_named(written->string_at("code").value_or("")), std::string{*message},
                    std::move(detail));
}

std::string_view trouble_of(httplib::Error fault) {
  switch (fault) {
    case httplib::Error::Connection:
      return "nothing answers there";
    case httplib::Error::ConnectionTimeout:
      return "the connection was not made in time";
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
      return "TLS could not be agreed on";
    case httplib::Error::SSLServerVerification:
      return "its certificate is not trusted";
    default:
      return "the connection broke";
  }
}

}  // namespace

struct api_client::state {
  explicit state(std::string at) : url(std::move(at)), client(url) {
    client.set_connection_timeout(connect_s);
    client.set_read_timeout(silence_s);
    client.set_write_timeout(silence_s);
    client.set_keep_alive(true);
  }

  std::string url;
  httplib::Client client;
  secret_text token;
};

api_client::api_client(std::unique_ptr<state> made) : state_(std::move(made)) {}
api_client::api_client(api_client&&) noexcept = default;
api_client& api_client::operator=(api_client&&) noexcept = default;
api_client::~api_client() = default;

expected<api_client> api_client::make(const std::string& url) {
  auto start = url.starts_with("http://") ? 7 : url.starts_with("https://") ? 8 : 0;
  auto end = url.ends_with('/') ? url.size() - 1 : url.size();
  auto host = start == 0 ? std::string{} : url.substr(start, end - start);
  if (host.empty() || host.find_first_of("/?#@ \t\r\n") != std::string::npos)
    return make_error(errc::invalid_input,
                      url + ": a server is http://HOST:PORT or https://HOST, without a path.");
  auto made = std::make_unique<state>(url.substr(0, end));
  if (!made->client.is_valid())
    return make_error(errc::invalid_input, url + ": this is no address of a server.");
  return api_client{std::move(made)};
}

void api_client::set_token(secret_text token) {
  state_->token = std::move(token);
}

expected<void> api_client::download(const api_request& wanted, const byte_sink& sink) {
  httplib::Request request;
  request.method = wanted.method;
  request.path = wanted.path;
  request.body = wanted.body;
  if (!wanted.body.empty()) request.set_header("Content-Type", wanted.media_type);
  if (!state_->token.empty())
    request.set_header("Authorization", "Bearer " + state_->token.reveal());
  for (const auto& [name, value] : wanted.headers) request.set_header(name, value);
  int status = 0;
  bool is_ended = false;
  std::string refusal;
  request.response_handler = [&](const httplib::Response& head) {
    status = head.status;
    return true;
  };
  request.content_receiver = [&](const char* bytes, size_t size, uint64_t, uint64_t) {
    if (status >= 200 && status < 300) {
      is_ended = !sink({bytes, size});
      return !is_ended;
    }
    refusal.append(bytes,
                   std::min(size, answer_bytes_max - std::min(refusal.size(), answer_bytes_max)));
    return true;
  };
  auto result = state_->client.send(request);
  if (is_ended) return {};
  if (!result)
    return make_error(errc::unavailable, "unreachable",
                      state_->url + ": " + std::string{trouble_of(result.error())} + ".");
  // An answer without a body has its head handled by nobody.
  status = result->status;
  if (status < 200 || status >= 300) return error_in(status, refusal);
  return {};
}

expected<std::string> api_client::ask(const api_request& request) {
  std::string body;
  bool is_whole = true;
  TRY_DONE(download(request, [&](std::string_view bytes) {
    is_whole = body.size() + bytes.size() <= answer_bytes_max;
    if (is_whole) body.append(bytes);
    return is_whole;
  }));
  if (!is_whole) return make_error(errc::too_large, "The answer is too long to be one.");
  return body;
}

expected<void> api_client::follow(const api_request& wanted, const event_sink& sink) {
  auto request = wanted;
  request.headers.emplace_back("Accept", "text/event-stream");
  sse_parser parser;
  expected<void> parsed;
  bool goes_on = true;
  TRY_DONE(download(request, [&](std::string_view bytes) {
    parsed = parser.push(bytes, [&](const sse_event& event) {
      if (goes_on) goes_on = sink(event);
    });
    return goes_on && parsed;
  }));
  return parsed;
}

}  // namespace parley::http
