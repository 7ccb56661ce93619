// /v1 and what an ADMIN says of models and of the system.
#include "tests/support/v1_world.hpp"

using namespace parley::test;

namespace {

std::string names_of(const http_answer& list) {
  std::string names;
  for (int i = 0; list.at("/data/" + std::to_string(i)) != "(absent)"; ++i)
    names += list.at("/data/" + std::to_string(i) + "/id") + " ";
  return names;
}

std::string chat_of(const std::string& model) {
  return R"({"model":")" + model + R"(","messages":[{"role":"user","content":"Hi"}]})";
}

}  // namespace

TEST_CASE("/v1: a model is there for those it is open to, in the ADMIN's order") {
  v1_world world;
  auto eve = world.add_user("eve");
  auto add = [&](const std::string& name, const std::string& more) {
    auto made = world.post(world.ada(), "/api/models/system",
                           R"({"name":")" + name + R"(","model":"m","baseUrl":")" +
                               world.upstream().url() + "/v1\"" + more + "}");
    REQUIRE(made.status == 201);
    return made.at("/id");
  };
  add("first", R"(,"order":-1)");
  add("hers", R"(,"order":1,"access":[{"type":"user","id":")" + eve.id + "\"}]");
  add("admins", R"(,"order":2,"access":[{"type":"role","id":"ADMIN"}])");
  add("resting", R"(,"order":3,"enabled":false)");
  CHECK(names_of(world.get(eve, "/v1/models")) == "first scripted hers ");
  CHECK(names_of(world.get(world.ada(), "/v1/models")) == "first scripted admins ");

  auto absent = world.post(eve, "/v1/chat/completions", chat_of("nobody"));
  CHECK(absent.status == 404);
  for (const auto* closed : {"admins", "resting"}) {
    INFO(closed);
    CHECK(world.get(eve, std::string{"/v1/models/"} + closed).status == 404);
    CHECK(world.post(eve, "/v1/chat/completions", chat_of(closed)).status == 404);
    auto body = R"({"max_tokens":9,)" + chat_of(closed).substr(1);
    CHECK(world.post(eve, "/v1/messages", body).status == 404);
    CHECK(world.post(eve, "/v1/messages/count_tokens", chat_of(closed)).status == 404);
    CHECK(
        world
            .post(eve, "/v1/embeddings", std::string{R"({"input":"Hi","model":")"} + closed + "\"}")
            .status == 404);
  }
  CHECK(world.post(eve, "/v1/chat/completions", chat_of("hers")).status == 200);
  CHECK(world.post(world.ada(), "/v1/chat/completions", chat_of("hers")).status == 404);
}

TEST_CASE("/v1: in maintenance only ADMINs call") {
  v1_world world;
  auto eve = world.add_user("eve");
  REQUIRE(world.patch(world.ada(), "/api/settings/system", R"({"maintenance":"Back at ten."})")
              .status == 200);
  auto refused = world.post(eve, "/v1/chat/completions", chat_of("scripted"));
  CHECK(refused.status == 503);
  CHECK(refused.at("/error/message") == "Back at ten.");
  CHECK(world.get(eve, "/v1/models").status == 200);
  CHECK(world.post(world.ada(), "/v1/chat/completions", chat_of("scripted")).status == 200);
}

TEST_CASE("/v1: a call that runs is among the streams that an ADMIN sees") {
  v1_world world;
  world.upstream_plays(held_reply_of({"secret words"}));
  // A stream of /v1 begins with the first words: until then it may still be an error.
  world.upstream().release();
  auto stream = world.stream_chat(world.ada());
  auto seen = [&] { return world.get(world.ada(), "/api/admin/streams"); };
  CHECK(seen().at("/items/0/kind") == "call");
  CHECK(seen().at("/items/0/sessionId") == "(absent)");
  world.upstream().release();
  stream.rest();
  CHECK(seen().at("/total") == "0");
}
