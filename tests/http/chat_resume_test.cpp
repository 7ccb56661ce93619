// Followers of a reply: resuming, several at once, slow ones, and those who stop it.
#include <thread>

#include "tests/support/node_world.hpp"

using namespace parley::test;
using namespace std::chrono_literals;

namespace {

struct chat_world : node_world {
  std::string model = add_model();
  std::string session = add_session(ada());
  explicit chat_world(setting_list more = {}) : node_world(std::move(more)) {}

  std::string status_of(const std::string& id) { return message(ada(), session, id).at("/status"); }
  /// Waits up to ten seconds for the stored message to have this status.
  bool becomes(const std::string& id, const std::string& status) {
    for (int i = 0; i < 500; ++i) {
      if (status_of(id) == status) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  }
};

/// The text a client has that knew `known` and then read `events`, snapshots included.
std::string joined(std::string known, const std::vector<stream_event>& events) {
  for (const auto& event : events) {
    if (event.name == "snapshot") known = event.at("/parts/0/text");
    if (event.name == "delta") known += event.at("/text");
  }
  return known;
}

/// "0 1 2 …", so that what is lost, repeated or moved shows.
std::string numbers(size_t bytes) {
  std::string text;
  for (int i = 0; text.size() < bytes; ++i) text += std::to_string(i) + ' ';
  return text;
}

std::vector<std::string> cut(const std::string& text, size_t piece) {
  std::vector<std::string> pieces;
  for (size_t at = 0; at < text.size(); at += piece) pieces.push_back(text.substr(at, piece));
  return pieces;
}

}  // namespace

TEST_CASE("a stream that broke goes on exactly where it broke, wherever that was") {
  chat_world world;
  world.upstream_plays(held_reply_of({"Hell\xC3\xB6", ", ", "world!"}));
  auto stream = world.say_hi(world.ada(), world.session);
  auto start = stream.next("start");
  auto id = start.at("/messageId");
  stream.drop();  // before any text

  auto second = world.follow(world.ada(), id, start.id);
  world.upstream().release();
  CHECK(second.next("part").id == 2);
  auto delta = second.next("delta");
  CHECK(delta.at("/text") == "Hell\xC3\xB6");
  CHECK(delta.id == 8);
  second.drop();  // amid the text

  auto third = world.follow(world.ada(), id, delta.id);
  for (int i = 0; i < 3; ++i) world.upstream().release();
  auto rest = third.rest();
  CHECK(third.is_whole());
  CHECK(names_of(rest) == "delta usage done");
  CHECK(text_of(rest) == ", world!");
  CHECK(rest.back().id == 17);

  // Of a finished reply: from the start, from within, from its end, from behind it.
  CHECK(text_of(world.follow(world.ada(), id).rest()) == "Hell\xC3\xB6, world!");
  CHECK(text_of(world.follow(world.ada(), id, 5).rest()) == "l\xC3\xB6, world!");
  CHECK(names_of(world.follow(world.ada(), id, 16).rest()) == "usage done");
  auto after_all = world.follow(world.ada(), id, 17).rest();
  REQUIRE_FALSE(after_all.empty());
  CHECK(after_all.back().name == "done");
  CHECK(text_of(after_all).empty());

  // A position that was never given out: the client is shown all of it instead.
  for (int64_t wrong : {7, 500}) {
    auto events = world.follow(world.ada(), id, wrong).rest();
    CHECK(names_of(events) == "snapshot usage done");
    CHECK(joined("what I had", events) == "Hell\xC3\xB6, world!");
    CHECK(events.front().id == 16);
  }
}

TEST_CASE("a position that is no number is refused, in the header and in the query") {
  chat_world world;
  auto stream = world.say_hi(world.ada(), world.session);
  auto path = "/api/chat/stream/" + stream.next("start").at("/messageId");
  stream.rest();
  for (const auto* text : {"x", "-1", "1.5", "99999999999999999999"}) {
    auto answer = world.get(world.ada(), path, {{"Last-Event-ID", text}});
    CHECK(answer.status == 400);
    CHECK(answer.at("/error/reason") == "position");
    CHECK(world.get(world.ada(), path + "?after=" + text).status == 400);
  }
  event_stream by_query{world.port(), {"GET", path + "?after=9", {}, {authorization(world.ada())}}};
  CHECK(text_of(by_query.rest()) == "world!");
  // Only replies can be followed.
  auto page = world.get(world.ada(), "/api/sessions/" + world.session + "/messages");
  auto asked = page.at("/items/1/id");
  CHECK(page.at("/items/1/role") == "user");
  CHECK(world.get(world.ada(), "/api/chat/stream/" + asked).status == 404);
}

TEST_CASE("several clients follow one reply") {
  chat_world world;
  world.upstream_plays(held_reply_of({"one ", "two ", "three"}));
  auto first = world.say_hi(world.ada(), world.session);
  auto id = first.next("start").at("/messageId");
  world.upstream().release();
  first.next("delta");
  std::vector<event_stream> others;
  for (int i = 0; i < 8; ++i) {
    others.push_back(world.follow(world.ada(), id));
    CHECK(others.back().next("delta").at("/text") == "one ");
  }
  for (int i = 0; i < 3; ++i) world.upstream().release();
  CHECK(text_of(first.rest()) == "two three");
  for (auto& other : others) {
    auto rest = other.rest();
    CHECK(text_of(rest) == "two three");
    CHECK(rest.back().at("/status") == "complete");
  }
}

TEST_CASE("a reader that stops reading holds up nobody, and loses and repeats nothing") {
  chat_world world{{{"out-bytes-max", "16384"}, {"upstream-idle-s", "10"}}};
  auto text = numbers(3'500'000);
  world.upstream_plays(reply_of(cut(text, 16'000)));
  http_request turn{"POST",
                    "/api/chat/stream",
                    R"({"sessionId":")" + world.session + R"(","content":"Hi"})",
                    {authorization(world.ada())}};
  event_stream slow{world.port(), turn, 4096};
  auto id = slow.next("start").at("/messageId");

  auto fast = world.follow(world.ada(), id);
  CHECK(text_of(fast.rest()) == text);
  auto late = world.follow(world.ada(), id, 100'000);
  CHECK(joined(text.substr(0, 100'000 - 2), late.rest()) == text);

  auto events = slow.rest();
  CHECK(slow.is_whole());
  CHECK(joined({}, events) == text);
  int64_t last = 1;
  for (const auto& event : events) {
    if (event.id == 0) continue;
    if (event.id <= last) FAIL("position " << event.id << " after " << last);
    last = event.id;
  }
  CHECK(names_of(events) == "part delta usage done");
  CHECK(world.message(world.ada(), world.session, id).at("/content") == text);
}

TEST_CASE("a reply is stopped before its first token") {
  chat_world world;
  world.upstream_plays({hang()});
  auto stream = world.say_hi(world.ada(), world.session);
  auto id = stream.next("start").at("/messageId");
  auto stopped =
      world.post(world.ada(), "/api/chat/stop", R"({"sessionId":")" + world.session + "\"}");
  CHECK(stopped.status == 204);
  auto rest = stream.rest();
  CHECK(names_of(rest) == "usage done");
  CHECK(rest.back().at("/status") == "stopped");
  CHECK(world.status_of(id) == "stopped");
  CHECK(world.upstream().wait_for_no_connection());
}

TEST_CASE("a reply is stopped amid its text, from another connection, and keeps what it has") {
  chat_world world;
  world.upstream_plays(held_reply_of({"one ", "two"}));
  auto stream = world.say_hi(world.ada(), world.session);
  auto id = stream.next("start").at("/messageId");
  world.upstream().release();
  stream.next("delta");
  auto stop = R"({"messageId":")" + id + "\"}";
  CHECK(world.post(world.ada(), "/api/chat/stop", stop).status == 204);
  auto rest = stream.rest();
  CHECK(names_of(rest) == "usage done");
  CHECK(rest.back().at("/status") == "stopped");
  CHECK(world.upstream().wait_for_no_connection());
  auto stored = world.message(world.ada(), world.session, id);
  CHECK(stored.at("/content") == "one ");
  CHECK(stored.at("/status") == "stopped");
  // Stopping what is over is no fault.
  CHECK(world.post(world.ada(), "/api/chat/stop", stop).status == 204);
  for (const auto* body : {"{}", R"({"messageId":null,"sessionId":null})"}) {
    auto refused = world.post(world.ada(), "/api/chat/stop", body);
    CHECK(refused.status == 422);
    CHECK(refused.faults() == "/messageId");
  }
}

TEST_CASE("a client that goes leaves the reply running") {
  chat_world world;
  world.upstream_plays(held_reply_of({"one ", "two"}));
  auto stays = world.say_hi(world.ada(), world.session);
  auto id = stays.next("start").at("/messageId");
  world.upstream().release();
  stays.next("delta");
  stays.drop();
  for (int i = 0; i < 2; ++i) world.upstream().release();
  CHECK(world.becomes(id, "complete"));
  CHECK(world.message(world.ada(), world.session, id).at("/content") == "one two");
}

TEST_CASE("a client that goes and said so takes the reply with it") {
  chat_world world;
  world.upstream_plays(held_reply_of({"one ", "two"}));
  for (bool has_text : {false, true}) {
    auto stops = world.send_turn(world.ada(), R"({"sessionId":")" + world.session +
                                                  R"(","content":"Hi","stopOnDisconnect":true})");
    auto second = stops.next("start").at("/messageId");
    if (has_text) {
      world.upstream().release();
      stops.next("delta");
    }
    stops.drop();
    CHECK(world.becomes(second, "stopped"));
    CHECK(world.upstream().wait_for_no_connection());
    CHECK(world.message(world.ada(), world.session, second).at("/content") ==
          (has_text ? "one " : ""));
  }
}
