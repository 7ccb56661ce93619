// What API keys need for each route of THE table.
#include "http/route_scopes.hpp"

#include <catch2/catch.hpp>

#include "http/router.hpp"

using namespace parley;
using namespace parley::http;

TEST_CASE("the longest prefix of whole segments counts") {
  CHECK(need_of(method::get, "/api/models") == key_need::models);
  CHECK(need_of(method::post, "/api/models/system") == key_need::admin);
  CHECK(need_of(method::get, "/api/sessions/{id}/messages") == key_need::read);
  CHECK(need_of(method::patch, "/api/sessions/{id}") == key_need::chat);
  CHECK(need_of(method::get, "/v1/models/{id}") == key_need::models);
  CHECK(find_need("/api/modelsX") == resource_needs.size());
  CHECK(find_need("/api/nothing") == resource_needs.size());
}

TEST_CASE("routes for a login have a need, those for administrators the scope admin") {
  for (const auto& route : make_routes(settings{})) {
    INFO(route.row.pattern);
    auto need = need_of(route.row.verb, route.row.pattern);
    auto is_open = route.row.min_role == caller_role::anyone;
    if (!is_open) CHECK(need != key_need::nothing);
    if (route.row.min_role == caller_role::admin) CHECK(need == key_need::admin);
  }
  for (auto pattern : {"/api/keys", "/api/auth/password", "/api/auth/logins"})
    CHECK(need_of(method::post, pattern) == key_need::login);
}
