// Registration, log-in and the logins of an account.
#include "base/refresh_token.hpp"
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

namespace {

/// A page asks with this header: its refresh token then travels in a cookie that no script can
/// read. A foreign page can't send it without CORS.
constexpr const char* browser_header = "X-Parley-Client";
constexpr std::string_view cookie_name = "parley_rt";
constexpr std::string_view secure_cookie_name = "__Host-parley_rt";

bool is_browser(const parsed_request& request) {
  return request.header(browser_header) == "browser";
}

/// Behind a proxy that speaks TLS the cookie is bound to it.
bool is_secure(const parsed_request& request) {
  return request.header("X-Forwarded-Proto") == "https";
}

std::string cookie(std::string_view value, int64_t lives_s, bool is_secure) {
  std::string text{is_secure ? secure_cookie_name : cookie_name};
  text.append("=").append(value).append("; HttpOnly; SameSite=Strict; Path=/; Max-Age=");
  text += std::to_string(lives_s);
  if (is_secure) text += "; Secure";
  return text;
}

std::optional<std::string> read_cookie(const parsed_request& request) {
  auto header = request.header("Cookie").value_or("");
  std::string_view rest = header;
  while (!rest.empty()) {
    auto end = rest.find(';');
    auto pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    auto equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    auto known = pair.substr(0, equals);
    if (known == cookie_name || known == secure_cookie_name)
      return std::string{pair.substr(equals + 1)};
  }
  return std::nullopt;
}

answer ticket_answer(int status, const login_ticket& ticket, bool in_cookie, bool secure) {
  std::string body;
  json_writer json{body};
  json.begin_object().member("accessToken", ticket.access_token.reveal());
  json.member("expiresIn", ticket.expires_in_s);
  if (!in_cookie) json.member("refreshToken", ticket.refresh_token.reveal());
  json.key("user");
  write_json(json, ticket.account);
  json.end_object();
  auto result = json_answer(status, std::move(body));
  if (in_cookie)
    result.headers.emplace_back(
        "Set-Cookie", cookie(ticket.refresh_token.reveal(), ticket.refresh_expires_in_s, secure));
  return result;
}

}  // namespace

expected<void> auth_methods(edge& at, exchange& x, const parsed_request&) {
  at.ask_actor<login_methods>(
      x, at.admin(), parley::get_methods{}, [&values = at.values()](const login_methods& known) {
        std::string body;
        json_writer json{body};
        json.begin_object();
        json.member("mode", values.mode == operating_mode::single ? "single" : "multi");
        json.member("registration", name_of(known.registration));
        json.member("setupRequired", known.needs_setup);
        json.member("passwordRequired", known.needs_password);
        json.key("banner");
        write_json(json, known.banner);
        json.key("maintenance");
        write_json(json, known.maintenance);
        json.key("passwordRules").begin_object().member("lengthMin", 8).member("lengthMax", 128);
        json.end_object().key("providers").begin_array().end_array().end_object();
        return json_answer(200, std::move(body));
      });
  return {};
}

expected<void> register_account(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<register_body>(request, use::in_create));
  register_user message;
  message.account = account_in(body.value);
  message.password = body.value.password;
  message.setup_code = body.value.setup_code;
  message.invite_code = body.value.invite_code;
  message.from = x.from();
  at.ask_actor<login_ticket>(
      x, at.admin(), std::move(message),
      [cookie = is_browser(request), secure = is_secure(request)](const login_ticket& ticket) {
        return ticket_answer(201, ticket, cookie, secure);
      });
  return {};
}

expected<void> log_in(edge& at, exchange& x, const parsed_request& request) {
  auto render = [cookie = is_browser(request),
                 secure = is_secure(request)](const login_ticket& ticket) {
    return ticket_answer(200, ticket, cookie, secure);
  };
  // The one account of mode `single` needs no words, as long as it has no password.
  auto is_single = at.values().mode == operating_mode::single;
  if (is_single && (request.body().empty() || request.body() == "{}")) {
    at.ask_actor<login_ticket>(x, at.directory(), log_in_alone{x.from()}, render);
    return {};
  }
  TRY(auto body, read_body<login_body>(request, use::in_create));
  at.ask_actor<login_ticket>(x, at.directory(),
                             log_in_by_name{body.value.username, body.value.password, x.from()},
                             render);
  return {};
}

expected<void> reset_password(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<reset_body>(request, use::in_create));
  auto& wish = body.value;
  at.ask_actor<login_ticket>(
      x, at.directory(), reset_by_name{wish.username, wish.code, wish.new_password, x.from()},
      [cookie = is_browser(request), secure = is_secure(request)](const login_ticket& ticket) {
        return ticket_answer(200, ticket, cookie, secure);
      });
  return {};
}

expected<void> refresh(edge& at, exchange& x, const parsed_request& request) {
  auto browser = is_browser(request);
  std::optional<std::string> text;
  if (browser) {
    text = read_cookie(request);
  } else if (!request.body().empty()) {
    TRY(auto body, read_body<refresh_body>(request, use::in_create));
    if (body.value.refresh_token) text = body.value.refresh_token->reveal();
  }
  auto token = text ? refresh_token::parse(*text) : std::nullopt;
  if (!token) return make_error(errc::unauthenticated, "token_invalid", "Please log in again.");
  at.ask_user_of<login_ticket>(x, token->user, refresh_login{token->stored_form(), x.from()},
                               [browser, secure = is_secure(request)](const login_ticket& ticket) {
                                 return ticket_answer(200, ticket, browser, secure);
                               });
  return {};
}

expected<void> log_out(edge& at, exchange& x, const parsed_request& request) {
  at.ask_user<done>(x, parley::log_out{x.who},
                    [browser = is_browser(request), secure = is_secure(request)](const done&) {
                      auto result = empty_answer();
                      if (browser) result.headers.emplace_back("Set-Cookie", cookie("", 0, secure));
                      return result;
                    });
  return {};
}

expected<void> put_password(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<password_body>(request, use::in_create));
  at.ask_user<done>(x, change_password{x.who, body.value.current_password, body.value.new_password},
                    [](const done&) { return empty_answer(); });
  return {};
}

expected<void> get_logins(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<login_list>(x, list_logins{x.who},
                          [](const login_list& list) { return list_answer(list.items); });
  return {};
}

expected<void> delete_login(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<login_id>(x, 0));
  at.ask_user<done>(x, end_login{x.who, id}, [](const done&) { return empty_answer(); });
  return {};
}

}  // namespace parley::http::routes
