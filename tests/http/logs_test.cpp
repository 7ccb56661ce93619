// http/routes/logs.cpp: the log, as an ADMIN may ask it.
#include "base/log.hpp"

#include <unistd.h>

#include <filesystem>

#include "base/json.hpp"
#include "tests/support/log_lines.hpp"
#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

/// A node whose log goes into its files.
struct logging_world : node_world {
  explicit logging_world(setting_list more = {}) : node_world(std::move(more)) {
    log_options options;
    options.fd = -1;
    options.files.directory = directory();
    start_log(options);
  }
  ~logging_world() { stop_log(); }

  std::filesystem::path directory() const {
    return std::filesystem::path{values().data_dir} / "logs";
  }

  /// The log's thread writes soon, not at once.
  http_answer when_found(const std::string& path, const std::string& pointer) {
    http_answer found;
    for (int tries = 0; tries < 300; ++tries) {
      found = get(ada(), path);
      if (found.status != 200 || found.at(pointer) != "(absent)") break;
      ::usleep(10'000);
    }
    return found;
  }
};

}  // namespace

TEST_CASE("an ADMIN finds the line of a request, and nobody else does") {
  logging_world world;
  auto eve = world.add_user("eve");
  CHECK(world
            .get(eve, "/api/sessions/01890000-0000-7000-8000-000000000000",
                 {{"X-Request-Id", "looked-for-1"}})
            .status == 404);
  auto found = world.when_found("/api/admin/logs?requestId=looked-for-1", "/items/0");
  REQUIRE(found.status == 200);
  CHECK(found.at("/items/0/event") == "http.request");
  CHECK(found.at("/items/0/route") == "/api/sessions/{id}");
  CHECK(found.at("/items/0/status") == "404");
  CHECK(found.at("/items/0/reason") == "not_found");
  CHECK(found.at("/items/0/user") == eve.id);
  CHECK(found.at("/items/0/queue_ms") != "(absent)");
  CHECK(found.at("/items/1") == "(absent)");
  CHECK(found.at("/nextCursor") == "null");

  auto of_eve = world.get(world.ada(), "/api/admin/logs?userId=" + eve.id + "&route=/api/x");
  CHECK(of_eve.at("/items/0") == "(absent)");
  CHECK(world.get(world.ada(), "/api/admin/logs?level=error").at("/items/0") == "(absent)");
  CHECK(world.get(world.ada(), "/api/admin/logs?until=2020-01-01T00:00:00Z").at("/items/0") ==
        "(absent)");
  CHECK(world.get(eve, "/api/admin/logs").status == 403);
  CHECK(world.get(eve, "/api/admin/logs/summary").status == 403);
}

TEST_CASE("the log has pages like every list") {
  logging_world world;
  auto past = *parse_instant("2001-01-01T00:00:00Z");
  std::string text;
  for (int i = 0; i < 5; ++i)
    text += log_line_of(past + std::chrono::seconds{i}, "old.one", "\"n\":" + std::to_string(i));
  world.when_found("/api/admin/logs?limit=1", "/items/0");
  auto newest = list_log_files(world.directory()).front();
  CHECK(newest.number == 1);
  write_log_file(world.directory(), 0, text + "cut off");
  std::string all;
  std::string cursor;
  for (int pages = 0; pages < 5; ++pages) {
    auto page = world.get(world.ada(), "/api/admin/logs?event=old&limit=2&cursor=" + cursor);
    REQUIRE(page.status == 200);
    for (int i = 0; page.at("/items/" + std::to_string(i)) != "(absent)"; ++i)
      all += page.at("/items/" + std::to_string(i) + "/n");
    cursor = page.at("/nextCursor");
    if (cursor == "null") break;
  }
  CHECK(all == "43210");
  CHECK(world.get(world.ada(), "/api/admin/logs?cursor=x").at("/error/reason") ==
        "cursor_mismatch");
  CHECK(world.get(world.ada(), "/api/admin/logs?limit=0&level=loud&userId=x&since=now&sort=at")
            .faults() == "/level /limit /since /sort /userId");
}

TEST_CASE("a reply's line says where its time went, and its model what it took") {
  logging_world world;
  auto model = world.add_model();
  auto stream = world.say_hi(world.ada(), world.add_session(world.ada()));
  stream.rest();
  auto line = world.when_found("/api/admin/logs?route=/api/chat/stream", "/items/0");
  REQUIRE(line.status == 200);
  for (const auto* step : {"queue_ms", "storage_ms", "first_byte_ms", "stream_ms", "took_ms"})
    CHECK(line.at(std::string{"/items/0/"} + step) != "(absent)");
  CHECK(line.at("/items/0/reason") == "(absent)");
  auto reply = world.when_found("/api/admin/logs?event=reply.ended", "/items/0");
  CHECK(reply.at("/items/0/message") == line.at("/items/0/message"));
  CHECK(reply.at("/items/0/status") == "complete");
  CHECK(reply.at("/items/0/prompt_tokens") == "7");
  auto summary = world.get(world.ada(), "/api/admin/logs/summary?by=model");
  REQUIRE(summary.status == 200);
  CHECK(summary.at("/items/0/key") == reply.at("/items/0/model"));
  CHECK(summary.at("/items/0/now/count") == "1");
}

TEST_CASE("a client that left has a line as well") {
  logging_world world;
  world.add_model();
  world.upstream_plays(held_reply_of({"Hello", "again"}));
  auto session = world.add_session(world.ada());
  {
    auto stream =
        world.send_turn(world.ada(), R"({"sessionId":")" + session + R"(","content":"Hi"})",
                        {{"X-Request-Id", "who-left"}});
    stream.next("start");
    stream.drop();
  }
  auto line = world.when_found("/api/admin/logs?requestId=who-left", "/items/0");
  REQUIRE(line.status == 200);
  CHECK(line.at("/items/0/status") == "499");
  CHECK(line.at("/items/0/reason") == "client_gone");
  CHECK(line.at("/items/0/storage_ms") != "(absent)");
  CHECK(line.at("/items/0/first_byte_ms") == "(absent)");
}

TEST_CASE("the log is summed up") {
  logging_world world;
  auto& ada = world.ada();
  for (int i = 0; i < 3; ++i) world.get(ada, "/api/sessions");
  world.get(ada, "/api/sessions/01890000-0000-7000-8000-000000000000",
            {{"X-Request-Id", "the-last"}});
  world.when_found("/api/admin/logs?requestId=the-last", "/items/0");
  auto reasons = world.get(ada, "/api/admin/logs/summary?by=reason");
  REQUIRE(reasons.status == 200);
  CHECK(reasons.at("/by") == "reason");
  CHECK(reasons.at("/items/0/key") == "not_found");
  CHECK(reasons.at("/items/0/now/count") == "1");
  CHECK(reasons.at("/items/0/now/errorShare") == "1");
  CHECK(reasons.at("/items/0/before/count") == "0");
  CHECK(reasons.at("/items/0/countChange") == "null");
  CHECK(reasons.at("/slowest/0/requestId") != "(absent)");
  auto routes = world.get(ada, "/api/admin/logs/summary");
  CHECK(routes.at("/by") == "route");
  CHECK(routes.body.find(R"("key":"GET /api/sessions","now":{"count":3,"errors":0,)") !=
        std::string::npos);
  auto earlier = world.get(ada,
                           "/api/admin/logs/summary?by=status&since=2001-01-01T00:10:00Z"
                           "&until=2001-01-01T00:20:00Z");
  CHECK(earlier.at("/since") == "2001-01-01T00:00:00.000Z");
  CHECK(earlier.at("/until") == "2001-01-01T00:30:00.000Z");
  CHECK(earlier.at("/all/count") == "0");
  CHECK(world.get(ada, "/api/admin/logs/summary?by=odd&since=2001-01-01T00:00:00Z").faults() ==
        "/by /since");
  CHECK(world
            .get(ada,
                 "/api/admin/logs/summary?until=2001-01-01T00:00:00Z"
                 "&since=2001-01-01T00:00:00Z")
            .faults() == "/since");
}

TEST_CASE("a server that keeps no log in files finds none") {
  node_world world;
  auto found = world.get(world.ada(), "/api/admin/logs");
  CHECK(found.status == 200);
  CHECK(found.body == R"({"items":[],"nextCursor":null})");
  CHECK(world.get(world.ada(), "/api/admin/logs/summary").at("/all/count") == "0");
}
