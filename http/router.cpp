#include "http/router.hpp"

#include "http/route_scopes.hpp"
#include "http/routes/routes.hpp"

namespace parley::http {

namespace {

constexpr auto anyone = caller_role::anyone;
constexpr auto member = caller_role::user;
constexpr auto admin = caller_role::admin;

constexpr route read(scoped_pattern pattern, caller_role role, route_handler handle) {
  return {{method::get, pattern.text, role, body_mode::none, 0, rate_class::read, {}}, handle};
}

constexpr route erase(scoped_pattern pattern, caller_role role, route_handler handle) {
  return {{method::erase, pattern.text, role, body_mode::none, 0, rate_class::write, {}}, handle};
}

/// Rows with a JSON body, whose limit is a setting.
struct row_maker {
  const settings& values;

  route json(method verb, scoped_pattern pattern, caller_role role, rate_class rate,
             route_handler handle) const {
    auto bytes_max =
        rate == rate_class::chat ? values.chat_body_bytes_max : values.json_body_bytes_max;
    return {{verb, pattern.text, role, body_mode::buffered, bytes_max, rate, "application/json"},
            handle};
  }
  route write(method verb, scoped_pattern pattern, caller_role role, route_handler handle) const {
    return json(verb, pattern, role, rate_class::write, handle);
  }
};

std::vector<route> make_chat_routes(const row_maker& make) {
  using namespace routes;
  return {
      read("/api/sessions", member, get_sessions),
      make.write(method::post, "/api/sessions", member, post_session),
      read("/api/sessions/{id}", member, get_session),
      make.write(method::patch, "/api/sessions/{id}", member, patch_session),
      erase("/api/sessions/{id}", member, delete_session),
      make.write(method::post, "/api/sessions/bulk", member, change_many),
      make.write(method::post, "/api/sessions/{id}/fork", member, fork_session),
      read("/api/sessions/{id}/export", member, export_session),
      read("/api/folders", member, get_folders),
      make.write(method::post, "/api/folders", member, post_folder),
      read("/api/folders/{id}", member, get_folder),
      make.write(method::patch, "/api/folders/{id}", member, patch_folder),
      erase("/api/folders/{id}", member, delete_folder),
      read("/api/search", member, get_search),
      read("/api/sessions/{id}/messages", member, get_messages),
      read("/api/sessions/{id}/messages/{messageId}", member, get_message),
      make.write(method::patch, "/api/sessions/{id}/messages/{messageId}", member, patch_message),
      erase("/api/sessions/{id}/messages/{messageId}", member, delete_message),
      read("/api/sessions/{id}/summary", member, get_summary),
      make.write(method::put, "/api/sessions/{id}/summary", member, put_summary),
      erase("/api/sessions/{id}/summary", member, delete_summary),
      {{method::post,
        "/api/sessions/{id}/summary",
        member,
        body_mode::none,
        0,
        rate_class::chat,
        {}},
       post_summary},

      make.json(method::post, "/api/chat/stream", member, rate_class::chat, post_turn),
      read("/api/chat/stream/{messageId}", member, follow_turn),
      make.json(method::post, "/api/chat/regenerate", member, rate_class::chat, post_again),
      make.json(method::post, "/api/chat/continue", member, rate_class::chat, post_more),
      make.write(method::post, "/api/chat/stop", member, stop_turn),
      make.json(method::post, "/api/chat/preview", member, rate_class::chat, preview_turn),
      read("/api/events", member, get_events),
      make.json(method::post, "/api/tokens/count", member, rate_class::chat, post_count),
  };
}

std::vector<route> make_transfer_routes(const row_maker& make) {
  using namespace routes;
  return {
      make.write(method::post, "/api/uploads", member, post_upload),
      read("/api/uploads/{id}", member, get_upload),
      {{method::put, "/api/uploads/{id}", member, body_mode::buffered, piece_bytes_max,
        rate_class::upload, "application/octet-stream"},
       put_piece},
      erase("/api/uploads/{id}", member, delete_upload),
      make.write(method::post, "/api/import", member, post_import),
      {{method::post, "/api/users/me/export", member, body_mode::none, 0, rate_class::write, {}},
       post_export},
      read("/api/jobs", member, get_jobs),
      read("/api/jobs/{id}", member, get_job),
      erase("/api/jobs/{id}", member, delete_job),
      read("/api/jobs/{id}/events", member, get_job_events),
      read("/api/jobs/{id}/file", member, get_job_file),
  };
}

std::vector<route> make_v1_routes(const row_maker& make) {
  using namespace routes;
  return {
      read("/v1/models", member, get_v1_models),
      read("/v1/models/{name}", member, get_v1_model),
      make.json(method::post, "/v1/chat/completions", member, rate_class::chat, post_v1_chat),
      make.json(method::post, "/v1/embeddings", member, rate_class::chat, post_v1_embeddings),
      make.json(method::post, "/v1/messages", member, rate_class::chat, post_v1_messages),
      make.json(method::post, "/v1/messages/count_tokens", member, rate_class::chat, post_v1_count),
  };
}

std::vector<route> make_admin_routes(const row_maker& make) {
  using namespace routes;
  return {
      make.json(method::post, "/api/auth/reset", anyone, rate_class::login, reset_password),
      make.write(method::post, "/api/users/{id}/reset-password", admin, post_reset_code),
      read("/api/users/invitations", admin, get_invitations),
      make.write(method::post, "/api/users/invitations", admin, post_invitation),
      read("/api/users/invitations/{id}", admin, get_invitation),
      erase("/api/users/invitations/{id}", admin, delete_invitation),
      make.write(method::post, "/api/models/{id}/test", member, test_model),
      make.json(method::post, "/api/models/discover", member, rate_class::write, discover_models),
      read("/api/admin/audit", admin, get_audit),
      read("/api/admin/backups", admin, get_backups),
      {{method::post, "/api/admin/backup", admin, body_mode::none, 0, rate_class::write, {}},
       post_backup},
      read("/api/admin/logs", admin, get_logs),
      read("/api/admin/logs/summary", admin, get_log_summary),
      read("/api/admin/streams", admin, get_streams),
      read("/api/admin/channels", admin, get_channels),
      read("/api/admin/alerts", admin, get_alerts),
      {{method::post, "/api/admin/alerts/test", admin, body_mode::none, 0, rate_class::write, {}},
       post_alert_test},
  };
}

}  // namespace

std::vector<route> make_routes(const settings& values) {
  using namespace routes;
  row_maker make{values};
  std::vector<route> table{
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
      make.json(method::post, "/api/auth/register", anyone, rate_class::login, register_account),
      make.json(method::post, "/api/auth/login", anyone, rate_class::login, log_in),
      make.json(method::post, "/api/auth/refresh", anyone, rate_class::login, refresh),
      make.write(method::post, "/api/auth/logout", member, log_out),
      read("/api/auth/me", member, get_me),
      make.json(method::put, "/api/auth/password", member, rate_class::login, put_password),
      read("/api/auth/logins", member, get_logins),
      erase("/api/auth/logins/{id}", member, delete_login),

      read("/api/users/me", member, get_me),
      make.write(method::patch, "/api/users/me", member, patch_me),
      erase("/api/users/me", member, delete_me),
      read("/api/users", admin, get_users),
      make.write(method::post, "/api/users", admin, post_user),
      read("/api/users/{id}", admin, get_user),
      make.write(method::patch, "/api/users/{id}", admin, patch_user),
      erase("/api/users/{id}", admin, delete_user),

      read("/api/models", member, get_models),
      make.write(method::post, "/api/models", member, post_model),
      make.write(method::post, "/api/models/system", admin, post_system_model),
      read("/api/models/{id}", member, get_model),
      make.write(method::patch, "/api/models/{id}", member, patch_model),
      erase("/api/models/{id}", member, delete_model),

      read("/api/keys", member, get_keys),
      make.write(method::post, "/api/keys", member, post_key),
      read("/api/keys/{id}", member, get_key),
      erase("/api/keys/{id}", member, delete_key),
      read("/api/usage", member, get_usage),
      read("/api/usage/limits", member, get_limits),
      read("/api/admin/usage", admin, get_all_usage),
      read("/api/admin/quotas", admin, get_quotas),
      make.write(method::put, "/api/admin/quotas", admin, put_quotas),

      read("/api/settings", member, get_settings),
      make.write(method::patch, "/api/settings", member, patch_settings),
      read("/api/settings/system", admin, get_system_settings),
      make.write(method::patch, "/api/settings/system", admin, patch_system_settings),
  };
  for (const auto& row : make_chat_routes(make)) table.push_back(row);
  for (const auto& row : make_transfer_routes(make)) table.push_back(row);
  for (const auto& row : make_v1_routes(make)) table.push_back(row);
  for (const auto& row : make_admin_routes(make)) table.push_back(row);
  return table;
}

expected<router> router::make(const settings& values) {
  std::vector<route_row> rows;
  std::vector<route_handler> handlers;
  for (auto& entry : make_routes(values)) {
    if (find_need(entry.row.pattern) == resource_needs.size())
      return make_error(errc::internal, "A route has no scope: " + std::string{entry.row.pattern});
    rows.push_back(entry.row);
    handlers.push_back(entry.handle);
  }
  TRY(auto table, route_table::make(std::move(rows)));
  return router{std::move(table), std::move(handlers)};
}

}  // namespace parley::http
