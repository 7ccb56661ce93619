// Live changes: what one device does, another hears.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

event_stream listen(node_world& world, const account& who, const std::string& after = {}) {
  header_list headers{authorization(who)};
  if (!after.empty()) headers.emplace_back("Last-Event-ID", after);
  return event_stream{world.port(), {"GET", "/api/events", {}, headers}};
}

/// The next events up to the one of this name.
std::string heard_until(event_stream& stream, const std::string& name) {
  std::string out;
  int64_t last = 0;
  while (auto event = stream.next()) {
    CHECK(event->id > last);
    last = event->id;
    out += (out.empty() ? "" : " ") + event->name;
    if (event->name == name) return out;
  }
  return out + " (end)";
}

}  // namespace

TEST_CASE("a turn and a change are heard by another device, in order") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto stream = listen(world, ada);
  CHECK(stream.head().status == 200);
  CHECK(stream.head().header("Content-Type") == "text/event-stream");
  auto hers = listen(world, eve);
  CHECK(stream.next()->name == "ready");
  CHECK(hers.next()->name == "ready");

  auto reply =
      world.post(ada, "/api/chat/stream", R"({"content":"Hi"})", {{"Accept", "application/json"}});
  auto created = stream.next("session.created");
  CHECK(created.at("/sessionId") == reply.at("/sessionId"));
  CHECK(created.at("/title") == "Hi");
  CHECK(stream.next("message.created").at("/messageId") == reply.at("/parentId"));
  CHECK(stream.next("message.created").at("/messageId") == reply.at("/id"));
  CHECK(stream.next("reply.started").at("/status") == "streaming");
  CHECK(heard_until(stream, "reply.finished") == "session.updated reply.finished");

  auto path = "/api/sessions/" + reply.at("/sessionId");
  world.patch(ada, path, R"({"title":"New"})");
  auto updated = stream.next("session.updated");
  CHECK(updated.at("/title") == "New");
  CHECK(updated.at("/version") == world.get(ada, path).at("/version"));
  world.erase(ada, path + "/messages/" + reply.at("/id"));
  CHECK(stream.next("message.deleted").at("/messageId") == reply.at("/id"));
  world.patch(ada, "/api/settings", R"({"theme":"dark"})");
  CHECK(stream.next("settings.updated").data == "{}");
  world.erase(ada, path);
  CHECK(stream.next("session.deleted").at("/id") == reply.at("/sessionId"));
  // Nobody hears of another's.
  world.patch(eve, "/api/settings", R"({"theme":"dark"})");
  CHECK(hers.next()->name == "settings.updated");
}

TEST_CASE("who comes back hears what was missed, or is told to reload") {
  node_world world;
  auto& ada = world.ada();
  auto stream = listen(world, ada);
  auto ready = stream.next("ready");
  auto first = world.add_session(ada);
  auto id = std::to_string(stream.next("session.created").id);
  stream.drop();
  auto second = world.add_session(ada);
  auto back = listen(world, ada, id);
  auto missed = back.next();
  CHECK(missed->name == "session.created");
  CHECK(missed->at("/sessionId") == second);
  world.add_session(ada);
  CHECK(back.next()->name == "session.created");

  CHECK(listen(world, ada, "1").next()->name == "reset");
  CHECK(listen(world, ada, "9223372036854775807").next()->name == "reset");
  CHECK(listen(world, ada, "x").head().status == 400);
  world.stop();
  world.start();
  CHECK(listen(world, ada, id).next()->name == "reset");
}

TEST_CASE("the last thousand changes are known") {
  node_world world;
  auto& ada = world.ada();
  auto stream = listen(world, ada);
  auto ready = stream.next("ready");
  stream.drop();
  constexpr int sessions = 50;
  std::string ids;
  for (int i = 0; i < sessions; ++i) ids += (i == 0 ? "\"" : ",\"") + world.add_session(ada) + "\"";
  for (int i = 0; i < 1'000 / sessions; ++i) {
    auto action = i % 2 == 0 ? "archive" : "restore";
    auto done = world.post(ada, "/api/sessions/bulk",
                           R"({"ids":[)" + ids + R"(],"action":")" + action + "\"}");
    REQUIRE(done.at("/failed") == "[]");
  }
  CHECK(listen(world, ada, std::to_string(ready.id + sessions - 1)).next()->name == "reset");
  auto since = listen(world, ada, std::to_string(ready.id + sessions));
  auto first = since.next();
  CHECK(first->name == "session.updated");
  CHECK(first->id == ready.id + sessions + 1);
}

TEST_CASE("the end of a login ends its listening") {
  node_world world;
  auto& ada = world.ada();
  auto other = world.log_in("ada");
  auto stream = listen(world, other);
  stream.next("ready");
  auto mine = listen(world, ada);
  mine.next("ready");
  CHECK(world.ask("POST", &other, "/api/auth/logout", "{}").status == 204);
  auto last = stream.rest();
  REQUIRE(last.size() == 1);
  CHECK(last[0].name == "error");
  CHECK(last[0].at("/reason") == "token_revoked");
  CHECK(stream.is_whole());
  world.add_session(ada);
  CHECK(mine.next()->name == "session.created");
  CHECK(listen(world, other).head().status == 401);
}

TEST_CASE("silence is broken by a heartbeat") {
  node_world world{{{"heartbeat-s", "1"}}};
  auto& ada = world.ada();
  http_connection connection{world.port()};
  connection.send(http_request{"GET", "/api/events", {}, {authorization(ada)}});
  CHECK(connection.read_head().status == 200);
  std::string line;
  while (line.find(": ping") == std::string::npos) line = connection.read_line();
  CHECK(line.find(": ping") == 0);
}
