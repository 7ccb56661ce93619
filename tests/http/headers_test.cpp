// Headers that browsers act on, on every route: what guards a page, and who may call from another.
#include "http/router.hpp"
#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

const std::string friendly = "https://chat.example";

/// A path of this pattern.
std::string path_of(std::string_view pattern) {
  std::string path{pattern};
  for (auto open = path.find('{'); open != std::string::npos; open = path.find('{'))
    path.replace(open, path.find('}') - open + 1, "x");
  return path;
}

http_answer ask_once(node_world& world, const http_request& request) {
  return event_stream{world.port(), request}.head();
}

}  // namespace

TEST_CASE("headers: every answer is typed, unframed where it is a page, and tells no referrer") {
  node_world world{{{"read-calls-per-min", "1000000"}, {"write-calls-per-min", "1000000"}}};
  for (auto& entry : http::make_routes(settings{})) {
    auto path = path_of(entry.row.pattern);
    INFO(http::to_string(entry.row.verb) << " " << path);
    auto answer = ask_once(world, {std::string{http::to_string(entry.row.verb)}, path, {}, {}});
    CHECK(answer.header("X-Content-Type-Options") == "nosniff");
    CHECK(answer.header("Referrer-Policy") == "no-referrer");
    CHECK(answer.header("X-Request-Id") != "(absent)");
    CHECK(answer.header("Cache-Control") != "(absent)");
    CHECK(answer.header("Access-Control-Allow-Origin") == "(absent)");
    if (!answer.header("Content-Type").starts_with("text/html")) continue;
    auto policy = answer.header("Content-Security-Policy");
    CHECK(policy.find("default-src '") == 0);
    CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
    CHECK(policy.find("base-uri 'none'") != std::string::npos);
    CHECK(policy.find("script-src 'self'") != std::string::npos);
    CHECK(policy.find("'unsafe-eval'") == std::string::npos);
    CHECK(policy.find("http") == std::string::npos);
  }
}

TEST_CASE("headers: a listed origin may ask any route, another is told nothing") {
  node_world world{{{"cors-origins", friendly},
                    {"read-calls-per-min", "1000000"},
                    {"write-calls-per-min", "1000000"}}};
  for (auto& entry : http::make_routes(settings{})) {
    auto path = path_of(entry.row.pattern);
    auto verb = std::string{http::to_string(entry.row.verb)};
    INFO(verb << " " << path);
    auto asked = ask_once(world, {"OPTIONS",
                                  path,
                                  {},
                                  {{"Origin", friendly},
                                   {"Access-Control-Request-Method", verb},
                                   {"Access-Control-Request-Headers", "authorization"}}});
    CHECK(asked.status == 204);
    CHECK(asked.header("Access-Control-Allow-Origin") == friendly);
    CHECK(asked.header("Access-Control-Allow-Methods").find(verb) != std::string::npos);
    CHECK(asked.header("Access-Control-Allow-Headers")
              .find("Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
                    "Last-Event-ID, Prefer, X-Request-Id") == 0);
    // A refusal is readable too, or a page could not say why.
    auto answer = ask_once(world, {verb, path, {}, {{"Origin", friendly}}});
    CHECK(answer.header("Access-Control-Allow-Origin") == friendly);
    auto exposed = answer.header("Access-Control-Expose-Headers");
    CHECK(exposed.find("Retry-After") != std::string::npos);
    CHECK(exposed.find("X-Request-Id") != std::string::npos);
    CHECK(answer.header("Vary") == "Origin");
    for (std::string stranger : {"https://evil.example", "https://chat.example.evil.example",
                                 "http://chat.example", "https://chat.example:8443", "null"}) {
      INFO("Origin " << stranger);
      for (const auto& method : {std::string{"OPTIONS"}, verb}) {
        auto refused = ask_once(world, {method, path, {}, {{"Origin", stranger}}});
        for (const auto& [name, value] : refused.headers) {
          INFO(name);
          CHECK_FALSE(name.starts_with("Access-Control-"));
        }
      }
    }
  }
}
