// What a stream's connection lives through: silence, readers that stand still, old clients.
#include <thread>

#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;
using namespace std::chrono_literals;

namespace {

http_request turn_in(const node_world& world, const std::string& session) {
  return {"POST",
          "/api/chat/stream",
          R"({"content":"Hi","sessionId":")" + session + "\"}",
          {authorization(world.ada()), {"Accept", "text/event-stream"}}};
}

}  // namespace

TEST_CASE("a silent stream gets a comment at each heartbeat, a busy one none") {
  node_world world{{{"heartbeat-s", "1"}, {"upstream-idle-s", "20"}}};
  world.add_model();
  auto session = world.add_session(world.ada());
  world.upstream_plays(held_reply_of({"one ", "two"}));
  http_connection connection{world.port()};
  connection.send(turn_in(world, session));
  CHECK(connection.read_head().status == 200);
  world.upstream().release();
  // Lines end with CRLF: the chunks' sizes, and each chunk with the events in it.
  std::string seen;
  for (int pings = 0; pings < 2;) {
    auto chunk = connection.read_line();
    if (chunk.starts_with(": ping")) ++pings;
    seen += chunk;
  }
  CHECK(seen.find("one ") != std::string::npos);
  for (int i = 0; i < 2; ++i) world.upstream().release();
  while (connection.read_line().find("event: done") == std::string::npos) continue;

  // A reply that comes without a pause needs no comments.
  world.upstream_plays(reply_of({"one ", "two"}));
  http_connection busy{world.port()};
  busy.send(turn_in(world, session));
  busy.read_head();
  seen.clear();
  while (seen.find("event: done") == std::string::npos) seen += busy.read_line();
  CHECK(seen.find(": ping") == std::string::npos);
}

TEST_CASE("a reader that takes nothing for write_stall_max is cut off, its reply goes on") {
  // Long enough for a busy machine to read what it follows below.
  node_world world{{{"write-stall-max-s", "6"}}};
  world.add_model();
  auto session = world.add_session(world.ada());
  // Six bytes each as JSON: more than all that may wait for a client.
  std::vector<std::string> pieces(100, std::string(4096, '\x01'));
  world.upstream_plays(reply_of(pieces));
  event_stream stalled{world.port(), turn_in(world, session), 4096};
  auto id = stalled.next("start").at("/messageId");
  std::string status;
  auto look = [&] { status = world.message(world.ada(), session, id).at("/status"); };
  std::this_thread::sleep_for(2s);
  look();
  CHECK(status == "streaming");  // its provider waits for it
  for (int i = 0; i < 200 && status != "complete"; ++i) {
    std::this_thread::sleep_for(100ms);
    look();
  }
  CHECK(status == "complete");
  // What the kernel still held comes, and then no proper end.
  CHECK_THROWS_WITH(stalled.rest(), Catch::Contains("the server closed amid"));
  auto again = world.follow(world.ada(), id);
  CHECK(text_of(again.rest()).size() == 100u * 4096u);
}

TEST_CASE("a client of HTTP/1.0 gets its stream without chunks, ended by the connection") {
  node_world world;
  world.add_model();
  auto session = world.add_session(world.ada());
  auto request = turn_in(world, session);
  http_connection connection{world.port()};
  connection.send("POST /api/chat/stream HTTP/1.0\r\nContent-Type: application/json\r\n" +
                  request.headers[0].first + ": " + request.headers[0].second +
                  "\r\nAccept: text/event-stream\r\nContent-Length: " +
                  std::to_string(request.body.size()) + "\r\n\r\n" + request.body);
  auto head = connection.read_head();
  CHECK(head.status == 200);
  CHECK(head.header("Transfer-Encoding") == "(absent)");
  CHECK(head.header("Connection") == "close");
  auto events = connection.read_to_end();
  CHECK(events.starts_with("id: 1\nevent: start\ndata: {"));
  CHECK(text_of(events_in(events)) == "Hello, world!");
  CHECK(events.ends_with("event: done\ndata: {\"status\":\"complete\"}\n\n"));
}

TEST_CASE("a node beyond the loopback gives its first account to who has the setup code") {
  temp_directory directory;
  setting_sources sources;
  sources.flags = {{"data-dir", directory.path().string()},
                   {"vocabulary-dir", "none"},
                   {"listen", "0.0.0.0:0"},
                   {"bcrypt-cost", "4"},
                   {"scheduler-threads", "1"},
                   {"hashing-threads", "1"},
                   {"login-calls-per-min", "1000"}};
  auto loaded = load_settings(std::move(sources));
  REQUIRE(loaded);
  auto started = app::node::start(loaded->values);
  REQUIRE(started);
  auto& node = **started;
  CHECK(node.setup_code().reveal().size() == 20);
  auto register_with = [&](const std::string& name, const std::string& code) {
    auto body = R"({"username":")" + name + R"(","password":"correct horse battery")" +
                (code.empty() ? "" : R"(,"setupCode":")" + code + "\"") + "}";
    return http_client{node.port()}.ask({"POST", "/api/auth/register", body, {}});
  };
  for (const auto* wrong : {"", "12345678901234567890"}) {
    auto refused = register_with("eve", wrong);
    CHECK(refused.status == 403);
    CHECK(refused.at("/error/reason") == "setup_code_needed");
  }
  std::string code{node.setup_code().reveal()};
  auto first = register_with("ada", code);
  CHECK(first.status == 201);
  CHECK(first.at("/user/role") == "ADMIN");
  // It opens nothing once there is an account.
  CHECK(register_with("eve", code).at("/error/reason") == "registration_closed");
  std::atomic<bool> is_urgent = true;
  node.stop(0ms, is_urgent);
}
