// http/routes/models.cpp: personal and system models, and keys that nobody reads again.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";
const std::string key = "sk-canary-0123456789abcdef";

std::string model_body(const std::string& name, const std::string& more = {}) {
  return R"({"name":")" + name + R"(","model":"m","baseUrl":"https://api.example.com/v1")" + more +
         "}";
}

}  // namespace

TEST_CASE("a personal model: made, read, changed, deleted, with versions") {
  node_world world;
  auto eve = world.add_user("eve");
  auto made = world.post(eve, "/api/models", model_body("mine", R"(,"apiKey":")" + key + "\""));
  CHECK(made.status == 201);
  CHECK(made.at("/name") == "mine");
  CHECK(made.at("/provider") == "openai");
  CHECK(made.at("/system") == "false");
  CHECK(made.at("/enabled") == "true");
  auto path = "/api/models/" + made.at("/id");
  CHECK(made.header("Location") == path);
  auto tag = made.header("ETag");
  auto found = world.get(eve, path);
  CHECK(found.status == 200);
  CHECK(found.body == made.body);
  CHECK(world.get(eve, path, {{"If-None-Match", tag}}).status == 304);
  CHECK(world.get(eve, "/api/models").at("/items/0") == made.body);

  auto changed = world.patch(eve, path, R"({"contextWindow":4096,"params":{"temperature":0.5}})",
                             {{"If-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.at("/contextWindow") == "4096");
  CHECK(changed.at("/params/temperature") == "0.5");
  CHECK(world.patch(eve, path, R"({"enabled":false})", {{"If-Match", tag}}).status == 412);
  CHECK(world.erase(eve, path, {{"If-Match", tag}}).status == 412);
  CHECK(world.erase(eve, path, {{"If-Match", changed.header("ETag")}}).status == 204);
  CHECK(world.get(eve, path).status == 404);
}

TEST_CASE("a key is written and never read, and goes nowhere but its own origin") {
  node_world world;
  auto& ada = world.ada();
  auto has_key = [&](const http_answer& answer) {
    CHECK(answer.body.find("canary") == std::string::npos);
    CHECK(answer.body.find("sealedKey") == std::string::npos);
    CHECK(answer.at("/apiKey") == "(absent)");
    return answer.at("/hasApiKey") + " " + answer.at("/keyHint");
  };
  auto hint = "true \xE2\x80\xA6" + key.substr(key.size() - 4);
  for (const auto* route : {"/api/models", "/api/models/system"}) {
    auto made = world.post(ada, route, model_body("kept", R"(,"apiKey":")" + key + "\""));
    REQUIRE(made.status == 201);
    CHECK(has_key(made) == hint);
    auto path = "/api/models/" + made.at("/id");
    CHECK(has_key(world.get(ada, path)) == hint);
    auto list = world.get(ada, "/api/models");
    CHECK(list.body.find("canary") == std::string::npos);
    CHECK(has_key(world.patch(ada, path, R"({"name":"renamed"})")) == hint);
    CHECK(has_key(world.patch(ada, path, R"({"baseUrl":"https://api.example.com/v2"})")) == hint);
    CHECK(has_key(world.patch(ada, path, R"({"baseUrl":"https://evil.example/v1"})")) == "false ");
    CHECK(has_key(world.patch(ada, path, R"({"apiKey":"short"})")) == "true ");
    CHECK(has_key(world.patch(ada, path, R"({"apiKey":""})")) == "false ");
  }
}

TEST_CASE("a model that is no good is told all its faults") {
  node_world world;
  auto eve = world.add_user("eve");
  auto add = [&](const std::string& body) { return world.post(eve, "/api/models", body); };
  CHECK(add("[").status == 400);
  CHECK(add("{}").faults() == "/baseUrl /model /name");
  auto many = add(R"({"name":"","model":1,"baseUrl":"x","contextWindow":1,"maxTokens":0,)"
                  R"("params":{"temperature":9,"stop":["1","2","3","4","5"]},"enabled":"yes",)"
                  R"("system":true,"keyHint":"x","ownerId":"x"})");
  CHECK(many.status == 422);
  CHECK(many.faults() ==
        "/baseUrl /contextWindow /enabled /keyHint /maxTokens /model /name /ownerId "
        "/params/stop /params/temperature /system");
  auto bound = many.at("/error/fields");
  CHECK(bound.find(R"("params":{"max":2})") != std::string::npos);
  CHECK(add(model_body("a", R"(,"provider":"telepathy")")).faults() == "/provider");

  CHECK(add(model_body("taken")).status == 201);
  auto again = add(model_body("taken"));
  CHECK(again.status == 409);
  CHECK(again.at("/error/reason") == "name_taken");
}

TEST_CASE("where a model may be: the world for users, also the server's network for an ADMIN") {
  node_world world;
  auto eve = world.add_user("eve");
  for (const auto* url : {"http://api.example.com/v1", "https://127.0.0.1/v1", "https://10.0.0.1",
                          "https://[::1]/v1", "https://169.254.169.254", "https://a.example:8443",
                          "https://user:pw@a.example", "file:///etc/passwd", "not a url at all"}) {
    INFO(url);
    auto body = R"({"name":"n","model":"m","baseUrl":")" + std::string{url} + "\"}";
    auto refused = world.post(eve, "/api/models", body);
    CHECK(refused.status == 422);
    CHECK(refused.at("/error/reason") == "upstream_not_allowed");
    CHECK(refused.faults() == "/baseUrl");
  }
  auto local = R"({"name":"local","model":"m","baseUrl":"http://127.0.0.1:11434/v1"})";
  CHECK(world.post(world.ada(), "/api/models/system", local).status == 201);
  CHECK(world.post(world.ada(), "/api/models", local).status == 201);
}

TEST_CASE("system models are everybody's to use and an ADMIN's to change") {
  node_world world;
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto made = world.post(ada, "/api/models/system", model_body("shared"));
  CHECK(made.status == 201);
  CHECK(made.at("/system") == "true");
  auto path = made.header("Location");
  CHECK(world.get(eve, path).at("/name") == "shared");
  CHECK(world.get(eve, "/api/models").at("/items/0/id") == made.at("/id"));
  auto hers = world.patch(eve, path, R"({"name":"mine"})");
  CHECK(hers.status == 404);
  CHECK(world.erase(eve, path).status == 404);
  CHECK(world.patch(ada, path, R"({"enabled":false})").at("/enabled") == "false");
  CHECK(world.get(eve, path).status == 404);
  CHECK(world.get(eve, "/api/models").at("/items") == "[]");
  CHECK(world.get(ada, path).status == 200);
  CHECK(world.patch(ada, path, R"({"name":"x"})", {{"If-Match", "\"v1\""}}).status == 412);
  CHECK(world.erase(ada, path).status == 204);
  CHECK(world.get(ada, path).status == 404);
}

TEST_CASE("another's model does not exist, whoever asks") {
  node_world world;
  auto eve = world.add_user("eve");
  auto bob = world.add_user("bob");
  auto mine = world.post(eve, "/api/models", model_body("mine")).header("Location");
  for (const auto& who : {bob, world.ada()}) {
    auto is_same = [](const http_answer& foreign, const http_answer& unknown) {
      CHECK(foreign.status == 404);
      CHECK(foreign.without_request_id() == unknown.without_request_id());
    };
    auto nothing = "/api/models/" + absent;
    is_same(world.get(who, mine), world.get(who, nothing));
    is_same(world.patch(who, mine, R"({"name":"x"})"),
            world.patch(who, nothing, R"({"name":"x"})"));
    is_same(world.erase(who, mine), world.erase(who, nothing));
    CHECK(world.get(who, "/api/models/none").status == 404);
  }
  CHECK(world.get(eve, mine).status == 200);
}

TEST_CASE("a chat whose model is gone asks for another one") {
  node_world world;
  auto model = world.add_model();
  auto& ada = world.ada();
  auto second = world.post(
      ada, "/api/models/system",
      R"({"name":"second","model":"m2","baseUrl":")" + world.upstream().url() + "/v1\"}");
  auto session = world.add_session(ada, R"({"modelId":")" + second.at("/id") + "\"}");
  world.say_hi(ada, session).rest();
  CHECK(world.erase(ada, second.header("Location")).status == 204);
  CHECK(world.get(ada, "/api/sessions/" + session).at("/modelId") == "null");
  auto refused = world.say_hi(ada, session);
  CHECK(refused.head().status == 422);
  CHECK(refused.head().at("/error/reason") == "model_gone");
  // The chat itself can still be changed, and goes on with a model that is there.
  CHECK(world.patch(ada, "/api/sessions/" + session, R"({"title":"Alive"})").status == 200);
  auto with_model = R"({"content":"Hi","sessionId":")" + session + R"(","modelId":")" + model;
  CHECK(names_of(world.send_turn(ada, with_model + "\"}").rest()) == "start part delta usage done");
  CHECK(world.patch(ada, "/api/sessions/" + session, R"({"modelId":")" + model + "\"}").status ==
        200);
  auto events = world.say_hi(ada, session).rest();
  CHECK(events.front().at("/modelId") == model);
  auto first = world.get(ada, "/api/sessions/" + session + "/messages");
  CHECK(first.at("/items/4/modelName") == "second");
  CHECK(first.at("/items/4/modelId") == "null");
}
