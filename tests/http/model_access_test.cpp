// Whom a system model is open to, in every route that takes a model's id; trials and discovery.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

struct fixture : node_world {
  fixture() {
    add_model();
    eve = add_user("eve");
    session = add_session(eve);
    auto events = say_hi(eve, session).rest();
    reply = events.front().at("/messageId");
    folder = post(eve, "/api/folders", R"({"name":"f"})").at("/id");
  }
  std::string add(const std::string& more) {
    auto made = post(ada(), "/api/models/system",
                     R"({"name":"closed)" + std::to_string(++made_) +
                         R"(","model":"m","baseUrl":")" + upstream().url() + "/v1\"" + more + "}");
    REQUIRE(made.status == 201);
    return made.at("/id");
  }
  /// Each route with this model, by the same user.
  std::vector<std::pair<std::string, http_answer>> use(const std::string& model) {
    auto field = R"("modelId":")" + model + "\"";
    std::vector<std::pair<std::string, http_answer>> all;
    auto note = [&](std::string name, http_answer answer) {
      all.emplace_back(std::move(name), std::move(answer));
    };
    auto in_session = R"({"sessionId":")" + session + R"(","content":"Hi",)" + field + "}";
    auto again = R"({"messageId":")" + reply + "\"," + field + "}";
    note("stream", post(eve, "/api/chat/stream", in_session));
    note("new stream", post(eve, "/api/chat/stream", R"({"content":"Hi",)" + field + "}"));
    note("preview", post(eve, "/api/chat/preview", in_session));
    note("regenerate", post(eve, "/api/chat/regenerate", again));
    note("count", post(eve, "/api/tokens/count", R"({"text":"Hi",)" + field + "}"));
    note("new session", post(eve, "/api/sessions", "{" + field + "}"));
    note("session", patch(eve, "/api/sessions/" + session, "{" + field + "}"));
    note("new folder", post(eve, "/api/folders", R"({"name":"g",)" + field + "}"));
    note("folder", patch(eve, "/api/folders/" + folder, "{" + field + "}"));
    note("default", patch(eve, "/api/settings", R"({"defaultModelId":")" + model + "\"}"));
    note("test", post(eve, "/api/models/" + model + "/test", "{}"));
    note("read", get(eve, "/api/models/" + model));
    note("fallback", post(eve, "/api/models",
                          R"({"name":"mine","model":"m","baseUrl":"https://a.example/v1",)"
                          R"("fallbackModelId":")" +
                              model + "\"}"));
    return all;
  }

  account eve;
  std::string session;
  std::string reply;
  std::string folder;

 private:
  int made_ = 0;
};

}  // namespace

TEST_CASE("a model that is disabled, not open to a user or absent is 404 in every route") {
  fixture world;
  auto none = world.use(absent);
  auto disabled = world.use(world.add(R"(,"enabled":false)"));
  auto closed = world.add(R"(,"access":[{"type":"role","id":"ADMIN"}])");
  auto foreign = world.use(closed);
  for (size_t i = 0; i < none.size(); ++i) {
    INFO(none[i].first);
    CHECK(none[i].second.status == 404);
    CHECK(disabled[i].second.status == 404);
    CHECK(foreign[i].second.status == 404);
    CHECK(disabled[i].second.without_request_id() == none[i].second.without_request_id());
    CHECK(foreign[i].second.without_request_id() == none[i].second.without_request_id());
  }
  CHECK(world.get(world.eve, "/api/models").body.find("closed") == std::string::npos);
  CHECK(world.get(world.ada(), "/api/models").body.find("closed2") != std::string::npos);
}

TEST_CASE("a reply that ended early goes on only with a model that is open to its user") {
  fixture world;
  auto closed = world.add(R"(,"access":[])");
  auto refused =
      world.post(world.eve, "/api/chat/continue",
                 R"({"messageId":")" + world.reply + R"(","modelId":")" + closed + "\"}");
  // The reply is complete: that is said before any model is looked for.
  CHECK((refused.status == 404 || refused.at("/error/reason") == "reply_complete"));
}

TEST_CASE("a model is opened to a user and to a role, and listed in its order") {
  fixture world;
  auto id = world.add(R"(,"order":-5,"access":[{"type":"user","id":")" + world.eve.id + "\"}]");
  CHECK(world.get(world.eve, "/api/models").at("/items/0/id") == id);
  CHECK(world.get(world.eve, "/api/models/" + id).status == 200);
  auto bob = world.add_user("bob");
  CHECK(world.get(bob, "/api/models/" + id).status == 404);
  REQUIRE(world
              .patch(world.ada(), "/api/models/" + id,
                     R"({"access":[{"type":"role","id":"USER"}],"order":5})")
              .status == 200);
  CHECK(world.get(bob, "/api/models").at("/items/1/id") == id);
  auto test = world.post(bob, "/api/models/" + id + "/test", "{}");
  CHECK(test.status == 403);  // the system's are tried by ADMINs
  auto bad = world.patch(world.ada(), "/api/models/" + id,
                         R"({"access":[{"type":"role","id":"X"},{"type":"everyone","id":"y"}]})");
  CHECK(bad.faults() == "/access/0/id /access/1/id");
  auto mine = world.post(world.eve, "/api/models",
                         R"({"name":"mine","model":"m","baseUrl":"https://a.example/v1",)"
                         R"("access":[{"type":"everyone"}]})");
  CHECK(mine.status == 422);
  CHECK(mine.faults() == "/access");
}

TEST_CASE("a trial tells how soon a model answers, or plainly why not") {
  fixture world;
  auto id = world.add("");
  auto works = world.post(world.ada(), "/api/models/" + id + "/test", "{}");
  REQUIRE(works.status == 200);
  CHECK(works.at("/ok") == "true");
  CHECK(works.at("/firstTokenMs") != "(absent)");
  auto channels = world.get(world.ada(), "/api/admin/channels");
  CHECK(channels.status == 200);
  CHECK(channels.body.find(id) != std::string::npos);
  CHECK(channels.body.find("canary") == std::string::npos);
  CHECK(world.get(world.eve, "/api/admin/channels").status == 403);

  REQUIRE(world.patch(world.ada(), "/api/models/" + id, R"({"baseUrl":"http://127.0.0.1:4/v1"})")
              .status == 200);
  auto broken = world.post(world.ada(), "/api/models/" + id + "/test", "{}");
  CHECK(broken.status == 200);
  CHECK(broken.at("/ok") == "false");
  CHECK(broken.at("/reason") == "upstream_unreachable");
  CHECK(broken.at("/advice") != "(absent)");
}

TEST_CASE("with test=true a model is stored only if it answers") {
  fixture world;
  auto body = [](const std::string& name, const std::string& url) {
    return R"({"name":")" + name + R"(","model":"m","baseUrl":")" + url + "/v1\"}";
  };
  auto route = std::string{"/api/models/system?test=true"};
  CHECK(world.post(world.ada(), route, body("good", world.upstream().url())).status == 201);
  auto bad = world.post(world.ada(), route, body("bad", "http://127.0.0.1:4"));
  CHECK(bad.status == 502);
  CHECK(bad.at("/error/reason") == "upstream_unreachable");
  auto own = world.post(world.ada(), "/api/models?test=true", body("own", "http://127.0.0.1:4"));
  CHECK(own.status == 502);
  auto all = world.get(world.ada(), "/api/models").body;
  CHECK(all.find("\"good\"") != std::string::npos);
  CHECK(all.find("\"bad\"") == std::string::npos);
  CHECK(all.find("\"own\"") == std::string::npos);
}

TEST_CASE("discovery asks an upstream for its models, within the caller's bounds") {
  fixture world;
  world.upstream_plays_once(
      {send_bytes("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52\r\n\r\n"
                  R"({"data":[{"id":"m-1"},{"id":"m-2","name":"Second"}]})")});
  auto found = world.post(world.ada(), "/api/models/discover",
                          R"({"provider":"openai","apiKey":"sk-canary-0123456789","baseUrl":")" +
                              world.upstream().url() + "/v1\"}");
  REQUIRE(found.status == 200);
  CHECK(found.at("/items/0/id") == "m-1");
  CHECK(found.at("/items/1/id") == "m-2");
  auto refused =
      world.post(world.eve, "/api/models/discover",
                 R"({"provider":"openai","baseUrl":")" + world.upstream().url() + "/v1\"}");
  CHECK(refused.status == 422);
  CHECK(world.post(world.ada(), "/api/models/discover", R"({"provider":"nobody"})").status == 422);
  CHECK(world.post(world.ada(), "/api/models/discover", "{}").faults() == "/provider");
}
