// http/routes/chat.cpp: a turn and its reply, as a stream, whole and by its ids.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

std::string turn_of(const std::string& session, const std::string& more = R"("content":"Hi")") {
  return R"({"sessionId":")" + session + "\"," + more + "}";
}

struct chat_world : node_world {
  std::string model = add_model();
  std::string session = add_session(ada());
  explicit chat_world(setting_list more = {}) : node_world(std::move(more)) {}
};

}  // namespace

TEST_CASE("a reply is streamed as it grows: start, part, deltas, usage, done") {
  chat_world world;
  auto stream = world.say_hi(world.ada(), world.session);
  CHECK(stream.head().status == 200);
  CHECK(stream.head().header("Content-Type") == "text/event-stream");
  CHECK(stream.head().header("Cache-Control") == "no-cache");
  CHECK(stream.head().header("X-Accel-Buffering") == "no");
  CHECK(stream.head().header("X-Request-Id") != "(absent)");
  auto events = stream.rest();
  CHECK(stream.is_whole());
  REQUIRE(names_of(events) == "start part delta usage done");

  auto& start = events.front();
  CHECK(start.id == 1);
  CHECK(start.at("/sessionId") == world.session);
  CHECK(start.at("/modelId") == world.model);
  CHECK(start.at("/context/kept") == "1");
  CHECK(events[1].data == R"({"part":0,"type":"text"})");
  CHECK(events[1].id == 2);
  CHECK(text_of(events) == "Hello, world!");
  // Positions: text adds its bytes, the usage has none, `done` adds one.
  auto reached = events[1].id;
  for (const auto& event : events) {
    if (event.name != "delta") continue;
    reached += static_cast<int64_t>(event.at("/text").size());
    CHECK(event.id == reached);
  }
  auto& usage = events[events.size() - 2];
  CHECK(usage.id == 0);
  CHECK(usage.at("/promptTokens") == "7");
  CHECK(usage.at("/completionTokens") == "3");
  CHECK(usage.at("/source") == "provider");
  CHECK(events.back().id == reached + 1);
  CHECK(events.back().data == R"({"status":"complete"})");

  // `done` means stored.
  auto stored = world.message(world.ada(), world.session, start.at("/messageId"));
  CHECK(stored.status == 200);
  CHECK(stored.at("/content") == "Hello, world!");
  CHECK(stored.at("/status") == "complete");
  CHECK(stored.at("/parentId") == start.at("/userMessageId"));
  CHECK(stored.at("/usage/promptTokens") == "7");
  auto asked = world.message(world.ada(), world.session, start.at("/userMessageId"));
  CHECK(asked.at("/content") == "Hi");
  CHECK(asked.at("/role") == "user");
}

TEST_CASE("the upstream is sent the conversation and its own key") {
  chat_world world;
  world.say_hi(world.ada(), world.session).rest();
  world.send_turn(world.ada(), turn_of(world.session, R"("content":"And?","params":{"topP":0.5})"))
      .rest();
  auto requests = world.upstream().requests();
  REQUIRE(requests.size() == 2);
  auto& sent = requests.back();
  CHECK(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
  CHECK(sent.find("Authorization: Bearer sk-canary-0123456789\r\n") != std::string::npos);
  auto body = sent.substr(sent.find("\r\n\r\n") + 4);
  CHECK(json_at(body, "/model") == "scripted-1");
  CHECK(json_at(body, "/stream") == "true");
  CHECK(json_at(body, "/top_p") == "0.5");
  CHECK(json_at(body, "/messages/0/content") == "Hi");
  CHECK(json_at(body, "/messages/1/content") == "Hello, world!");
  CHECK(json_at(body, "/messages/2/content") == "And?");
  CHECK(json_at(body, "/messages/3") == "(absent)");
}

TEST_CASE("a turn without a session begins one, and its stream is whole each time") {
  chat_world world;
  for (int i = 0; i < 20; ++i) {
    auto stream = world.send_turn(world.ada(), R"({"content":"Hi"})");
    auto events = stream.rest();
    INFO(i << ": " << stream.head().body);
    REQUIRE(names_of(events) == "start part delta usage done");
    auto session = events.front().at("/sessionId");
    CHECK(session != world.session);
    CHECK(world.get(world.ada(), "/api/sessions/" + session).at("/messageCount") == "2");
  }
}

TEST_CASE("a reply as one JSON message, or only its ids") {
  chat_world world;
  auto whole = world.post(world.ada(), "/api/chat/stream", turn_of(world.session),
                          {{"Accept", "application/json"}});
  CHECK(whole.status == 200);
  CHECK(whole.header("Content-Type") == "application/json");
  CHECK(whole.at("/content") == "Hello, world!");
  CHECK(whole.at("/status") == "complete");
  CHECK(whole.at("/role") == "assistant");

  world.upstream_plays(held_reply_of({"later"}));
  auto accepted = world.post(world.ada(), "/api/chat/stream", turn_of(world.session),
                             {{"Prefer", "respond-async"}});
  CHECK(accepted.status == 202);
  CHECK(accepted.at("/sessionId") == world.session);
  auto stream = world.follow(world.ada(), accepted.at("/messageId"));
  CHECK(stream.next("start").at("/userMessageId") == accepted.at("/userMessageId"));
  world.upstream().release();
  CHECK(stream.next("delta").at("/text") == "later");
  world.upstream().release();
  CHECK(stream.next("done").at("/status") == "complete");
}

TEST_CASE("parts: texts and images go to the upstream as they came") {
  chat_world world;
  auto url = "data:image/png;base64,iVBORw0KGgo=";
  auto stream = world.send_turn(
      world.ada(), turn_of(world.session, R"("parts":[{"type":"text","text":"What is this?"},)"
                                          R"({"type":"image","url":")" +
                                              std::string{url} + "\"}]"));
  REQUIRE(stream.is_stream());
  auto user_message = stream.next("start").at("/userMessageId");
  stream.rest();
  auto sent = world.upstream().requests().back();
  auto body = sent.substr(sent.find("\r\n\r\n") + 4);
  CHECK(json_at(body, "/messages/0/content/0/text") == "What is this?");
  CHECK(json_at(body, "/messages/0/content/1/image_url/url") == url);
  auto stored = world.message(world.ada(), world.session, user_message);
  CHECK(stored.at("/parts/1/url") == url);
  CHECK(stored.at("/content") == "What is this?");
}

TEST_CASE("a turn that is no good is refused before anything is stored or spent") {
  chat_world world;
  auto& ada = world.ada();
  auto turn = [&](const std::string& body) { return world.post(ada, "/api/chat/stream", body); };
  auto faults = [&](const std::string& body) {
    auto answer = turn(body);
    CHECK(answer.status == 422);
    return answer.faults();
  };
  CHECK(turn("{").status == 400);
  CHECK(turn("").status == 400);
  CHECK(faults("[]") == "");
  CHECK(faults("{}") == "/content");
  CHECK(faults(turn_of(world.session, R"("content":"a","parts":[{"type":"text","text":"b"}])")) ==
        "/content");
  CHECK(faults(R"({"content":"","sessionId":"x","modelId":1,"extra":2,"stopOnDisconnect":"no",)"
               R"("params":{"temperature":3,"topP":-1,"odd":1}})") ==
        "/content /extra /modelId /params/odd /params/temperature /params/topP /sessionId "
        "/stopOnDisconnect");
  CHECK(faults(turn_of(world.session,
                       R"("parts":[{"type":"text"},{"type":"image","url":"http://a/b.png"},)"
                       R"({"type":"reasoning","text":"x"},{"type":"text","text":"fine"}])")) ==
        "/parts/0/text /parts/1/url /parts/2/type");
  CHECK(faults(turn_of(world.session, R"("parts":[])")) == "/parts");

  auto absent = "01890000-0000-7000-8000-000000000000";
  CHECK(turn(turn_of(absent)).status == 404);
  auto no_parent =
      turn(turn_of(world.session, R"("content":"a","parentId":")" + std::string{absent} + "\""));
  CHECK(no_parent.status == 404);
  auto no_model =
      turn(turn_of(world.session, R"("content":"a","modelId":")" + std::string{absent} + "\""));
  CHECK(no_model.status == 404);
  CHECK(no_model.at("/error/reason") == "model_gone");

  auto page = world.get(ada, "/api/sessions/" + world.session + "/messages");
  CHECK(page.at("/items") == "[]");
  CHECK(world.upstream().counts().requests == 0);
}

TEST_CASE("somebody else's chats do not exist") {
  chat_world world;
  auto eve = world.add_user("eve");
  auto stream = world.say_hi(world.ada(), world.session);
  auto message = stream.next("start").at("/messageId");
  stream.rest();
  std::string absent = "01890000-0000-7000-8000-000000000000";
  auto is_same = [](const http_answer& foreign, const http_answer& unknown) {
    CHECK(foreign.status == 404);
    CHECK(foreign.without_request_id() == unknown.without_request_id());
  };
  auto turn = [&](const std::string& id) {
    return world.post(eve, "/api/chat/stream", turn_of(id));
  };
  is_same(turn(world.session), turn(absent));
  auto join = [&](const std::string& id) { return world.get(eve, "/api/chat/stream/" + id); };
  is_same(join(message), join(absent));
  is_same(join(message), join("no-id"));
  auto stop = [&](const std::string& field, const std::string& id) {
    return world.post(eve, "/api/chat/stop", "{\"" + field + "\":\"" + id + "\"}");
  };
  is_same(stop("messageId", message), stop("messageId", absent));
  is_same(stop("sessionId", world.session), stop("sessionId", absent));
}

TEST_CASE("only one reply runs in a session") {
  chat_world world;
  world.upstream_plays(held_reply_of({"one"}));
  auto first = world.say_hi(world.ada(), world.session);
  auto running = first.next("start").at("/messageId");
  auto second = world.say_hi(world.ada(), world.session);
  CHECK(second.head().status == 409);
  CHECK(second.head().at("/error/reason") == "reply_running");
  CHECK(second.head().at("/error/params/id") == running);
  world.upstream().release();
  world.upstream().release();
  CHECK(names_of(first.rest()) == "part delta usage done");
  world.upstream_plays(reply_of({"two"}));
  CHECK(text_of(world.say_hi(world.ada(), world.session).rest()) == "two");
}

TEST_CASE("one user's replies have a limit") {
  chat_world world{{{"streams-per-user-max", "2"}}};
  world.upstream_plays(held_reply_of({}));
  auto one = world.send_turn(world.ada(), R"({"content":"a"})");
  auto two = world.send_turn(world.ada(), R"({"content":"b"})");
  auto three = world.send_turn(world.ada(), R"({"content":"c"})");
  CHECK(three.head().status == 429);
  CHECK(three.head().at("/error/reason") == "streams_max");
  CHECK(three.head().header("Retry-After") == "1");
  world.upstream().release();
  world.upstream().release();
  one.next("done");
  two.next("done");
  world.upstream_plays(reply_of({"x"}));
  CHECK(world.send_turn(world.ada(), R"({"content":"d"})").is_stream());
}

TEST_CASE("the same request sent again makes no second turn") {
  chat_world world;
  header_list key{{"Idempotency-Key", "send-1"}};
  auto first = world.send_turn(world.ada(), turn_of(world.session), key).rest();
  auto again = world.send_turn(world.ada(), turn_of(world.session), key).rest();
  CHECK(names_of(again) == "start part delta usage done");
  CHECK(again.front().data == first.front().data);
  CHECK(text_of(again) == text_of(first));
  CHECK(again.back().id == first.back().id);
  CHECK(world.upstream().counts().requests == 1);

  auto other = world.send_turn(world.ada(), turn_of(world.session, R"("content":"Else")"), key);
  CHECK(other.head().status == 422);
  CHECK(other.head().at("/error/reason") == "idempotency_mismatch");
  // The key is the user's own.
  auto eve = world.add_user("eve");
  auto hers = world.send_turn(eve, turn_of(world.add_session(eve)), key);
  CHECK(names_of(hers.rest()) == "start part delta usage done");
  auto bad = world.send_turn(world.ada(), turn_of(world.session), {{"Idempotency-Key", "a b"}});
  CHECK(bad.head().status == 400);
  CHECK(bad.head().at("/error/reason") == "idempotency_key");
}

TEST_CASE("the same request sent again joins the reply that runs") {
  chat_world world;
  world.upstream_plays(held_reply_of({"one"}));
  for (const auto& body : {turn_of(world.session), std::string{R"({"content":"Hi"})"}}) {
    header_list key{{"Idempotency-Key", "send-" + std::to_string(body.size())}};
    auto first = world.send_turn(world.ada(), body, key);
    auto start = first.next("start");
    auto again = world.send_turn(world.ada(), body, key);
    REQUIRE(again.is_stream());
    CHECK(again.next("start").data == start.data);
    auto other = world.send_turn(world.ada(), turn_of(world.session, R"("content":"Else")"), key);
    CHECK(other.head().status == 422);
    CHECK(other.head().at("/error/reason") == "idempotency_mismatch");
    world.upstream().release();
    world.upstream().release();
    CHECK(text_of(first.rest()) == "one");
    CHECK(text_of(again.rest()) == "one");
  }
  CHECK(world.upstream().counts().requests == 2);
}
