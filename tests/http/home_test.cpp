// http/routes/home.cpp, and what holds for every route: framing, methods, limits, headers.
#include "tests/support/node_world.hpp"

using namespace parley::test;

TEST_CASE("a node tells everybody that it is well") {
  node_world world;
  http_client client{world.port()};

  auto alive = client.ask({"GET", "/healthz", {}, {}});
  CHECK(alive.status == 200);
  CHECK(alive.body == R"({"status":"ok"})");
  auto ready = client.ask({"GET", "/readyz", {}, {}});
  CHECK(ready.status == 200);
  CHECK(ready.at("/status") == "ok");

  auto health = client.ask({"GET", "/api/health", {}, {}});
  CHECK(health.status == 200);
  CHECK(health.at("/status") == "ok");
  CHECK(health.at("/parts/storage/status") == "ok");
  CHECK(std::stoi(health.at("/parts/edge/connections")) >= 1);

  auto about = client.ask({"GET", "/api/info", {}, {}});
  CHECK(about.status == 200);
  CHECK(about.at("/name") == "parley");
  CHECK(about.at("/version") == PARLEY_VERSION);
  CHECK(about.at("/mode") == "multi");
  for (auto feature : {"\"resume\"", "\"branches\"", "\"folders\"", "\"events\""})
    CHECK(about.at("/features").find(feature) != std::string::npos);
  CHECK(about.at("/limits/messageBytes") == std::to_string(world.values().message_bytes_max));
  CHECK(about.at("/limits/pageItems") == "100");

  auto metrics = client.ask({"GET", "/metrics", {}, {}});
  CHECK(metrics.status == 200);
  CHECK(metrics.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(metrics.body.find("\nparley_http_request_seconds_count{") != std::string::npos);
  CHECK(metrics.body.find("\nprocess_") != std::string::npos);
}

TEST_CASE("the first page names the host it was asked for, and nothing that is no name") {
  node_world world;
  auto page = world.ask({"GET", "/", {}, {{"Host", "chat.example:8080"}}});
  CHECK(page.status == 200);
  CHECK(page.header("Content-Type") == "text/html; charset=utf-8");
  CHECK(page.header("Content-Security-Policy").find("default-src 'self'") == 0);
  CHECK(page.body.find("http://chat.example:8080/api/auth/register") != std::string::npos);
  auto odd = world.ask({"GET", "/", {}, {{"Host", "a\"<b>"}}});
  CHECK(odd.body.find("<b>") == std::string::npos);
}

TEST_CASE("every answer has an id, and its client's if that can be one") {
  node_world world;
  auto ask = [&](const std::string& id) {
    return world.ask({"GET", "/healthz", {}, {{"X-Request-Id", id}}}).header("X-Request-Id");
  };
  CHECK(ask("my.request_1-2") == "my.request_1-2");
  CHECK(ask(std::string(64, 'a')) == std::string(64, 'a'));
  CHECK(ask(std::string(65, 'a')) != std::string(65, 'a'));
  CHECK(ask("a b") != "a b");
  auto answer = world.ask({"GET", "/api/nothing", {}, {}});
  CHECK(answer.status == 404);
  CHECK(answer.at("/error/code") == "not_found");
  CHECK(answer.at("/error/requestId") == answer.header("X-Request-Id"));
  CHECK(answer.header("X-Content-Type-Options") == "nosniff");
  CHECK(answer.header("Cache-Control") == "no-store");
}

TEST_CASE("a method that a path does not know is answered by those it knows") {
  node_world world;
  http_client client{world.port()};
  auto allow = [&](const std::string& method, const std::string& path) {
    auto answer = client.ask({method, path, {}, {}});
    CHECK(answer.status == 405);
    CHECK(answer.at("/error/code") == "malformed");
    return answer.header("Allow");
  };
  CHECK(allow("DELETE", "/healthz") == "GET, HEAD, OPTIONS");
  CHECK(allow("GET", "/api/auth/login") == "POST, OPTIONS");
  CHECK(allow("PUT", "/api/sessions") == "GET, HEAD, POST, OPTIONS");
  CHECK(allow("POST", "/api/users/me") == "GET, HEAD, PATCH, DELETE, OPTIONS");
  CHECK(client.ask({"BREW", "/healthz", {}, {}}).status == 501);

  auto options = client.ask({"OPTIONS", "/api/sessions", {}, {{"Origin", "https://evil.example"}}});
  CHECK(options.status == 204);
  CHECK(options.header("Allow") == "GET, HEAD, POST, OPTIONS");
  CHECK(options.header("Access-Control-Allow-Origin") == "(absent)");
}

TEST_CASE("HEAD answers what GET would, without its body") {
  node_world world;
  http_client client{world.port()};
  auto got = client.ask({"GET", "/api/auth/methods", {}, {}});
  auto head = client.ask({"HEAD", "/api/auth/methods", {}, {}});
  CHECK(head.status == 200);
  CHECK(head.header("Content-Length") == std::to_string(got.body.size()));
  CHECK(client.ask({"GET", "/healthz", {}, {}}).body == R"({"status":"ok"})");
}

TEST_CASE("an origin that the settings name may call from its pages") {
  node_world world{{{"cors-origins", "https://chat.example"}}};
  auto from = [&](const std::string& method, const std::string& origin) {
    return world.ask({method, "/api/info", {}, {{"Origin", origin}}});
  };
  auto known = from("GET", "https://chat.example");
  CHECK(known.header("Access-Control-Allow-Origin") == "https://chat.example");
  CHECK(known.header("Access-Control-Expose-Headers").find("X-Request-Id") != std::string::npos);
  auto asked = from("OPTIONS", "https://chat.example");
  CHECK(asked.status == 204);
  CHECK(asked.header("Access-Control-Allow-Methods") == "GET, HEAD, OPTIONS");
  CHECK(asked.header("Access-Control-Allow-Headers").find("Last-Event-ID") != std::string::npos);
  auto foreign = from("GET", "https://evil.example");
  CHECK(foreign.status == 200);
  CHECK(foreign.header("Access-Control-Allow-Origin") == "(absent)");
  CHECK(foreign.header("Vary") == "Origin");
}

TEST_CASE("calls over the limit wait, and are told how long") {
  node_world world{{{"read-calls-per-min", "2"}, {"io-threads", "1"}}};
  http_client client{world.port()};
  auto first = client.ask({"GET", "/api/info", {}, {}});
  CHECK(first.status == 200);
  CHECK(first.header("RateLimit-Limit") == "2");
  CHECK(first.header("RateLimit-Remaining") == "1");
  CHECK(client.ask({"GET", "/api/info", {}, {}}).status == 200);
  auto refused = client.ask({"GET", "/api/info", {}, {}});
  CHECK(refused.status == 429);
  CHECK(refused.at("/error/reason") == "rate_limited");
  auto wait = std::stoi(refused.header("Retry-After"));
  CHECK(wait >= 1);
  CHECK(wait <= 30);
  CHECK(refused.at("/error/retryAfterMs") == std::to_string(wait * 1000));
  // Somebody logged in has a limit of their own, and health has none.
  CHECK(world.get(world.ada(), "/api/auth/me").status == 200);
  CHECK(client.ask({"GET", "/readyz", {}, {}}).status == 200);
}
