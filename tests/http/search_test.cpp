// Search through a real socket.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (unsigned char c : text) {
    out += '%';
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

http_answer search(node_world& world, const account& who, std::string_view question,
                   const std::string& more = "") {
  return world.get(who, "/api/search?q=" + encoded(question) + more);
}

/// The marked pieces of the first hit.
std::string first_hit(const http_answer& page) {
  for (int i = 0;; ++i) {
    auto piece = "/items/0/excerpt/" + std::to_string(i);
    if (page.at(piece) == "(absent)") return "";
    if (page.at(piece + "/hit") == "true") return page.at(piece + "/text");
  }
}

const header_list whole{{"Accept", "application/json"}};

}  // namespace

TEST_CASE("what was said is found, by whoever said it") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto session = world.add_session(ada, R"({"title":"Pläne"})");
  auto say = [&](const std::string& text) {
    auto body = R"({"sessionId":")" + session + R"(","content":")" + text + "\"}";
    auto reply = world.post(ada, "/api/chat/stream", body, whole);
    REQUIRE(reply.status == 200);
    return reply.at("/id");
  };
  world.upstream_plays(reply_of({"東京", "タワー"}));
  auto reply = say("我喜欢北京大学 über alles");
  auto later = say("한국어를 배워요");

  auto page = search(world, ada, "北京");
  REQUIRE(page.status == 200);
  CHECK(page.at("/order") == "relevance");
  CHECK(page.at("/nextCursor") == "null");
  CHECK(page.at("/items/0/type") == "message");
  CHECK(page.at("/items/0/role") == "user");
  CHECK(page.at("/items/0/sessionId") == session);
  CHECK(page.at("/items/0/title") == "Pläne");
  CHECK(first_hit(page) == "北京");
  CHECK(page.at("/items/1") == "(absent)");
  // The second reply says the same, and is newer.
  auto replies = search(world, ada, "タワー", "&role=assistant");
  CHECK(replies.at("/items/0/messageId") == later);
  CHECK(replies.at("/items/1/messageId") == reply);
  CHECK(first_hit(search(world, ada, "국어")) == "국어");
  CHECK(first_hit(search(world, ada, "UBER alles -nichts")) == "über");
  CHECK(search(world, ada, "PLANE").at("/items/0/type") == "session");
  CHECK(search(world, ada, "PLANE", "&type=message").at("/items") == "[]");
  CHECK(search(world, ada, "北京", "&archived=true").at("/items") == "[]");
  CHECK(search(world, ada, "北京", "&to=2020-01-01T00:00:00Z").at("/items") == "[]");
  CHECK(search(world, ada, "* OR \"").at("/items") == "[]");

  CHECK(search(world, eve, "北京").at("/items") == "[]");
  CHECK(search(world, eve, "北京", "&sessionId=" + session).at("/items") == "[]");
  CHECK(world.erase(ada, "/api/sessions/" + session).status == 204);
  CHECK(search(world, ada, "北京").at("/items") == "[]");
  CHECK(search(world, ada, "PLANE").at("/items") == "[]");
}

TEST_CASE("pages of a search, and faults in a question") {
  node_world world;
  auto& ada = world.ada();
  for (int i = 0; i < 3; ++i) world.add_session(ada, R"({"title":"same"})");
  auto page = search(world, ada, "same", "&limit=2");
  CHECK(page.at("/items/1/title") == "same");
  auto cursor = "&limit=2&cursor=" + page.at("/nextCursor");
  auto next = search(world, ada, "same", cursor);
  CHECK(next.at("/items/0/title") == "same");
  CHECK(next.at("/items/1") == "(absent)");
  CHECK(next.at("/nextCursor") == "null");
  for (const auto& wrong :
       {search(world, ada, "other", cursor), search(world, ada, "same", cursor + "&type=session"),
        search(world, ada, "same", "&cursor=abc")}) {
    CHECK(wrong.status == 400);
    CHECK(wrong.at("/error/reason") == "cursor_mismatch");
  }
  auto faults = world.get(ada,
                          "/api/search?type=x&sessionId=1&folderId=1&role=x&modelId=1"
                          "&archived=x&from=x&to=x&limit=0&sort=x");
  CHECK(faults.status == 422);
  CHECK(faults.faults() ==
        "/archived /folderId /from /limit /modelId /q /role /sessionId /sort /to /type");
  CHECK(search(world, ada, std::string(257, 'a')).faults() == "/q");
  CHECK(world.ask({"GET", "/api/search?q=a", {}, {}}).status == 401);
}
