// http/routes/sessions.cpp: chats as records, their lists and their messages.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

}  // namespace

TEST_CASE("a session: made, read, changed, deleted, with versions") {
  node_world world;
  auto model = world.add_model();
  auto& ada = world.ada();
  auto made = world.post(ada, "/api/sessions",
                         R"({"title":"Plans","modelId":")" + model +
                             R"(","systemPrompt":"Be brief.","metadata":{"a":[1]}})");
  CHECK(made.status == 201);
  CHECK(made.at("/title") == "Plans");
  CHECK(made.at("/titleSource") == "user");
  CHECK(made.at("/ownerId") == ada.id);
  CHECK(made.at("/messageCount") == "0");
  CHECK(made.at("/activeLeafId") == "null");
  CHECK(made.at("/metadata/a/0") == "1");
  auto path = made.header("Location");
  CHECK(path == "/api/sessions/" + made.at("/id"));
  auto found = world.get(ada, path);
  CHECK(found.body == made.body);
  auto tag = found.header("ETag");
  CHECK(world.get(ada, path, {{"If-None-Match", tag}}).status == 304);

  auto changed =
      world.patch(ada, path, R"({"title":"Ideas","systemPrompt":null})", {{"If-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.at("/title") == "Ideas");
  CHECK(changed.at("/systemPrompt") == "null");
  CHECK(changed.at("/modelId") == model);
  CHECK(changed.header("ETag") != tag);
  auto stale = world.patch(ada, path, R"({"title":"Lost"})", {{"If-Match", tag}});
  CHECK(stale.status == 412);
  CHECK(stale.at("/error/reason") == "version_mismatch");
  CHECK(world.erase(ada, path, {{"If-Match", tag}}).status == 412);
  CHECK(world.get(ada, path).at("/title") == "Ideas");
  CHECK(world.erase(ada, path, {{"If-Match", changed.header("ETag")}}).status == 204);
  CHECK(world.get(ada, path).status == 404);
  CHECK(world.erase(ada, path).status == 404);
}

TEST_CASE("a session that is no good is told all its faults") {
  node_world world;
  auto& ada = world.ada();
  auto bad = R"({"title":")" + std::string(201, 'x') +
             R"(","modelId":"x","params":{"seed":"1"},"contextStrategy":"guess","metadata":1,)"
             R"("ownerId":"me","messageCount":3,"unknown":{}})";
  auto session = world.add_session(ada);
  for (const auto& refused :
       {world.post(ada, "/api/sessions", bad), world.patch(ada, "/api/sessions/" + session, bad)}) {
    CHECK(refused.status == 422);
    CHECK(refused.faults() ==
          "/contextStrategy /messageCount /metadata /modelId /ownerId /params/seed /title "
          "/unknown");
  }
  CHECK(world.post(ada, "/api/sessions", "nope").status == 400);
  CHECK(world.post(ada, "/api/sessions", "[]").status == 422);
  auto leaf = R"({"activeLeafId":")" + absent + "\"}";
  CHECK(world.post(ada, "/api/sessions", leaf).faults() == "/activeLeafId");
  CHECK(world.patch(ada, "/api/sessions/" + session, leaf).status == 404);
  auto model = R"({"modelId":")" + absent + "\"}";
  CHECK(world.patch(ada, "/api/sessions/" + session, model).status == 404);
  CHECK(world.ask("GET", nullptr, "/api/sessions", {}).status == 401);
}

TEST_CASE("another's session does not exist") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto session = world.add_session(ada);
  auto message = world.say_hi(ada, session).next("start").at("/messageId");
  auto is_same = [](const http_answer& foreign, const http_answer& unknown) {
    CHECK(foreign.status == 404);
    CHECK(foreign.without_request_id() == unknown.without_request_id());
  };
  auto hers = "/api/sessions/" + session;
  auto none = "/api/sessions/" + absent;
  is_same(world.get(eve, hers), world.get(eve, none));
  is_same(world.patch(eve, hers, R"({"title":"x"})"), world.patch(eve, none, R"({"title":"x"})"));
  is_same(world.erase(eve, hers), world.erase(eve, none));
  is_same(world.get(eve, hers + "/messages"), world.get(eve, none + "/messages"));
  auto of_message = "/messages/" + message;
  is_same(world.get(eve, hers + of_message), world.get(eve, none + of_message));
  CHECK(world.get(eve, "/api/sessions/none").status == 404);
  CHECK(world.get(eve, "/api/sessions").at("/items") == "[]");
  CHECK(world.get(ada, hers).status == 200);
  // A message is found in its own session only.
  auto other = world.add_session(ada);
  CHECK(world.get(ada, "/api/sessions/" + other + of_message).status == 404);
}

TEST_CASE("the list of sessions in pages, the last changed first") {
  node_world world;
  auto& ada = world.ada();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i)
    ids.push_back(world.add_session(ada, R"({"title":"s)" + std::to_string(i) + "\"}"));
  world.patch(ada, "/api/sessions/" + ids[1], R"({"title":"changed"})");
  auto pages = [&](const std::string& query) {
    std::string titles;
    std::string cursor;
    do {
      auto page = world.get(ada, "/api/sessions?limit=2" + query + cursor);
      REQUIRE(page.status == 200);
      for (int i = 0; i < 2; ++i) {
        auto title = page.at("/items/" + std::to_string(i) + "/title");
        if (title != "(absent)") titles += title + " ";
      }
      auto next = page.at("/nextCursor");
      cursor = next == "null" ? "" : "&cursor=" + next;
    } while (!cursor.empty() && titles.size() < 100);
    return titles;
  };
  CHECK(pages("") == "changed s4 s3 s2 s0 ");
  CHECK(pages("&sort=updatedAt") == "s0 s2 s3 s4 changed ");
  CHECK(world.get(ada, "/api/sessions?count=true&limit=1").at("/total") == "5");
  CHECK(world.get(ada, "/api/sessions").at("/total") == "(absent)");

  auto refused = world.get(ada, "/api/sessions?limit=0&sort=title");
  CHECK(refused.status == 422);
  CHECK(refused.faults() == "/limit /sort");
  auto next = world.get(ada, "/api/sessions?limit=2").at("/nextCursor");
  auto turned = world.get(ada, "/api/sessions?sort=updatedAt&cursor=" + next);
  CHECK(turned.status == 400);
  CHECK(turned.at("/error/reason") == "cursor_mismatch");
  CHECK(world.get(ada, "/api/sessions?cursor=AAAA").status == 400);
}

TEST_CASE("messages: the newest first, in pages, or one branch of the tree") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto path = "/api/sessions/" + session + "/messages";
  auto say = [&](const std::string& text, const std::string& more = {}) {
    auto events = world.send_turn(
        ada, R"({"sessionId":")" + session + R"(","content":")" + text + "\"" + more + "}");
    auto reply = events.next("start").at("/messageId");
    events.rest();
    return reply;
  };
  auto first = say("one");
  say("two");
  auto branch = say("three", R"(,"parentId":")" + first + "\"");

  auto all = world.get(ada, path + "?count=true");
  CHECK(all.at("/total") == "6");
  CHECK(all.at("/items/0/id") == branch);
  CHECK(all.at("/items/1/content") == "three");
  CHECK(all.at("/items/5/content") == "one");
  CHECK(all.at("/items/5/parentId") == "null");
  auto page = world.get(ada, path + "?limit=4");
  auto rest = world.get(ada, path + "?limit=4&cursor=" + page.at("/nextCursor"));
  CHECK(rest.at("/items/0/id") == first);
  CHECK(rest.at("/nextCursor") == "null");

  auto path_of = world.get(ada, path + "?branch=" + branch);
  std::string contents;
  for (int i = 0; path_of.at("/items/" + std::to_string(i)) != "(absent)"; ++i)
    contents += path_of.at("/items/" + std::to_string(i) + "/content") + "|";
  CHECK(contents == "Hello, world!|three|Hello, world!|one|");
  CHECK(world.get(ada, "/api/sessions/" + session).at("/activeLeafId") == branch);
  CHECK(world.patch(ada, "/api/sessions/" + session, R"({"activeLeafId":")" + first + "\"}")
            .at("/activeLeafId") == first);

  auto one = world.get(ada, path + "/" + branch);
  CHECK(one.status == 200);
  CHECK(one.at("/sessionId") == session);
  CHECK(one.header("ETag") == "\"v" + one.at("/version") + "\"");
  CHECK(world.get(ada, path + "/" + branch, {{"If-None-Match", one.header("ETag")}}).status == 304);
  CHECK(world.get(ada, path + "/" + absent).status == 404);
  auto odd = world.get(ada, path + "?branch=x");
  CHECK(odd.status == 422);
  CHECK(odd.faults() == "/branch");
  CHECK(world.get(ada, path + "?limit=x&branch=y").faults() == "/branch /limit");
}

TEST_CASE("a session deleted amid a reply ends its stream and its call") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  world.upstream_plays(held_reply_of({"one", "two"}));
  auto stream = world.say_hi(ada, session);
  world.upstream().release();
  stream.next("delta");
  CHECK(world.erase(ada, "/api/sessions/" + session).status == 204);
  auto rest = stream.rest();
  REQUIRE_FALSE(rest.empty());
  CHECK(rest.back().name == "error");
  CHECK(rest.back().at("/code") == "not_found");
  CHECK(world.upstream().wait_for_no_connection());
  CHECK(world.get(ada, "/api/sessions/" + session).status == 404);
}
