#include "app/remote.hpp"

#include <stdlib.h>

#include <cstring>

#include "app/commands.hpp"
#include "app/terminal.hpp"

namespace parley::app {

namespace {

constexpr auto default_server = "http://127.0.0.1:8080";
/// A page has at most a hundred; more pages than this is no list of one person's.
constexpr int pages_max = 1000;

std::string credentials(const std::string& username, const secret_text& password) {
  std::string body;
  json_writer{body}
      .begin_object()
      .member("username", username)
      .member("password", password.reveal())
      .end_object();
  return body;
}

}  // namespace

remote_environment take_remote_environment() {
  remote_environment found;
  if (const auto* server = ::getenv("PARLEY_SERVER")) found.server = server;
  if (auto* token = ::getenv("PARLEY_TOKEN")) {
    found.token = secret_text{token};
    // In place: /proc shows the memory that the process was started with.
    OPENSSL_cleanse(token, std::strlen(token));
    ::unsetenv("PARLEY_TOKEN");
  }
  return found;
}

expected<remote_server> remote_server::open(const remote_options& options) {
  auto environment = take_remote_environment();
  auto url = options.server.empty() ? environment.server : options.server;
  if (url.empty()) url = default_server;
  TRY(auto client, http::api_client::make(url));
  remote_server made{url, std::move(client)};
  if (environment.token.empty()) {
    TRY_DONE(made.log_in(options));
  } else {
    made.token_ = environment.token;
    made.client_.set_token(environment.token);
  }
  return made;
}

expected<void> remote_server::log_in(const remote_options& options) {
  TRY(auto text, client_.ask({"GET", "/api/auth/methods", {}, {}}));
  json_reader reader{{.strict = false}};
  TRY(auto methods, reader.parse(text));
  auto member = [&](const char* name) {
    auto found = methods.find(name);
    return found ? found->as_bool() : std::nullopt;
  };
  if (member("setupRequired").value_or(false))
    return make_error(errc::conflict, "There is no account on " + url_ +
                                          " yet; `parley init` or its first page makes one.");
  auto needs_password = member("passwordRequired").value_or(true);
  if (!needs_password && options.username.empty()) {
    TRY(auto opened, client_.ask({"POST", "/api/auth/login", {}, {}}));
    return take_tokens(opened);
  }
  if (options.username.empty() && !can_ask())
    return make_error(errc::unauthenticated,
                      "Nobody can be asked who you are: set PARLEY_TOKEN to an access token or an "
                      "API key, or give --username and --password-file.");
  auto username = options.username;
  if (username.empty()) {
    TRY(username, ask_line("Username on " + url_ + ": "));
  }
  secret_text password;
  if (options.password_file.empty() && !can_ask())
    return make_error(errc::unauthenticated, "There is no password: give --password-file.");
  if (options.password_file.empty()) {
    TRY(password, ask_secret("Password: "));
  } else {
    TRY(password, read_secret(options.password_file));
  }
  TRY(auto opened, client_.ask({"POST", "/api/auth/login", credentials(username, password), {}}));
  return take_tokens(opened);
}

expected<void> remote_server::take_tokens(const std::string& answer) {
  json_reader reader{{.strict = false}};
  TRY(auto tokens, reader.parse(answer));
  auto access = tokens.string_at("accessToken");
  if (!access) return make_error(errc::unavailable, url_ + " gave no token.");
  token_ = secret_text{std::string{*access}};
  refresh_token_ = secret_text{std::string{tokens.string_at("refreshToken").value_or("")}};
  client_.set_token(token_);
  return {};
}

bool remote_server::renews(const error& cause) {
  if (code_of(cause) != errc::unauthenticated || refresh_token_.empty()) return false;
  if (detail_of(cause).reason != "token_expired") return false;
  std::string body;
  json_writer{body}.begin_object().member("refreshToken", refresh_token_.reveal()).end_object();
  auto renewed = client_.ask({"POST", "/api/auth/refresh", body, {}});
  return renewed && take_tokens(*renewed);
}

expected<std::string> remote_server::ask(const http::api_request& request) {
  auto answer = client_.ask(request);
  if (!answer && renews(answer.error())) return client_.ask(request);
  return answer;
}

expected<void> remote_server::download(const http::api_request& request,
                                       const http::api_client::byte_sink& sink) {
  auto ended = client_.download(request, sink);
  if (!ended && renews(ended.error())) return client_.download(request, sink);
  return ended;
}

expected<void> remote_server::follow(const http::api_request& request,
                                     const http::api_client::event_sink& sink) {
  auto ended = client_.follow(request, sink);
  if (!ended && renews(ended.error())) return client_.follow(request, sink);
  return ended;
}

expected<http::api_client> remote_server::clone() const {
  TRY(auto other, http::api_client::make(url_));
  other.set_token(token_);
  return other;
}

json_reader make_answer_reader() {
  return json_reader{{.bytes_max = http::api_client::answer_bytes_max, .strict = false}};
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("0123456789abcdefABCDEF-") == std::string_view::npos;
}

expected<std::vector<std::string>> all_items(remote_server& on, const std::string& path) {
  std::vector<std::string> items;
  std::string cursor;
  for (int pages = 0; pages < pages_max; ++pages) {
    auto next = path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=100";
    if (!cursor.empty()) next += "&cursor=" + cursor;
    TRY(auto text, on.ask({"GET", next, {}, {}}));
    auto reader = make_answer_reader();
    TRY(auto page, reader.parse(text));
    if (auto list = page.find("items"))
      for (auto& each : list->items()) items.push_back(each.text());
    auto more = page.string_at("nextCursor");
    if (!more) break;
    cursor = std::string{*more};
  }
  return items;
}

}  // namespace parley::app
