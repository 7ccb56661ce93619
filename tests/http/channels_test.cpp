// Models with several channels, through the whole node: which of them is dead nobody notices.
#include "tests/support/node_world.hpp"

using namespace parley::test;
using namespace std::chrono_literals;

namespace {

script silence() {
  return {hang()};
}

std::string model_body(const std::string& first, const std::string& second,
                       const std::string& more = {}) {
  return R"({"name":"two","model":"m","weight":1,"baseUrl":")" + first +
         R"(/v1","apiKey":"sk-canary-first-0123456789","channels":[{"name":"second","weight":0,)"
         R"("baseUrl":")" +
         second + R"(/v1","apiKey":"sk-canary-second-0123456789"}])" + more + "}";
}

}  // namespace

TEST_CASE("one of two channels dead: no reply fails, and only the first one waits") {
  node_world world{{{"upstream-retries-max", "2"}}};
  auto& ada = world.ada();
  auto is_silent = GENERATE(false, true);
  std::optional<scripted_upstream> dead{[](const std::string&) { return silence(); }};
  auto dead_url = dead->url();
  if (!is_silent) dead.reset();
  auto made = world.post(ada, "/api/models/system", model_body(dead_url, world.upstream().url()));
  REQUIRE(made.status == 201);
  // A silent one costs the limit of this world, one second.
  auto wait_max = is_silent ? 2'000ms : 1'000ms;
  for (int turn = 0; turn < 10; ++turn) {
    auto session = world.add_session(ada, R"({"modelId":")" + made.at("/id") + "\"}");
    auto began = std::chrono::steady_clock::now();
    auto events = world.say_hi(ada, session).rest();
    CHECK(names_of(events) == "start part delta usage done");
    CHECK(std::chrono::steady_clock::now() - began < wait_max);
    auto id = events.front().at("/messageId");
    auto stored = world.message(ada, session, id);
    CHECK(stored.at("/status") == "complete");
    CHECK(stored.at("/answeredBy/channel") == "second");
    CHECK(stored.at("/answeredBy/modelId") == made.at("/id"));
    CHECK(stored.at("/answeredBy/attempts") == (turn == 0 ? "2" : "1"));
  }
  if (dead) CHECK(dead->counts().requests == 1);
}

TEST_CASE("the fallback model answers where the model can't") {
  node_world world{{{"upstream-retries-max", "2"}}};
  auto& ada = world.ada();
  auto standing_in = world.add_model();
  std::string nowhere;
  {
    scripted_upstream gone{[](const std::string&) { return silence(); }};
    nowhere = gone.url();
  }
  auto made =
      world.post(ada, "/api/models/system",
                 model_body(nowhere, nowhere, R"(,"fallbackModelId":")" + standing_in + "\""));
  REQUIRE(made.status == 201);
  CHECK(made.at("/fallbackModelId") == standing_in);
  auto session = world.add_session(ada, R"({"modelId":")" + made.at("/id") + "\"}");
  auto events = world.say_hi(ada, session).rest();
  auto stored = world.message(ada, session, events.front().at("/messageId"));
  CHECK(stored.at("/content") == "Hello, world!");
  CHECK(stored.at("/modelName") == "two");
  CHECK(stored.at("/answeredBy/modelName") == "scripted");
  CHECK(stored.at("/answeredBy/channel").empty());
  // One that is gone is none.
  CHECK(world.erase(ada, "/api/models/" + standing_in).status == 204);
  auto failed = world.say_hi(ada, session).rest();
  CHECK(names_of(failed) == "start usage error done");
}

TEST_CASE("keys of channels are written and never read, and stay at their origin") {
  node_world world;
  auto& ada = world.ada();
  auto made =
      world.post(ada, "/api/models/system", model_body("https://a.example", "https://b.example"));
  REQUIRE(made.status == 201);
  auto path = "/api/models/" + made.at("/id");
  auto seen = [&](const http_answer& answer) {
    CHECK(answer.status == 200);
    CHECK(answer.body.find("canary") == std::string::npos);
    CHECK(answer.body.find("channelKeys") == std::string::npos);
    CHECK(answer.at("/channels/0/apiKey") == "(absent)");
    return answer.at("/channels/0/hasApiKey") + " " + answer.at("/channels/0/keyHint");
  };
  auto change = [&](const std::string& channel) {
    return seen(world.patch(ada, path, R"({"channels":[)" + channel + "]}"));
  };
  CHECK(seen(world.get(ada, path)) ==
        "true \xE2\x80\xA6"
        "6789");
  CHECK(change(R"({"name":"second","baseUrl":"https://b.example/v2","weight":7})") ==
        "true \xE2\x80\xA6"
        "6789");
  CHECK(change(R"({"name":"second","baseUrl":"https://evil.example/v1"})") == "false ");
  CHECK(change(R"({"name":"second","baseUrl":"https://b.example/v1","apiKey":"short"})") ==
        "true ");
  CHECK(change(R"({"name":"renamed","baseUrl":"https://b.example/v1"})") == "false ");
  CHECK(world.patch(ada, path, R"({"channels":[]})").at("/channels") == "[]");
}

TEST_CASE("channels and certificates that are no good are told") {
  node_world world;
  auto eve = world.add_user("eve");
  auto body = [](const std::string& more) {
    return R"({"name":"n","model":"m","baseUrl":"https://a.example",)" + more + "}";
  };
  auto channel = [](const std::string& name, const std::string& url) {
    return R"({"name":")" + name + R"(","baseUrl":")" + url + "\"}";
  };
  auto two = [&](const std::string& first, const std::string& second) {
    return world.post(eve, "/api/models", body(R"("channels":[)" + first + "," + second + "]"));
  };
  auto refused = two(channel("x", "https://b.example"), channel("x", "https://c.example"));
  CHECK(refused.faults() == "/channels/1/name");
  refused = two(channel("x", "https://b.example"), channel("y", "https://10.0.0.1"));
  CHECK(refused.status == 422);
  CHECK(refused.faults() == "/channels/1/baseUrl");
  refused = two(R"({"name":"x","keyHint":"1"})", "7");
  CHECK(refused.faults() == "/channels/0/baseUrl /channels/0/keyHint /channels/1");
  auto pem = R"("caCertificates":"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")";
  CHECK(world.post(eve, "/api/models", body(pem)).faults() == "/caCertificates");
  CHECK(world.post(world.ada(), "/api/models", body(pem)).faults() == "/caCertificates");
  CHECK(world.post(eve, "/api/models", body(R"("channels":[])")).status == 201);
}
