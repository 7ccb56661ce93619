/// API keys: what a program calls with in place of a login.
#pragma once

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/record.hpp"
#include "schema/quota.hpp"

namespace parley {

/// What a key may do; each route needs one of them, whoever's it is.
enum class key_scope : uint8_t { chat = 1, models, read, admin };
constexpr std::array<std::string_view, 4> names_of(key_scope) {
  return {"chat", "models", "read", "admin"};
}

/// `token_hash`: SHA-256 of the key, which is shown once. Without `models` all of its owner's.
/// `last_used_at` is written once a minute at most.
struct api_key {
  api_key_id id;
  int64_t version = 1;
  instant created_at;
  instant updated_at;
  user_id owner_id;
  std::string name;
  std::string prefix;
  std::vector<key_scope> scopes;
  std::optional<std::vector<model_id>> models;
  std::optional<instant> expires_at;
  std::optional<key_budget> budget;
  std::optional<instant> last_used_at;
  std::string token_hash;
};
PARLEY_RECORD(api_key, FIELD(id, "id"), FIELD(version, "version"), FIELD(created_at, "createdAt"),
              FIELD(updated_at, "updatedAt"), FIELD(owner_id, "ownerId", .uses = stored),
              FIELD(name, "name", .uses = in_create | required | out | stored, .length_min = 1,
                    .length_max = 100),
              FIELD(prefix, "prefix"),
              FIELD(scopes, "scopes", .uses = in_create | required | out | stored, .length_min = 1,
                    .length_max = 4),
              FIELD(models, "models", .uses = in_create | out | stored, .length_min = 1,
                    .length_max = 100),
              FIELD(expires_at, "expiresAt", .uses = in_create | out | stored | nullable),
              FIELD(budget, "budget", .uses = in_create | out | stored),
              FIELD(last_used_at, "lastUsedAt", .uses = out | stored | nullable),
              FIELD(token_hash, "tokenHash", .uses = stored | secret))

}  // namespace parley
