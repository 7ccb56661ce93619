// GET /api/sessions/{id}/export: chats as files, streamed.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const header_list whole{{"Accept", "application/json"}};
const std::string absent = "01890000-0000-7000-8000-000000000000";

/// A file on its way.
struct download {
  http_connection connection;
  http_answer head;
  bool is_whole = false;  ///< the last chunk came

  download(node_world& world, const account& who, const std::string& path, int receive_bytes = 0)
      : connection(world.port(), receive_bytes) {
    connection.send({"GET", path, {}, {authorization(who)}});
    head = connection.read_head();
    if (head.header("Transfer-Encoding") != "chunked") connection.read_body(head);
  }
  /// To its end, or to where it was cut.
  std::string rest() {
    std::string text;
    try {
      for (;;) {
        auto size = std::stoul(connection.read_line(), nullptr, 16);
        text += connection.read_bytes(size);
        connection.read_line();
        if (size == 0) break;
      }
      is_whole = true;
    } catch (const std::runtime_error&) {
      // Cut.
    }
    return text;
  }
};

std::string export_path(const std::string& session, const std::string& format) {
  return "/api/sessions/" + session + "/export?format=" + format;
}

std::string say(node_world& world, const account& who, const std::string& session,
                const std::string& text) {
  auto reply = world.post(who, "/api/chat/stream",
                          R"({"sessionId":")" + session + R"(","content":")" + text + "\"}", whole);
  REQUIRE(reply.status == 200);
  return reply.at("/id");
}

/// A reply of many pieces, and its whole text.
struct long_reply {
  explicit long_reply(size_t bytes) {
    std::string piece;
    while (piece.size() < 16'000) piece += "another bridge of steel, ";
    for (; text.size() < bytes; text += piece) pieces.push_back(piece);
  }
  std::vector<std::string> pieces;
  std::string text;
};

int count_of(std::string_view text, std::string_view word) {
  int count = 0;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

}  // namespace

TEST_CASE("a chat as JSON has all its branches and says which one is shown") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada, R"({"title":"Brücke \"7\""})");
  auto first = say(world, ada, session, "Hi");
  world.upstream_plays_once(reply_of({"Good day."}));
  auto second =
      world.post(ada, "/api/chat/regenerate", R"({"messageId":")" + first + "\"}", whole).at("/id");

  download file{world, ada, export_path(session, "json")};
  CHECK(file.head.status == 200);
  CHECK(file.head.header("Content-Type") == "application/json");
  CHECK(file.head.header("Content-Disposition") ==
        "attachment; filename=\"Br_cke _7_.json\"; filename*=UTF-8''Br%C3%BCcke%20_7_.json");
  auto text = file.rest();
  CHECK(file.is_whole);
  CHECK(json_at(text, "/format") == "parley.session");
  CHECK(json_at(text, "/session/id") == session);
  CHECK(json_at(text, "/session/activeLeafId") == second);
  CHECK(json_at(text, "/messages/0/content") == "Hi");
  CHECK(json_at(text, "/messages/1/content") == "Hello, world!");
  CHECK(json_at(text, "/messages/2/content") == "Good day.");
  CHECK(json_at(text, "/messages/3") == "(absent)");
  CHECK(json_at(text, "/activePath/0") == json_at(text, "/messages/0/id"));
  CHECK(json_at(text, "/activePath/1") == second);
  CHECK(json_at(text, "/activePath/2") == "(absent)");
  // The connection serves the next request.
  file.connection.send({"GET", export_path(session, "txt"), {}, {authorization(ada)}});
  CHECK(file.connection.read_head().header("Content-Type") == "text/plain; charset=utf-8");
  auto plain = file.rest();
  CHECK(plain.find("Good day.") != std::string::npos);
  CHECK(plain.find("Hello, world!") == std::string::npos);
}

TEST_CASE("a chat as Markdown shows one branch, and without a message its title alone") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada, R"({"title":"Plans","systemPrompt":"Be brief."})");
  download empty{world, ada, export_path(session, "md")};
  auto text = empty.rest();
  CHECK(empty.is_whole);
  CHECK(text.starts_with("# Plans\n\nCreated "));
  CHECK(text.find("## System prompt\n\nBe brief.\n") != std::string::npos);
  CHECK(text.find("## User") == std::string::npos);
  CHECK(json_at(download(world, ada, export_path(session, "json")).rest(), "/messages") == "[]");

  say(world, ada, session, "Hi");
  download file{world, ada, export_path(session, "md")};
  CHECK(file.head.header("Content-Type") == "text/markdown; charset=utf-8");
  text = file.rest();
  auto question = text.find("## User\n\n");
  auto reply = text.find("## Assistant (");
  REQUIRE(reply != std::string::npos);
  CHECK(question < reply);
  CHECK(text.find("Hello, world!") > reply);
}

TEST_CASE("an export is its owner's, and of a known format") {
  node_world world;
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  auto eve = world.add_user("eve");
  auto foreign = world.get(eve, export_path(session, "json"));
  CHECK(foreign.status == 404);
  CHECK(foreign.without_request_id() ==
        world.get(eve, export_path(absent, "json")).without_request_id());
  CHECK(world.ask({"GET", export_path(session, "json"), {}, {}}).status == 401);
  auto unknown = world.get(ada, export_path(session, "pdf"));
  CHECK(unknown.status == 422);
  CHECK(unknown.faults() == "/format");
  CHECK(world.get(ada, export_path("x", "json")).status == 404);

  http_client client{world.port()};
  auto head = client.ask({"HEAD", export_path(session, "txt"), {}, {authorization(ada)}});
  CHECK(head.status == 200);
  CHECK(head.header("Content-Disposition") ==
        "attachment; filename=\"t.txt\"; filename*=UTF-8''t.txt");
  CHECK(head.header("Content-Length") == "(absent)");
  // Without a body, and so the next answer is read as what it is.
  CHECK(client.ask({"GET", "/healthz", {}, {}}).status == 200);
}

TEST_CASE("an export comes in pages, to slow readers too") {
  node_world world{{{"page-bytes-max", "16384"}, {"out-bytes-max", "16384"}}};
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  long_reply reply{60'000};
  for (int i = 0; i < 4; ++i) {
    world.upstream_plays_once(reply_of(reply.pieces));
    say(world, ada, session, "Hi");
  }
  download fast{world, ada, export_path(session, "txt")};
  CHECK(count_of(fast.rest(), reply.text) == 4);
  CHECK(fast.is_whole);
  download slow{world, ada, export_path(session, "json"), 4096};
  auto text = slow.rest();
  CHECK(slow.is_whole);
  CHECK(json_at(text, "/messages/7/content") == reply.text);
  CHECK(json_at(text, "/activePath/7") == json_at(text, "/messages/7/id"));
  CHECK(json_at(text, "/messages/8") == "(absent)");
}

TEST_CASE("an export whose chat is deleted meanwhile is cut, never ended as if whole") {
  node_world world{{{"page-bytes-max", "16384"}, {"out-bytes-max", "16384"}}};
  world.add_model();
  auto& ada = world.ada();
  auto session = world.add_session(ada);
  long_reply reply{1'200'000};
  // More than the kernel keeps for a reader that takes nothing.
  for (int i = 0; i < 5; ++i) {
    world.upstream_plays_once(reply_of(reply.pieces));
    say(world, ada, session, "Hi");
  }
  download file{world, ada, export_path(session, "json"), 4096};
  CHECK(file.head.status == 200);
  CHECK(world.erase(ada, "/api/sessions/" + session).status == 204);
  auto text = file.rest();
  CHECK_FALSE(file.is_whole);
  CHECK(count_of(text, reply.text) < 5);
}
