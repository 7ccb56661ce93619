// http/routes/settings.cpp: personal settings, and the system's for an ADMIN.
#include "tests/support/node_world.hpp"

using namespace parley::test;

TEST_CASE("personal settings are each user's own") {
  node_world world;
  auto eve = world.add_user("eve");
  auto first = world.get(eve, "/api/settings");
  CHECK(first.status == 200);
  CHECK(first.at("/theme") == "null");
  CHECK(first.at("/ui") == "{}");
  auto changed = world.patch(eve, "/api/settings",
                             R"({"theme":"dark","language":"de","ui":{"side":{"open":true}}})");
  CHECK(changed.status == 200);
  CHECK(changed.at("/theme") == "dark");
  CHECK(changed.at("/ui/side/open") == "true");
  CHECK(world.patch(eve, "/api/settings", R"({"theme":null})").at("/theme") == "null");
  auto kept = world.get(eve, "/api/settings");
  CHECK(kept.at("/language") == "de");
  CHECK(world.get(world.ada(), "/api/settings").at("/language") == "null");

  auto bad = world.patch(eve, "/api/settings",
                         R"({"theme":7,"ui":[],"defaultModelId":"x","odd":1,"systemPrompt":")" +
                             std::string(32769, 'a') + "\"}");
  CHECK(bad.status == 422);
  CHECK(bad.faults() == "/defaultModelId /odd /systemPrompt /theme /ui");
  auto big = R"({"ui":{"a":")" + std::string(16384, 'a') + "\"}}";
  CHECK(world.patch(eve, "/api/settings", big).faults() == "/ui");
  CHECK(world.patch(eve, "/api/settings", "{").status == 400);
  CHECK(world.ask("GET", nullptr, "/api/settings", {}).status == 401);
  CHECK(world.get(eve, "/api/settings").body == kept.body);
}

TEST_CASE("the system's settings have a version") {
  node_world world;
  auto& ada = world.ada();
  auto first = world.get(ada, "/api/settings/system");
  CHECK(first.status == 200);
  CHECK(first.at("/registration") == "closed");
  auto tag = first.header("ETag");
  CHECK(tag == "\"v" + first.at("/version") + "\"");
  auto changed =
      world.patch(ada, "/api/settings/system", R"({"banner":"Back at ten."})", {{"If-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.at("/banner") == "Back at ten.");
  auto stale = world.patch(ada, "/api/settings/system", R"({"banner":null})", {{"If-Match", tag}});
  CHECK(stale.status == 412);
  CHECK(world.get(ada, "/api/settings/system").body == changed.body);
  auto bad = world.patch(ada, "/api/settings/system",
                         R"({"registration":"maybe","version":9,"banner":1})");
  CHECK(bad.status == 422);
  CHECK(bad.faults() == "/banner /registration /version");
  auto no_model = world.patch(ada, "/api/settings/system",
                              R"({"defaultModelId":"01890000-0000-7000-8000-000000000000"})");
  CHECK(no_model.status == 422);
  CHECK(no_model.faults() == "/defaultModelId");
}

TEST_CASE("the default model: the user's before the system's") {
  node_world world;
  world.add_model();
  auto eve = world.add_user("eve");
  auto model_of = [&] {
    return world.send_turn(eve, R"({"content":"Hi"})").next("start").at("/modelId");
  };
  auto second = world.post(
      world.ada(), "/api/models/system",
      R"({"name":"second","model":"m2","baseUrl":")" + world.upstream().url() + "/v1\"}");
  REQUIRE(second.status == 201);
  CHECK(model_of() != second.at("/id"));
  CHECK(world.patch(eve, "/api/settings", R"({"defaultModelId":")" + second.at("/id") + "\"}")
            .status == 200);
  CHECK(model_of() == second.at("/id"));

  auto mine =
      world.post(world.ada(), "/api/models",
                 R"({"name":"mine","model":"m3","baseUrl":")" + world.upstream().url() + "/v1\"}");
  REQUIRE(mine.status == 201);
  for (const auto& id : {mine.at("/id"), std::string{"01890000-0000-7000-8000-000000000000"}}) {
    auto refused = world.patch(eve, "/api/settings", R"({"defaultModelId":")" + id + "\"}");
    CHECK(refused.status == 404);
    CHECK(refused.at("/error/reason") == "model_gone");
  }
  CHECK(world.get(eve, "/api/settings").at("/defaultModelId") == second.at("/id"));
  CHECK(world.patch(eve, "/api/settings", R"({"defaultModelId":null})").status == 200);
  CHECK(world.patch(world.ada(), "/api/settings", R"({"defaultModelId":")" + mine.at("/id") + "\"}")
            .status == 200);
}
