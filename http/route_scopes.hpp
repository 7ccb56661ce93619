/// What an API key must be allowed for each route of THE table: by resource, in one place. A route
/// of a resource that is not here does not compile.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "http/method.hpp"
#include "schema/api_key.hpp"

namespace parley::http {

enum class key_need : uint8_t {
  nothing,  ///< the route is open to anyone
  chat,
  models,
  read,
  admin,
  login,  ///< no key will do
};

struct resource_need {
  std::string_view prefix;  ///< whole segments; the longest one that fits counts
  key_need reads;           ///< GET, HEAD
  key_need writes;
};

inline constexpr std::array resource_needs{
    resource_need{"/", key_need::nothing, key_need::nothing},
    resource_need{"/healthz", key_need::nothing, key_need::nothing},
    resource_need{"/readyz", key_need::nothing, key_need::nothing},
    resource_need{"/metrics", key_need::nothing, key_need::nothing},
    resource_need{"/openapi.json", key_need::nothing, key_need::nothing},
    resource_need{"/docs", key_need::nothing, key_need::nothing},
    resource_need{"/api/health", key_need::nothing, key_need::nothing},
    resource_need{"/api/info", key_need::nothing, key_need::nothing},
    resource_need{"/api/auth", key_need::login, key_need::login},
    resource_need{"/api/auth/me", key_need::read, key_need::login},
    resource_need{"/api/users", key_need::admin, key_need::admin},
    resource_need{"/api/users/me", key_need::read, key_need::login},
    resource_need{"/api/keys", key_need::login, key_need::login},
    resource_need{"/api/models", key_need::models, key_need::models},
    resource_need{"/api/models/system", key_need::admin, key_need::admin},
    resource_need{"/api/sessions", key_need::read, key_need::chat},
    resource_need{"/api/folders", key_need::read, key_need::chat},
    resource_need{"/api/chat", key_need::chat, key_need::chat},
    resource_need{"/api/tokens", key_need::chat, key_need::chat},
    resource_need{"/api/events", key_need::read, key_need::read},
    resource_need{"/api/search", key_need::read, key_need::read},
    resource_need{"/api/settings", key_need::read, key_need::chat},
    resource_need{"/api/settings/system", key_need::admin, key_need::admin},
    resource_need{"/api/usage", key_need::read, key_need::read},
    resource_need{"/api/jobs", key_need::read, key_need::chat},
    resource_need{"/api/uploads", key_need::read, key_need::chat},
    resource_need{"/api/import", key_need::read, key_need::chat},
    resource_need{"/api/admin", key_need::admin, key_need::admin},
    resource_need{"/v1", key_need::chat, key_need::chat},
    resource_need{"/v1/models", key_need::models, key_need::models},
};

/// Its place in the list, which ends at `resource_needs.size()`. No pointer: under ubsan, g++ 12
/// compares none while compiling.
constexpr size_t find_need(std::string_view pattern) {
  auto best = resource_needs.size();
  for (size_t i = 0; i < resource_needs.size(); ++i) {
    auto prefix = resource_needs[i].prefix;
    auto is_whole = pattern == prefix ||
                    (prefix != "/" && pattern.starts_with(prefix) && pattern[prefix.size()] == '/');
    auto is_first = best == resource_needs.size();
    if (is_whole && (is_first || prefix.size() > resource_needs[best].prefix.size())) best = i;
  }
  return best;
}

/// Of a pattern that is in the list.
constexpr key_need need_of(method verb, std::string_view pattern) {
  auto found = find_need(pattern);
  if (found == resource_needs.size()) return key_need::login;
  const auto& need = resource_needs[found];
  return verb == method::get || verb == method::head ? need.reads : need.writes;
}

/// Nothing where no key will do.
constexpr std::optional<key_scope> scope_of(key_need need) {
  switch (need) {
    case key_need::chat:
      return key_scope::chat;
    case key_need::models:
      return key_scope::models;
    case key_need::read:
      return key_scope::read;
    case key_need::admin:
      return key_scope::admin;
    case key_need::nothing:
    case key_need::login:
      break;
  }
  return std::nullopt;
}

/// Not constexpr: reaching it while compiling is the error.
void this_resource_has_no_scope();

/// The pattern of a route of THE table: one whose resource has its scopes.
struct scoped_pattern {
  std::string_view text;

  // A literal becomes one by itself.
  consteval scoped_pattern(const char* pattern) : text(pattern) {  // NOLINT
    if (find_need(text) == resource_needs.size()) this_resource_has_no_scope();
  }
};

}  // namespace parley::http
