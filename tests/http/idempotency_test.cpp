// Idempotency-Key on what is made: a repeated request answers what the first one made.
#include "tests/support/node_world.hpp"

using namespace parley::test;

TEST_CASE("what is made with a key is made once") {
  node_world world;
  auto model = R"({"name":"NAME","model":"m","baseUrl":"https://models.example"})";
  for (const auto& [path, body] :
       {std::pair{std::string{"/api/sessions"}, std::string{R"({"title":"one"})"}},
        {"/api/models", model},
        {"/api/models/system", model},
        {"/api/users", R"({"username":"eve","password":"correct horse battery"})"}}) {
    INFO(path);
    header_list key{{"Idempotency-Key", "key-1"}};
    auto first = world.post(world.ada(), path, body, key);
    REQUIRE(first.status == 201);
    auto again = world.post(world.ada(), path, body, key);
    CHECK(again.status == 201);
    CHECK(again.at("/id") == first.at("/id"));
    CHECK(again.header("Location") == first.header("Location"));
    auto other = world.post(world.ada(), path, body + " ", key);
    CHECK(other.status == 422);
    CHECK(other.at("/error/reason") == "idempotency_mismatch");
    auto bad = world.post(world.ada(), path, body, {{"Idempotency-Key", "a b"}});
    CHECK(bad.status == 400);
  }
  // The key is its user's and its route's.
  auto bob = world.add_user("bob");
  header_list key{{"Idempotency-Key", "key-1"}};
  auto hers = world.post(world.ada(), "/api/sessions", R"({"title":"one"})", key);
  auto his = world.post(bob, "/api/sessions", R"({"title":"one"})", key);
  CHECK(his.status == 201);
  CHECK(his.at("/id") != hers.at("/id"));
}

TEST_CASE("what is shown once is not shown to a repeated request") {
  node_world world;
  header_list key{{"Idempotency-Key", "key-1"}};
  const std::string keys = R"({"name":"k","scopes":["read"]})";
  auto first = world.post(world.ada(), "/api/keys", keys, key);
  REQUIRE(first.status == 201);
  CHECK(first.at("/key").starts_with("sk-ply-"));
  auto again = world.post(world.ada(), "/api/keys", keys, key);
  CHECK(again.status == 201);
  CHECK(again.at("/id") == first.at("/id"));
  CHECK(again.body.find(first.at("/key")) == std::string::npos);
  CHECK(again.header("Location") == first.header("Location"));
  CHECK(world.post(world.ada(), "/api/keys", keys + " ", key).at("/error/reason") ==
        "idempotency_mismatch");
  // One that is revoked is not made again by an old request.
  CHECK(world.erase(world.ada(), first.header("Location")).status == 204);
  CHECK(world.post(world.ada(), "/api/keys", keys, key).status == 404);

  auto made = world.post(world.ada(), "/api/users/invitations", "{}", key);
  REQUIRE(made.status == 201);
  CHECK_FALSE(made.at("/code").empty());
  auto repeated = world.post(world.ada(), "/api/users/invitations", "{}", key);
  CHECK(repeated.status == 201);
  CHECK(repeated.at("/invitation/id") == made.at("/invitation/id"));
  CHECK(repeated.body.find("\"code\"") == std::string::npos);
  auto shown = world.get(world.ada(), made.header("Location"));
  CHECK(shown.status == 200);
  CHECK(shown.at("/id") == made.at("/invitation/id"));
  CHECK_FALSE(shown.header("ETag").empty());
  CHECK(world.get(world.ada(), "/api/users/invitations").at("/items/1/id") == "(absent)");
}

TEST_CASE("what was refused is not remembered") {
  node_world world;
  header_list key{{"Idempotency-Key", "key-1"}};
  auto eve = R"({"username":"eve","password":"correct horse battery"})";
  REQUIRE(world.post(world.ada(), "/api/users", eve).status == 201);
  CHECK(world.post(world.ada(), "/api/users", eve, key).status == 409);
  auto made = world.post(world.ada(), "/api/users",
                         R"({"username":"eva","password":"correct horse battery"})", key);
  CHECK(made.status == 201);
}

TEST_CASE("an account that an ADMIN made changes its password before anything else") {
  node_world world;
  REQUIRE(world
              .post(world.ada(), "/api/users",
                    R"({"username":"eve","password":"correct horse battery"})")
              .at("/mustChangePassword") == "true");
  auto eve = world.log_in("eve", "correct horse battery");
  auto refused = world.get(eve, "/api/sessions");
  CHECK(refused.status == 403);
  CHECK(refused.at("/error/reason") == "password_change_needed");
  CHECK(world.get(eve, "/api/auth/me").at("/mustChangePassword") == "true");
  CHECK(world.get(eve, "/api/auth/logins").status == 200);
  CHECK(world
            .put(eve, "/api/auth/password",
                 R"({"currentPassword":"correct horse battery","newPassword":"another long one"})")
            .status == 204);
  auto anew = world.log_in("eve", "another long one");
  CHECK(world.get(anew, "/api/sessions").status == 200);
  CHECK(world.get(anew, "/api/auth/me").at("/mustChangePassword") == "false");
}
