// Rights that end: open streams end with them, and so does what the token opened.
#include <chrono>
#include <thread>

#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

/// A user whose reply is amid its text, on a stream of each of two logins.
struct open_streams : node_world {
  std::string model = add_model();
  account eve = add_user("eve");
  account same = log_in("eve");
  std::string session = add_session(eve);
  std::optional<event_stream> own;
  std::optional<event_stream> other;
  std::string message;

  open_streams() {
    upstream_plays(held_reply_of({"one ", "two"}));
    own.emplace(say_hi(eve, session));
    message = own->next("start").at("/messageId");
    upstream().release();
    own->next("delta");
    other.emplace(follow(same, message));
    other->next("delta");
  }
  /// Whether the stream ends with the error that says so, and its login opens nothing any more.
  void check_ended(event_stream& stream, const account& who) {
    auto since = std::chrono::steady_clock::now();
    auto rest = stream.rest();
    // The contract says one second; a machine under load is given more.
    CHECK(std::chrono::steady_clock::now() - since < std::chrono::seconds{5});
    CHECK(stream.is_whole());
    CHECK(names_of(rest) == "error");
    CHECK(rest.back().at("/code") == "unauthenticated");
    CHECK(rest.back().at("/reason") == "token_revoked");
    auto again = get(who, "/api/users/me");
    CHECK(again.status == 401);
    CHECK(again.header("WWW-Authenticate") == "Bearer");
    auto resumed = follow(who, message);
    CHECK(resumed.head().status == 401);
  }
  void finish() {
    for (int i = 0; i < 2; ++i) upstream().release();
  }
};

}  // namespace

TEST_CASE("logging out ends the streams of that login only") {
  open_streams world;
  CHECK(world.post(world.same, "/api/auth/logout", {}).status == 204);
  world.check_ended(*world.other, world.same);
  world.finish();
  CHECK(text_of(world.own->rest()) == "two");
}

TEST_CASE("ending another login ends its streams") {
  open_streams world;
  auto list = world.get(world.eve, "/api/auth/logins");
  CHECK(world.erase(world.eve, "/api/auth/logins/" + list.at("/items/1/id")).status == 204);
  world.check_ended(*world.other, world.same);
  world.finish();
  CHECK(text_of(world.own->rest()) == "two");
}

TEST_CASE("a new password ends the streams of all other logins") {
  open_streams world;
  CHECK(world
            .put(world.eve, "/api/auth/password",
                 R"({"currentPassword":")" + std::string{node_world::password} +
                     R"(","newPassword":"another long one"})")
            .status == 204);
  world.check_ended(*world.other, world.same);
  world.finish();
  CHECK(text_of(world.own->rest()) == "two");
}

TEST_CASE("an account that is changed, disabled or removed loses its streams") {
  for (const auto* change : {R"({"role":"ADMIN"})", R"({"status":"disabled"})", ""}) {
    INFO(change);
    open_streams world;
    auto path = "/api/users/" + world.eve.id;
    auto answer =
        *change != 0 ? world.patch(world.ada(), path, change) : world.erase(world.ada(), path);
    CHECK(answer.status / 100 == 2);
    world.check_ended(*world.own, world.eve);
    world.check_ended(*world.other, world.same);
    // Nobody else noticed.
    world.upstream_plays(reply_of({"fine"}));
    CHECK(text_of(world.send_turn(world.ada(), R"({"content":"Hi"})").rest()) == "fine");
  }
}

TEST_CASE("leaving ends one's own streams") {
  open_streams world;
  CHECK(world.erase(world.eve, "/api/users/me").status == 204);
  world.check_ended(*world.own, world.eve);
  world.check_ended(*world.other, world.same);
}

TEST_CASE("a revoked reader that waits for the whole message is told as well") {
  open_streams world;
  http_connection waiting{world.port()};
  waiting.send(http_request{"POST",
                            "/api/chat/stream",
                            R"({"content":"Hi"})",
                            {authorization(world.same), {"Accept", "application/json"}}});
  // It has begun once the upstream was asked.
  for (int i = 0; i < 500 && world.upstream().counts().requests < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  CHECK(world.upstream().counts().requests == 2);
  CHECK(world.patch(world.ada(), "/api/users/" + world.eve.id, R"({"status":"disabled"})").status ==
        200);
  CHECK(waiting.read_head().status == 401);
}
