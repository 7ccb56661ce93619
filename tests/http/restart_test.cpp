// A node ends and another one begins on the same data directory.
#include <thread>

#include "tests/support/node_world.hpp"

using namespace parley::test;
using namespace std::chrono_literals;

TEST_CASE("logins, chats and settings are there after a restart") {
  node_world world;
  auto model = world.add_model();
  auto eve = world.add_user("eve");
  auto session = world.add_session(eve, R"({"title":"Plans"})");
  world.patch(eve, "/api/settings", R"({"theme":"dark"})");
  auto events = world.say_hi(eve, session).rest();
  auto id = events.front().at("/messageId");
  auto before = world.message(eve, session, id);
  auto header = world.get(eve, "/api/sessions/" + session);

  world.stop();
  world.start();
  CHECK(world.get(eve, "/api/users/me").at("/username") == "eve");
  CHECK(world.get(eve, "/api/settings").at("/theme") == "dark");
  CHECK(world.get(eve, "/api/sessions").at("/items/0") == header.body);
  CHECK(world.message(eve, session, id).body == before.body);
  CHECK(world.get(world.ada(), "/api/settings/system").at("/defaultModelId") == model);
  auto refreshed = world.ask("POST", nullptr, "/api/auth/refresh",
                             R"({"refreshToken":")" + eve.refresh_token + "\"}");
  CHECK(refreshed.status == 200);
  CHECK(world.get(account::from(refreshed), "/api/users/me").status == 200);
  CHECK(world.log_in("eve").id == eve.id);

  // The stored reply goes on at any position, as if the node had never stopped.
  for (const auto& event : events) {
    if (event.id == 0) continue;
    auto rest = world.follow(eve, id, event.id).rest();
    REQUIRE_FALSE(rest.empty());
    CHECK(rest.back().at("/status") == "complete");
    std::string expected;
    for (const auto& later : events)
      if (later.id > event.id && later.name == "delta") expected += later.at("/text");
    CHECK(text_of(rest) == expected);
    if (event.name != "done") CHECK(rest.back().id == events.back().id);
  }
  // The conversation goes on too, with the sealed key.
  CHECK(text_of(world.say_hi(eve, session).rest()) == "Hello, world!");
  auto sent = world.upstream().requests().back();
  CHECK(sent.find("Authorization: Bearer sk-canary-0123456789\r\n") != std::string::npos);
  auto body = sent.substr(sent.find("\r\n\r\n") + 4);
  CHECK(json_at(body, "/messages/1/content") == "Hello, world!");
}

TEST_CASE("a repeated request is known after a restart") {
  node_world world;
  world.add_model();
  header_list key{{"Idempotency-Key", "once"}};
  auto body = R"({"content":"Hi"})";
  auto first = world.send_turn(world.ada(), body, key).rest();
  world.stop();
  world.start();
  auto again = world.send_turn(world.ada(), body, key).rest();
  CHECK(names_of(again) == "start part delta usage done");
  CHECK(again.front().at("/messageId") == first.front().at("/messageId"));
  CHECK(world.upstream().counts().requests == 1);
}

TEST_CASE("what a login ended stays ended after a restart") {
  node_world world;
  auto here = world.log_in("ada");
  CHECK(world.post(here, "/api/auth/logout", {}).status == 204);
  world.stop();
  world.start();
  CHECK(world.get(here, "/api/users/me").status == 401);
  CHECK(world.get(world.ada(), "/api/users/me").status == 200);
}

TEST_CASE("a node that stops ends its replies and keeps what they have") {
  node_world world;
  world.add_model();
  auto session = world.add_session(world.ada());
  world.upstream_plays(held_reply_of({"so far", "never"}));
  auto stream = world.say_hi(world.ada(), session);
  auto id = stream.next("start").at("/messageId");
  world.upstream().release();
  auto reached = stream.next("delta").id;
  world.stop();
  auto rest = stream.rest();
  CHECK(stream.is_whole());
  REQUIRE(names_of(rest) == "usage error done");
  CHECK(rest[1].at("/reason") == "draining");
  CHECK(rest.back().at("/status") == "interrupted");

  world.start();
  auto stored = world.message(world.ada(), session, id);
  CHECK(stored.at("/content") == "so far");
  CHECK(stored.at("/status") == "interrupted");
  auto resumed = world.follow(world.ada(), id, reached).rest();
  CHECK(names_of(resumed) == "usage error done");
  CHECK(resumed.back().id == rest.back().id);
}

TEST_CASE("a node that stops with patience lets its replies end") {
  node_world world;
  world.add_model();
  world.upstream_plays(held_reply_of({"one ", "two"}));
  auto stream = world.send_turn(world.ada(), R"({"content":"Hi"})");
  stream.next("start");
  // Nobody new comes in while it drains; who is there gets the whole reply.
  bool is_closed = false;
  std::vector<stream_event> rest;
  std::thread reading{[&, port = world.port()] {
    for (int i = 0; i < 500 && !is_closed; ++i) {
      try {
        http_connection probe{port};
        std::this_thread::sleep_for(10ms);
      } catch (const std::runtime_error&) {
        is_closed = true;
      }
    }
    for (int i = 0; i < 3; ++i) world.upstream().release();
    rest = stream.rest();
  }};
  std::atomic<bool> is_urgent = false;
  world.node().stop(10s, is_urgent);
  reading.join();
  CHECK(is_closed);
  CHECK(text_of(rest) == "one two");
  REQUIRE_FALSE(rest.empty());
  CHECK(rest.back().at("/status") == "complete");
}

TEST_CASE("only one node at a time has a data directory") {
  node_world world;
  auto second = parley::app::node::start(world.values());
  REQUIRE_FALSE(second);
  CHECK(parley::code_of(second.error()) == parley::errc::conflict);
  CHECK(parley::sentence_of(second.error()).find(world.values().data_dir) != std::string::npos);
  // The first one did not notice, and the next one may come when it is gone.
  CHECK(world.get(world.ada(), "/api/users/me").status == 200);
  world.stop();
  auto third = parley::app::node::start(world.values());
  CHECK(third);
}

TEST_CASE("a port that is taken is refused in one sentence") {
  node_world world;
  node_world other;
  auto values = other.values();
  other.stop();
  values.listen = "127.0.0.1:" + std::to_string(world.port());
  auto second = parley::app::node::start(values);
  REQUIRE_FALSE(second);
  CHECK(parley::code_of(second.error()) == parley::errc::conflict);
}
