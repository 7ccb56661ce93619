#include "http/router.hpp"

#include "http/routes/routes.hpp"

namespace parley::http {

namespace {

constexpr auto anyone = caller_role::anyone;
constexpr auto member = caller_role::user;
constexpr auto admin = caller_role::admin;

constexpr route read(std::string_view pattern, caller_role role, route_handler handle) {
  return {{method::get, pattern, role, body_mode::none, 0, rate_class::read, {}}, handle};
}

constexpr route erase(std::string_view pattern, caller_role role, route_handler handle) {
  return {{method::erase, pattern, role, body_mode::none, 0, rate_class::write, {}}, handle};
}

}  // namespace

std::vector<route> make_routes(const settings& values) {
  using namespace routes;
  auto json = [&](method verb, std::string_view pattern, caller_role role, rate_class rate,
                  route_handler handle) {
    auto bytes_max =
        rate == rate_class::chat ? values.chat_body_bytes_max : values.json_body_bytes_max;
    return route{{verb, pattern, role, body_mode::buffered, bytes_max, rate, "application/json"},
                 handle};
  };
  auto write = [&](method verb, std::string_view pattern, caller_role role, route_handler handle) {
    return json(verb, pattern, role, rate_class::write, handle);
  };
  return {
      {{method::get, "/", anyone, body_mode::none, 0, rate_class::read, {}}, home},
      {{method::get, "/healthz", anyone, body_mode::none, 0, rate_class::none, {}}, alive},
      {{method::get, "/readyz", anyone, body_mode::none, 0, rate_class::none, {}}, ready},
      {{method::get, "/metrics", anyone, body_mode::none, 0, rate_class::none, {}}, show_metrics},
      {{method::get, "/api/health", anyone, body_mode::none, 0, rate_class::none, {}}, health},
      read("/api/info", anyone, about),
      read("/openapi.json", anyone, show_contract),
      read("/docs", anyone, show_docs),
      read("/docs/redoc.standalone.js", anyone, show_docs_script),

      read("/api/auth/methods", anyone, auth_methods),
      json(method::post, "/api/auth/register", anyone, rate_class::login, register_account),
      json(method::post, "/api/auth/login", anyone, rate_class::login, log_in),
      json(method::post, "/api/auth/refresh", anyone, rate_class::login, refresh),
      write(method::post, "/api/auth/logout", member, log_out),
      read("/api/auth/me", member, get_me),
      json(method::put, "/api/auth/password", member, rate_class::login, put_password),
      read("/api/auth/logins", member, get_logins),
      erase("/api/auth/logins/{id}", member, delete_login),

      read("/api/users/me", member, get_me),
      write(method::patch, "/api/users/me", member, patch_me),
      erase("/api/users/me", member, delete_me),
      read("/api/users", admin, get_users),
      write(method::post, "/api/users", admin, post_user),
      read("/api/users/{id}", admin, get_user),
      write(method::patch, "/api/users/{id}", admin, patch_user),
      erase("/api/users/{id}", admin, delete_user),

      read("/api/models", member, get_models),
      write(method::post, "/api/models", member, post_model),
      write(method::post, "/api/models/system", admin, post_system_model),
      read("/api/models/{id}", member, get_model),
      write(method::patch, "/api/models/{id}", member, patch_model),
      erase("/api/models/{id}", member, delete_model),

      read("/api/sessions", member, get_sessions),
      write(method::post, "/api/sessions", member, post_session),
      read("/api/sessions/{id}", member, get_session),
      write(method::patch, "/api/sessions/{id}", member, patch_session),
      erase("/api/sessions/{id}", member, delete_session),
      read("/api/sessions/{id}/messages", member, get_messages),
      read("/api/sessions/{id}/messages/{messageId}", member, get_message),

      json(method::post, "/api/chat/stream", member, rate_class::chat, post_turn),
      read("/api/chat/stream/{messageId}", member, follow_turn),
      write(method::post, "/api/chat/stop", member, stop_turn),

      read("/api/settings", member, get_settings),
      write(method::patch, "/api/settings", member, patch_settings),
      read("/api/settings/system", admin, get_system_settings),
      write(method::patch, "/api/settings/system", admin, patch_system_settings),
  };
}

expected<router> router::make(const settings& values) {
  std::vector<route_row> rows;
  std::vector<route_handler> handlers;
  for (auto& entry : make_routes(values)) {
    rows.push_back(entry.row);
    handlers.push_back(entry.handle);
  }
  TRY(auto table, route_table::make(std::move(rows)));
  return router{std::move(table), std::move(handlers)};
}

}  // namespace parley::http
