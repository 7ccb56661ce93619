// What /metrics tells of the database.
#include "tests/support/node_world.hpp"

using namespace parley::test;

TEST_CASE("time in the database is counted by kind of statement") {
  node_world world;
  world.add_session(world.ada());
  CHECK(world.get(world.ada(), "/api/sessions").status == 200);
  auto text = world.ask({"GET", "/metrics", {}, {}}).body;
  for (auto kind : {"create_user", "create_session", "page_sessions", "load_user"}) {
    INFO(kind);
    auto count = "parley_storage_statement_seconds_count{kind=\"" + std::string{kind} + "\"} ";
    auto found = text.find(count);
    REQUIRE(found != std::string::npos);
    CHECK(text[found + count.size()] > '0');
  }
}

namespace {

/// What stands behind a series; -1 if it is not there.
double value_of(const std::string& text, const std::string& series) {
  auto found = text.find("\n" + series + " ");
  return found == std::string::npos ? -1 : std::stod(text.substr(found + series.size() + 2));
}

}  // namespace

TEST_CASE("requests are counted by route and status, streams at their end") {
  node_world world;
  auto metrics = [&] { return world.ask({"GET", "/metrics", {}, {}}).body; };
  auto before = metrics();
  auto found = [](const std::string& text, const std::string& route, const std::string& status) {
    auto labels = "{route=\"" + route + "\",status=\"" + status + "\"}";
    return std::max(0.0, value_of(text, "parley_http_requests_total" + labels));
  };
  CHECK(world.get(world.ada(), "/api/sessions").status == 200);
  CHECK(world.ask({"GET", "/api/sessions", {}, {}}).status == 401);
  auto after = metrics();
  auto list = std::string{"GET /api/sessions"};
  CHECK(found(after, list, "2xx") == found(before, list, "2xx") + 1);
  CHECK(found(after, list, "4xx") == found(before, list, "4xx") + 1);
  CHECK(value_of(after, "parley_http_request_seconds_count{route=\"" + list + "\"}") >= 2);
  CHECK(value_of(after, "parley_streams_open") == 0);
  CHECK(value_of(after, "parley_actors") > 5);
  CHECK(value_of(after, "parley_hashing_waiting") == 0);
  CHECK(value_of(after, "process_open_fds") > 5);
}

TEST_CASE("metrics are not for who comes through a proxy, trusted or not") {
  node_world world;
  for (auto header : {"X-Forwarded-For", "Forwarded", "Via"}) {
    INFO(header);
    CHECK(world.ask({"GET", "/metrics", {}, {{header, "127.0.0.1"}}}).status == 403);
  }
  CHECK(world.ask({"GET", "/metrics", {}, {}}).status == 200);
}
