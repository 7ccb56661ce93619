// Branches through a socket: edits, other replies, replies that go on, notes and removal.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const header_list whole{{"Accept", "application/json"}};

std::string about(const std::string& message) {
  return R"({"messageId":")" + message + "\"}";
}

script cut_reply_of(const std::string& text) {
  return {send_bytes(stream_head()),
          send_bytes(stream_chunk(content_chunk(text) + finish_chunk("length") + done_chunk())),
          send_bytes(stream_end())};
}

}  // namespace

TEST_CASE("another reply stands beside the first, and both know it") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto path = "/api/sessions/" + session + "/messages/";
  auto first = world.post(ada, "/api/chat/stream",
                          R"({"sessionId":")" + session + R"(","content":"Hi"})", whole);
  REQUIRE(first.status == 200);
  CHECK(first.at("/siblings/index") == "0");
  CHECK(first.at("/siblings/count") == "1");
  world.upstream_plays_once(reply_of({"Good day."}));
  auto key = whole;
  key.emplace_back("Idempotency-Key", "k1");
  auto second = world.post(ada, "/api/chat/regenerate", about(first.at("/id")), key);
  REQUIRE(second.status == 200);
  CHECK(second.at("/content") == "Good day.");
  CHECK(second.at("/parentId") == first.at("/parentId"));
  CHECK(second.at("/siblings/index") == "1");
  CHECK(second.at("/siblings/count") == "2");
  CHECK(world.get(ada, path + first.at("/id")).at("/siblings/count") == "2");
  CHECK(world.get(ada, "/api/sessions/" + session).at("/activeLeafId") == second.at("/id"));
  // The same again is what it made.
  CHECK(world.post(ada, "/api/chat/regenerate", about(first.at("/id")), key).at("/id") ==
        second.at("/id"));

  auto async = world.post(ada, "/api/chat/regenerate", about(first.at("/parentId")),
                          {{"Prefer", "respond-async"}});
  CHECK(async.status == 202);
  CHECK(async.at("/userMessageId") == first.at("/parentId"));
  world.follow(ada, async.at("/messageId")).rest();

  // Choose a branch; a message follows what is shown.
  world.patch(ada, "/api/sessions/" + session, R"({"activeLeafId":")" + first.at("/id") + "\"}");
  auto next = world.post(ada, "/api/chat/stream",
                         R"({"sessionId":")" + session + R"(","content":"And?"})", whole);
  auto branch = world.get(ada, "/api/sessions/" + session + "/messages?branch=" + next.at("/id"));
  CHECK(branch.at("/items/2/id") == first.at("/id"));
  CHECK(branch.at("/items/4") == "(absent)");

  auto eve = world.add_user("eve");
  CHECK(world.post(eve, "/api/chat/regenerate", about(first.at("/id"))).status == 404);
  CHECK(world.post(ada, "/api/chat/regenerate", "{}").faults() == "/messageId");
}

TEST_CASE("a message is edited by a sibling, the first one too") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto say = [&](const std::string& more) {
    return world.post(ada, "/api/chat/stream", R"({"sessionId":")" + session + "\"" + more + "}",
                      whole);
  };
  auto first = say(R"(,"content":"One")");
  auto edited = say(R"(,"content":"One, better","parentId":null)");
  REQUIRE(edited.status == 200);
  auto path = "/api/sessions/" + session + "/messages/";
  auto question = world.get(ada, path + edited.at("/parentId"));
  CHECK(question.at("/parentId") == "null");
  CHECK(question.at("/siblings/index") == "1");
  CHECK(question.at("/siblings/count") == "2");
  auto since =
      world.get(ada, "/api/sessions/" + session + "/messages?count=true&after=" + first.at("/id"));
  CHECK(since.at("/total") == "2");
  CHECK(since.at("/items/0/id") == edited.at("/id"));
  CHECK(world.get(ada, "/api/sessions/" + session + "/messages?after=" + ada.id).status == 404);

  CHECK(say(R"(,"content":"x","parentId":")" + ada.id + "\"").status == 404);
  auto lost = world.post(ada, "/api/chat/stream",
                         R"({"content":"x","parentId":")" + first.at("/id") + "\"}");
  CHECK(lost.faults() == "/parentId");
}

TEST_CASE("a reply that was cut goes on in place") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  world.upstream_plays_once(cut_reply_of("one, "));
  auto cut = world.post(ada, "/api/chat/stream", R"({"content":"Count."})", whole);
  REQUIRE(cut.at("/status") == "length");
  world.upstream_plays_once(reply_of({"two"}));
  event_stream stream{world.port(),
                      {"POST", "/api/chat/continue", about(cut.at("/id")), {authorization(ada)}}};
  auto events = stream.rest();
  CHECK(events.front().at("/messageId") == cut.at("/id"));
  CHECK(text_of(events) == "one, two");
  CHECK(events.back().at("/status") == "complete");
  // It survives a restart whole.
  world.stop();
  world.start();
  auto path = "/api/sessions/" + cut.at("/sessionId") + "/messages/" + cut.at("/id");
  auto stored = world.get(ada, path);
  CHECK(stored.at("/content") == "one, two");
  CHECK(stored.at("/parts/1") == "(absent)");
  CHECK(text_of(world.follow(ada, cut.at("/id")).rest()) == "one, two");
  auto over = world.post(ada, "/api/chat/continue", about(cut.at("/id")));
  CHECK(over.status == 409);
  CHECK(over.at("/error/reason") == "reply_complete");
}

TEST_CASE("a message is noted on, and removed with what follows") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto body = R"({"sessionId":")" + session + R"(","content":"Hi"})";
  auto first = world.post(ada, "/api/chat/stream", body, whole);
  auto second = world.post(ada, "/api/chat/stream", body, whole);
  auto path = "/api/sessions/" + session + "/messages/";
  auto noted = world.patch(ada, path + first.at("/id"),
                           R"({"rating":"down","metadata":{"why":"short"},"pinned":true})");
  REQUIRE(noted.status == 200);
  CHECK(noted.at("/rating") == "down");
  CHECK(noted.at("/metadata/why") == "short");
  CHECK(world.get(ada, path + first.at("/id")).body == noted.body);
  CHECK(world.patch(ada, path + first.at("/id"), R"({"rating":null})").at("/rating") == "(absent)");
  CHECK(world.patch(ada, path + first.at("/id"), R"({"rating":"good","content":"x"})").faults() ==
        "/content /rating");

  auto question = path + second.at("/parentId");
  CHECK(world.erase(ada, question, {{"If-Match", "\"v9\""}}).status == 412);
  CHECK(world.erase(world.add_user("eve"), question).status == 404);
  CHECK(world.erase(ada, question).status == 204);
  CHECK(world.get(ada, path + second.at("/id")).status == 404);
  auto header = world.get(ada, "/api/sessions/" + session);
  CHECK(header.at("/activeLeafId") == first.at("/id"));
  CHECK(header.at("/messageCount") == "2");

  world.upstream_plays_once(held_reply_of({"a"}));
  auto running = world.say_hi(ada, session);
  auto start = running.next("start");
  auto refused = world.erase(ada, path + first.at("/id"));
  CHECK(refused.status == 409);
  CHECK(refused.at("/error/reason") == "reply_running");
  CHECK(refused.at("/error/params/id") == start.at("/messageId"));
  world.upstream().release();
  world.upstream().release();
  running.rest();
  CHECK(world.erase(ada, path + first.at("/id")).status == 204);
}
