/// What USER is asked about its API keys, its usage and its quotas.
#pragma once

#include "actors/session.hpp"

namespace parley {

struct list_api_keys {
  caller who;
};
PARLEY_INSPECT(list_api_keys, who)

struct api_key_list {
  std::vector<api_key> items;
};
PARLEY_INSPECT(api_key_list, items)

struct get_api_key {
  caller who;
  api_key_id id;
};
PARLEY_INSPECT(get_api_key, who, id)

struct add_api_key {
  caller who;
  patch_of<api_key> patch;
  std::optional<request_key> key;
};
PARLEY_INSPECT(add_api_key, who, patch, key)

/// The key itself is shown this once: empty for a request that is repeated.
struct api_key_ticket {
  api_key entry;
  secret_text key;
};
PARLEY_INSPECT(api_key_ticket, entry, key)

/// Revokes it; its streams end.
struct drop_api_key {
  caller who;
  api_key_id id;
};
PARLEY_INSPECT(drop_api_key, who, id)

struct list_usage {
  caller who;
  usage_query query;
};
PARLEY_INSPECT(list_usage, who, query)

struct list_limits {
  caller who;
};
PARLEY_INSPECT(list_limits, who)

struct limit_list {
  std::vector<quota_state> items;
};
PARLEY_INSPECT(limit_list, items)

}  // namespace parley
