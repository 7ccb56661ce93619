// http/routes/keys.cpp: API keys, what they open, and how they end.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

struct made_key {
  std::string id;
  account who;  ///< the key in place of the access token
};

made_key make_key(node_world& world, const account& owner, const std::string& scopes,
                  const std::string& more = {}) {
  auto made = world.post(owner, "/api/keys", R"({"name":"k","scopes":)" + scopes + more + "}");
  REQUIRE(made.status == 201);
  account who;
  who.id = owner.id;
  who.access_token = made.at("/key");
  return {made.at("/id"), who};
}

}  // namespace

TEST_CASE("an API key is shown once, listed and revoked") {
  node_world world;
  auto& ada = world.ada();
  auto made = world.post(ada, "/api/keys", R"({"name":"Report","scopes":["read","chat"]})");
  REQUIRE(made.status == 201);
  auto path = "/api/keys/" + made.at("/id");
  CHECK(made.header("Location") == path);
  auto key = made.at("/key");
  CHECK(key.size() == 88);
  CHECK(key.starts_with(made.at("/prefix")));
  CHECK(made.at("/prefix").starts_with("sk-ply-"));
  CHECK(made.at("/tokenHash") == "(absent)");
  auto list = world.get(ada, "/api/keys");
  CHECK(list.at("/items/0/name") == "Report");
  CHECK(list.at("/items/0/scopes") == R"(["read","chat"])");
  CHECK(list.at("/items/0/lastUsedAt") == "null");
  CHECK(list.body.find(key) == std::string::npos);
  CHECK(world.get(ada, path).at("/key") == "(absent)");

  account robot;
  robot.access_token = key;
  CHECK(world.get(robot, "/api/users/me").at("/username") == "ada");
  CHECK(world.get(ada, path).at("/lastUsedAt") != "null");

  auto eve = world.add_user("eve");
  CHECK(world.get(eve, path).status == 404);
  CHECK(world.erase(eve, path).status == 404);
  CHECK(world.get(eve, "/api/keys").at("/items") == "[]");
  CHECK(world.get(ada, "/api/keys/" + absent).status == 404);

  world.stop();
  world.start();
  CHECK(world.get(robot, "/api/users/me").status == 200);
  CHECK(world.erase(ada, path).status == 204);
  auto refused = world.get(robot, "/api/users/me");
  CHECK(refused.status == 401);
  CHECK(refused.at("/error/reason") == "key_revoked");
  CHECK(world.erase(ada, path).status == 404);
}

TEST_CASE("a key opens what its scopes say, and nothing that needs a log-in") {
  node_world world;
  auto& ada = world.ada();
  world.add_model();
  auto reader = make_key(world, ada, R"(["read"])").who;
  auto chatter = make_key(world, ada, R"(["chat"])").who;
  auto chief = make_key(world, ada, R"(["admin"])").who;
  CHECK(world.get(reader, "/api/sessions").status == 200);
  auto refused = world.post(reader, "/api/chat/stream", R"({"content":"Hi"})");
  CHECK(refused.status == 403);
  CHECK(refused.at("/error/reason") == "scope_missing");
  CHECK(refused.at("/error/params/id") == "chat");
  CHECK(world.get(reader, "/api/models").status == 403);
  CHECK(world.get(reader, "/api/users").status == 403);
  CHECK(world.get(chatter, "/api/sessions").status == 403);
  auto said = world.post(chatter, "/api/chat/stream", R"({"content":"Hi"})",
                         {{"Accept", "application/json"}});
  CHECK(said.status == 200);
  CHECK(said.at("/content") == "Hello, world!");
  CHECK(world.get(chief, "/api/users").status == 200);
  CHECK(world.get(chief, "/api/sessions").status == 403);

  auto all = make_key(world, ada, R"(["read","chat","models","admin"])").who;
  for (auto path : {"/api/keys", "/api/auth/logins"}) {
    auto barred = world.get(all, path);
    CHECK(barred.status == 403);
    CHECK(barred.at("/error/reason") == "login_needed");
  }
  CHECK(world.post(all, "/api/keys", R"({"name":"k","scopes":["read"]})").status == 403);
  CHECK(
      world.put(all, "/api/auth/password", R"({"currentPassword":"x","newPassword":"y"})").status ==
      403);
  CHECK(world.erase(all, "/api/users/me").status == 403);

  // A scope gives no right that its owner does not have.
  auto eve = world.add_user("eve");
  CHECK(world.post(eve, "/api/keys", R"({"name":"k","scopes":["admin"]})").faults() == "/scopes/0");
  CHECK(world.get(make_key(world, eve, R"(["read"])").who, "/api/users").status == 403);
}

TEST_CASE("bad keys and bad wishes are refused") {
  node_world world;
  auto& ada = world.ada();
  auto key = make_key(world, ada, R"(["read"])").who.access_token;
  account robot;
  for (auto bad : {key.substr(0, key.size() - 1), key + "a", std::string{"sk-ply-"},
                   "sk-ply-" + std::string(81, '0')}) {
    robot.access_token = bad;
    auto refused = world.get(robot, "/api/users/me");
    CHECK(refused.status == 401);
    CHECK(refused.at("/error/reason") == "key_invalid");
  }
  CHECK(world.post(ada, "/api/keys", "{}").faults() == "/name /scopes");
  CHECK(world
            .post(ada, "/api/keys",
                  R"({"name":"","scopes":["fly"],"tokenHash":"x","expiresAt":"soon","models":[1]})")
            .faults() == "/expiresAt /models/0 /name /scopes/0 /tokenHash");
  CHECK(world
            .post(ada, "/api/keys",
                  R"({"name":"k","scopes":["read","read"],"expiresAt":"2020-01-01T00:00:00Z",)"
                  R"("budget":{"window":"day","measure":"tokens","amount":"1"}})")
            .faults() == "/budget/amount /budget/limit /expiresAt /scopes/1");
  CHECK(world.post(ada, "/api/keys", "{").status == 400);
  CHECK(world.ask("GET", nullptr, "/api/keys", {}).status == 401);
}

TEST_CASE("there are only so many keys") {
  node_world world{{{"api-keys-per-user-max", "2"}}};
  make_key(world, world.ada(), R"(["read"])");
  auto second = make_key(world, world.ada(), R"(["read"])");
  auto third = world.post(world.ada(), "/api/keys", R"({"name":"k","scopes":["read"]})");
  CHECK(third.status == 429);
  CHECK(third.at("/error/reason") == "keys_max");
  CHECK(world.erase(world.ada(), "/api/keys/" + second.id).status == 204);
  make_key(world, world.ada(), R"(["read"])");
}

TEST_CASE("a key with a list of models uses no other") {
  node_world world;
  auto model = world.add_model();
  auto& ada = world.ada();
  auto only = make_key(world, ada, R"(["chat","models"])", R"(,"models":[")" + absent + "\"]").who;
  CHECK(world.get(only, "/api/models").at("/items") == "[]");
  CHECK(world.get(only, "/api/models/" + model).status == 404);
  auto refused = world.post(only, "/api/chat/stream", R"({"content":"Hi"})");
  CHECK(refused.status == 403);
  CHECK(refused.at("/error/reason") == "model_not_allowed");
  CHECK(world.upstream().counts().requests == 0);
  auto good = make_key(world, ada, R"(["chat"])", R"(,"models":[")" + model + "\"]").who;
  CHECK(world.post(good, "/api/chat/stream", R"({"content":"Hi"})").status == 200);
}

TEST_CASE("revoking a key ends its streams and no others") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto key = make_key(world, ada, R"(["chat","read"])");
  world.upstream_plays(held_reply_of({"one ", "two"}));
  auto own = world.say_hi(ada, session);
  auto message = own.next("start").at("/messageId");
  world.upstream().release();
  own.next("delta");
  auto other = world.follow(key.who, message);
  other.next("delta");
  CHECK(world.erase(ada, "/api/keys/" + key.id).status == 204);
  auto rest = other.rest();
  CHECK(names_of(rest) == "error");
  CHECK(rest.back().at("/code") == "unauthenticated");
  for (int i = 0; i < 2; ++i) world.upstream().release();
  CHECK(text_of(own.rest()) == "two");
}
