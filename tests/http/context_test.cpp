// What is sent, shown before and after: preview, counts, pins, the summary and the record of a
// reply.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

std::string body_of(const std::string& session, const std::string& content) {
  return R"({"sessionId":")" + session + R"(","content":")" + content + "\"}";
}

}  // namespace

TEST_CASE("a preview shows what a turn sends, and the reply what it sent") {
  node_world world;
  world.add_model();
  auto eve = world.add_user("eve");
  auto session = world.add_session(eve);
  auto preview = world.post(eve, "/api/chat/preview", body_of(session, "Hi"));
  REQUIRE(preview.status == 200);
  CHECK(preview.at("/context/kept") == "1");
  CHECK(preview.at("/context/dropped") == "0");
  CHECK(preview.at("/context/spans/0/fate") == "sent");
  CHECK(preview.at("/context/spans/0/reason") == "newest");
  CHECK(preview.at("/context/parts/framing") == "3");
  CHECK(world.get(eve, "/api/sessions/" + session + "/messages").at("/items/0") == "(absent)");

  auto stream =
      world.post(eve, "/api/chat/stream", body_of(session, "Hi"), {{"Accept", "application/json"}});
  REQUIRE(stream.status == 200);
  CHECK(stream.at("/context/tokens") == preview.at("/context/tokens"));
  CHECK(stream.at("/context/spans/0/first") == stream.at("/parentId"));
  // Without a session: that of a new one, which is not made.
  auto fresh = world.post(eve, "/api/chat/preview", R"({"content":"Hi"})");
  CHECK(fresh.status == 200);
  CHECK(world.get(eve, "/api/sessions?count=true").at("/total") == "1");

  CHECK(world.post(eve, "/api/chat/preview", R"({"content":"Hi","parts":[]})").status == 422);
  CHECK(world.post(world.ada(), "/api/chat/preview", body_of(session, "Hi")).status == 404);
}

TEST_CASE("a message longer than the window is refused with its size") {
  node_world world;
  auto model = world.add_model();
  CHECK(
      world
          .patch(world.ada(), "/api/models/" + model, R"({"model":"gpt-4o","contextWindow":32000})")
          .status == 200);
  auto session = world.add_session(world.ada());
  std::string words;
  while (words.size() < 400'000) words += "word after word ";
  auto refused = world.post(world.ada(), "/api/chat/stream", body_of(session, words));
  CHECK(refused.status == 422);
  CHECK(refused.at("/error/reason") == "context_too_long");
  CHECK(refused.at("/error/message").find("tokens") != std::string::npos);
  if (node_world::has_tables()) {
    // Its size is that of the message alone, which is counted beside it.
    auto body = R"({"model":"gpt-4o","text":")" + words + "\"}";
    auto size = std::stoi(world.post(world.ada(), "/api/tokens/count", body).at("/tokens"));
    CHECK(refused.at("/error/message").find(std::to_string(size + 4)) != std::string::npos);
  }
}

TEST_CASE("texts and messages are counted for a model") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto count = [&](const std::string& body) { return world.post(ada, "/api/tokens/count", body); };
  if (node_world::has_tables()) {
    auto text = count(R"({"text":"Hello, world!","model":"gpt-4o"})");
    CHECK(text.status == 200);
    CHECK(text.at("/tokens") == "4");
    CHECK(text.at("/vocabulary") == "o200k_base");
    CHECK(text.at("/estimated") == "false");
    auto talk = count(R"({"model":"gpt-4","messages":[
        {"role":"system","content":"You are a helpful assistant."},
        {"role":"user","content":"Hello, world!","name":"ann"}]})");
    CHECK(talk.at("/tokens") == "23");
    CHECK(talk.at("/vocabulary") == "cl100k_base");
  }
  auto closed = count(R"({"text":"Hello, world!","model":"claude-sonnet-4-5"})");
  CHECK(closed.status == 200);
  CHECK(closed.at("/estimated") == "true");
  // The default model of the caller, tools and all.
  auto tools = count(R"({"messages":[{"content":"Hi"}],"tools":[{"type":"function","function":
      {"name":"f","description":"d","parameters":{"type":"object","properties":{}}}}]})");
  CHECK(tools.status == 200);
  CHECK(std::stoi(tools.at("/tokens")) >
        std::stoi(count(R"({"messages":[{"content":"Hi"}]})").at("/tokens")));

  CHECK(count(R"({"text":"a","messages":[{"content":"b"}]})").faults() == "/text");
  CHECK(count(R"({})").faults() == "/text");
  CHECK(count(R"({"text":"a","tools":[]})").faults() == "/tools");
  CHECK(count(R"({"text":"a","modelId":"01890000-0000-7000-8000-000000000000"})").status == 404);
}

TEST_CASE("a message is pinned and no longer") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto reply =
      world.post(ada, "/api/chat/stream", body_of(session, "Hi"), {{"Accept", "application/json"}});
  auto path = "/api/sessions/" + session + "/messages/" + reply.at("/parentId");
  CHECK(world.get(ada, path).at("/pinned") == "false");
  auto pinned = world.patch(ada, path, R"({"pinned":true})");
  CHECK(pinned.status == 200);
  CHECK(pinned.at("/pinned") == "true");
  CHECK(world.get(ada, path).body == pinned.body);
  CHECK(world.patch(ada, path, R"({"pinned":false})", {{"If-Match", "\"v1\""}}).status == 412);
  CHECK(world.patch(ada, path, R"({"pinned":false})").at("/pinned") == "false");
  CHECK(world.patch(ada, path, R"({"role":"system"})").faults() == "/role");
  CHECK(world.patch(world.add_user("eve"), path, R"({"pinned":true})").status == 404);
}

TEST_CASE("a summary is its user's to read, write, correct and drop") {
  node_world world;
  world.add_model();
  auto eve = world.add_user("eve");
  auto session = world.add_session(eve, R"({"title":"t","contextStrategy":"summarise"})");
  auto path = "/api/sessions/" + session + "/summary";
  CHECK(world.get(eve, path).status == 404);
  auto early = world.put(eve, path, R"({"text":"notes"})");
  CHECK(early.status == 409);
  CHECK(early.at("/error/reason") == "nothing_to_summarise");
  for (auto text : {"Hi", "Again"})
    CHECK(
        world
            .post(eve, "/api/chat/stream", body_of(session, text), {{"Accept", "application/json"}})
            .status == 200);

  // The upstream says "Hello, world!" to everything, also to who asks for notes.
  auto made = world.ask("POST", &eve, path, {});
  REQUIRE(made.status == 200);
  CHECK(made.at("/text") == "Hello, world!");
  CHECK(made.at("/source") == "model");
  CHECK(made.at("/messages") == "2");
  auto corrected = world.put(eve, path, R"({"text":"My notes."})");
  CHECK(corrected.status == 200);
  CHECK(corrected.at("/source") == "user");
  CHECK(corrected.header("ETag") == "\"v2\"");
  CHECK(world.get(eve, path).body == corrected.body);
  CHECK(world.put(eve, path, R"({"text":""})").faults() == "/text");

  auto preview = world.post(eve, "/api/chat/preview", body_of(session, "On"));
  CHECK(preview.at("/context/summarised") == "2");
  // A restart keeps it.
  world.stop();
  world.start();
  CHECK(world.get(eve, path).at("/text") == "My notes.");
  CHECK(world.get(world.ada(), path).status == 404);
  CHECK(world.erase(eve, path, {{"If-Match", "\"v1\""}}).status == 412);
  CHECK(world.erase(eve, path).status == 204);
  CHECK(world.get(eve, path).status == 404);
}

TEST_CASE("prices are decimals, and a preview tells the cost") {
  node_world world;
  auto& ada = world.ada();
  auto model = world.add_model();
  auto bad =
      world.patch(ada, "/api/models/" + model,
                  R"({"prices":{"currency":"USD","inputPerMTok":"2,5","outputPerMTok":""}})");
  CHECK(bad.status == 422);
  auto priced =
      world.patch(ada, "/api/models/" + model,
                  R"({"prices":{"currency":"USD","inputPerMTok":"100","outputPerMTok":"200"}})");
  REQUIRE(priced.status == 200);
  auto preview =
      world.post(ada, "/api/chat/preview", R"({"content":"Hi","modelId":")" + model + "\"}");
  REQUIRE(preview.status == 200);
  CHECK(preview.at("/context/cost/currency") == "USD");
  CHECK(preview.at("/context/cost/amount") != "0");
}
