// Folders, filters of the list, many sessions at once, and a branch as a session of its own.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";
const header_list whole{{"Accept", "application/json"}};

/// The titles of a list, in its order.
std::string titles(node_world& world, const account& who, const std::string& query) {
  auto page = world.get(who, "/api/sessions?" + query);
  REQUIRE(page.status == 200);
  std::string out;
  for (int i = 0;; ++i) {
    auto title = page.at("/items/" + std::to_string(i) + "/title");
    if (title == "(absent)") return out;
    out += (out.empty() ? "" : " ") + title;
  }
}

std::string add_folder(node_world& world, const account& who, const std::string& body) {
  auto made = world.post(who, "/api/folders", body);
  REQUIRE(made.status == 201);
  return made.at("/id");
}

}  // namespace

TEST_CASE("folders form a tree of their owner's") {
  node_world world;
  auto& ada = world.ada();
  auto made =
      world.post(ada, "/api/folders", R"({"name":"Work","order":2})", {{"Idempotency-Key", "one"}});
  REQUIRE(made.status == 201);
  CHECK(made.header("Location") == "/api/folders/" + made.at("/id"));
  CHECK(
      world.post(ada, "/api/folders", R"({"name":"Work","order":2})", {{"Idempotency-Key", "one"}})
          .at("/id") == made.at("/id"));
  auto path = "/api/folders/" + made.at("/id");
  CHECK(world.get(ada, path).body == made.body);
  auto inner = add_folder(world, ada, R"({"name":"Bridges","parentId":")" + made.at("/id") + "\"}");
  auto deepest = add_folder(world, ada, R"({"name":"Steel","parentId":")" + inner + "\"}");
  CHECK(world.get(ada, "/api/folders").at("/items/2/id") == deepest);

  auto cycle = world.patch(ada, path, R"({"parentId":")" + deepest + "\"}");
  CHECK(cycle.status == 409);
  CHECK(cycle.at("/error/reason") == "folder_cycle");
  CHECK(world.patch(ada, path, R"({"parentId":")" + made.at("/id") + "\"}").status == 409);
  CHECK(world.patch(ada, path, R"({"parentId":")" + absent + "\"}").status == 404);
  CHECK(world.post(ada, "/api/folders", R"({"name":"","order":"x","id":1})").faults() ==
        "/id /name /order");
  auto renamed = world.patch(ada, path, R"({"name":"Works"})", {{"If-Match", "\"v1\""}});
  CHECK(renamed.at("/name") == "Works");
  CHECK(world.erase(ada, path, {{"If-Match", "\"v1\""}}).status == 412);

  auto eve = world.add_user("eve");
  CHECK(world.get(eve, path).status == 404);
  CHECK(world.patch(eve, path, "{}").status == 404);
  CHECK(world.erase(eve, path).status == 404);
  CHECK(world.get(eve, "/api/folders").at("/items") == "[]");

  CHECK(world.erase(ada, "/api/folders/" + inner).status == 204);
  world.stop();
  world.start();
  CHECK(world.get(ada, "/api/folders/" + deepest).at("/parentId") == made.at("/id"));
  CHECK(world.get(ada, "/api/folders/" + inner).status == 404);
}

TEST_CASE("a session takes over from its folder, and outlives it") {
  node_world world;
  auto model = world.add_model();
  auto& ada = world.ada();
  auto folder = add_folder(world, ada,
                           R"({"name":"W","systemPrompt":"Be brief.","modelId":")" + model + "\"}");
  auto in = R"(,"folderId":")" + folder + "\"}";
  auto path = "/api/sessions/" + world.add_session(ada, R"({"title":"a")" + in);
  auto header = world.get(ada, path);
  CHECK(header.at("/folderId") == folder);
  CHECK(header.at("/systemPrompt") == "Be brief.");
  CHECK(header.at("/modelId") == model);
  auto own = world.add_session(ada, R"({"title":"b","systemPrompt":null)" + in);
  CHECK(world.get(ada, "/api/sessions/" + own).at("/systemPrompt") == "null");
  CHECK(world.post(ada, "/api/sessions", R"({"folderId":")" + absent + "\"}").status == 404);
  CHECK(world.patch(ada, path, R"({"folderId":")" + absent + "\"}").status == 404);

  CHECK(titles(world, ada, "folderId=" + folder + "&sort=createdAt") == "a b");
  CHECK(world.erase(ada, "/api/folders/" + folder).status == 204);
  CHECK(world.get(ada, path).at("/folderId") == "null");
  CHECK(titles(world, ada, "folderId=" + folder) == "");
  CHECK(titles(world, ada, "folderId=none&sort=createdAt") == "a b");
}

TEST_CASE("filters of the list combine") {
  node_world world;
  auto model = world.add_model();
  auto& ada = world.ada();
  auto folder = add_folder(world, ada, R"({"name":"W"})");
  world.add_session(ada, R"({"title":"Alpha","tags":["x","y","x"],"pinned":true})");
  world.add_session(ada, R"({"title":"beta","tags":["y"],"folderId":")" + folder + "\"}");
  auto gamma = world.add_session(ada, R"({"title":"Gamma","modelId":")" + model + "\"}");
  world.add_session(ada, R"({"title":"Old","tags":["y"],"archived":true})");
  CHECK(titles(world, ada, "") == "Gamma beta Alpha");
  CHECK(titles(world, ada, "archived=true") == "Old");
  CHECK(titles(world, ada, "tag=y") == "beta Alpha");
  CHECK(titles(world, ada, "tag=y&pinned=true") == "Alpha");
  CHECK(titles(world, ada, "tag=y&pinned=false") == "beta");
  CHECK(titles(world, ada, "tag=%25") == "");
  CHECK(titles(world, ada, "folderId=" + folder) == "beta");
  CHECK(titles(world, ada, "folderId=none&q=A&sort=createdAt") == "Alpha Gamma");
  CHECK(titles(world, ada, "modelId=" + model) == "Gamma");
  CHECK(titles(world, ada, "q=BET") == "beta");
  auto at = world.get(ada, "/api/sessions/" + gamma).at("/updatedAt");
  CHECK(titles(world, ada, "updatedAfter=" + at) == "");
  CHECK(titles(world, ada, "updatedAfter=2020-01-01T00:00:00.000Z&tag=x") == "Alpha");
  CHECK(world.get(ada, "/api/sessions?tag=y&count=true").at("/total") == "2");
  CHECK(world.get(ada, "/api/sessions?q=alpha").at("/items/0/tags") == R"(["x","y"])");

  auto next = world.get(ada, "/api/sessions?limit=1&tag=y").at("/nextCursor");
  CHECK(titles(world, ada, "limit=1&tag=y&cursor=" + next) == "Alpha");
  auto other = world.get(ada, "/api/sessions?limit=1&tag=x&cursor=" + next);
  CHECK(other.at("/error/reason") == "cursor_mismatch");
  auto bad = world.get(
      ada, "/api/sessions?folderId=x&pinned=1&archived=no&modelId=y&updatedAfter=z&sort=title");
  CHECK(bad.faults() == "/archived /folderId /modelId /pinned /sort /updatedAfter");
  CHECK(world.post(ada, "/api/sessions", R"({"tags":["",1]})").faults() == "/tags/0 /tags/1");
  // By the last message: one that has none is the oldest.
  world.say_hi(ada, gamma).rest();
  CHECK(titles(world, ada, "sort=-lastMessageAt&limit=1") == "Gamma");
}

TEST_CASE("many sessions at once, each answered for by itself") {
  node_world world;
  auto& ada = world.ada();
  auto folder = add_folder(world, ada, R"({"name":"W"})");
  std::string ids;
  for (int i = 0; i < 40; ++i) ids += "\"" + world.add_session(ada, R"({"title":"s"})") + "\",";
  ids += "\"" + absent + "\"";
  auto many = [&](const std::string& more) {
    return world.post(ada, "/api/sessions/bulk", R"({"ids":[)" + ids + "]," + more + "}");
  };
  auto total = [&](const std::string& query) {
    return world.get(ada, "/api/sessions?count=true&limit=1&" + query).at("/total");
  };
  auto archived = many(R"("action":"archive")");
  REQUIRE(archived.status == 200);
  CHECK(archived.at("/changed/39") != "(absent)");
  CHECK(archived.at("/failed/0/id") == absent);
  CHECK(archived.at("/failed/0/error/code") == "not_found");
  CHECK(archived.at("/failed/1") == "(absent)");
  CHECK(total("archived=true") == "40");
  many(R"("action":"restore")");
  CHECK(total("") == "40");
  many(R"("action":"tag","tags":["a","b"])");
  many(R"("action":"tag","tags":["b","c"])");
  CHECK(world.get(ada, "/api/sessions?limit=1").at("/items/0/tags") == R"(["a","b","c"])");
  many(R"("action":"move","folderId":")" + folder + "\"");
  CHECK(total("folderId=" + folder) == "40");
  many(R"("action":"move","folderId":null)");
  CHECK(total("folderId=none") == "40");
  CHECK(many(R"("action":"move","folderId":")" + absent + "\"").status == 404);
  auto foreign = world.post(world.add_user("eve"), "/api/sessions/bulk",
                            R"({"ids":[)" + ids + R"(],"action":"delete"})");
  CHECK(foreign.at("/changed") == "[]");
  CHECK(total("") == "40");
  CHECK(many(R"("action":"delete")").at("/changed/39") != "(absent)");
  CHECK(total("") == "0");

  CHECK(many(R"("action":"tag")").faults() == "/tags");
  CHECK(many(R"("action":"archive","folderId":null)").faults() == "/folderId");
  CHECK(world.post(ada, "/api/sessions/bulk", R"({"ids":[],"action":"archive"})").faults() ==
        "/ids");
}

TEST_CASE("a branch becomes a session of its own") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada, R"({"title":"t","systemPrompt":"Be brief.","tags":["x"]})");
  auto body = R"({"sessionId":")" + session + R"(","content":"Hi"})";
  auto first = world.post(ada, "/api/chat/stream", body, whole);
  world.post(ada, "/api/chat/stream", body, whole);
  auto forked = world.post(ada, "/api/sessions/" + session + "/fork",
                           R"({"messageId":")" + first.at("/id") + R"(","title":"Other"})",
                           {{"Idempotency-Key", "f"}});
  REQUIRE(forked.status == 201);
  CHECK(forked.at("/title") == "Other");
  CHECK(forked.at("/systemPrompt") == "Be brief.");
  CHECK(forked.at("/tags/0") == "x");
  CHECK(forked.at("/messageCount") == "2");
  CHECK(forked.at("/id") != session);
  CHECK(world.get(ada, forked.header("Location")).body == forked.body);
  auto again = world.post(ada, "/api/sessions/" + session + "/fork",
                          R"({"messageId":")" + first.at("/id") + R"(","title":"Other"})",
                          {{"Idempotency-Key", "f"}});
  CHECK(again.at("/id") == forked.at("/id"));

  auto messages = world.get(ada, forked.header("Location") + "/messages");
  CHECK(messages.at("/items/2") == "(absent)");
  CHECK(messages.at("/items/0/id") == forked.at("/activeLeafId"));
  CHECK(messages.at("/items/0/content") == first.at("/content"));
  CHECK(messages.at("/items/0/parentId") == messages.at("/items/1/id"));
  CHECK(messages.at("/items/0/id") != first.at("/id"));
  // It goes its own way; the old one stays as it was.
  auto next = world.post(ada, "/api/chat/stream",
                         R"({"sessionId":")" + forked.at("/id") + R"(","content":"On"})", whole);
  CHECK(next.at("/context/kept") == "3");
  CHECK(world.get(ada, "/api/sessions/" + session).at("/messageCount") == "4");
  CHECK(world.post(ada, "/api/sessions/" + session + "/fork", "{}").at("/messageCount") == "4");
  CHECK(world.post(world.add_user("eve"), "/api/sessions/" + session + "/fork", "{}").status ==
        404);
  CHECK(world.post(ada, "/api/sessions/" + session + "/fork", R"({"messageId":")" + absent + "\"}")
            .status == 404);
}
