// Temporary sessions: in memory, in no list, on no disk.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string canary = "xylophonecanary7391";
const std::string answered = "marimbacanary2846";

/// How many files below a folder hold one of the texts.
size_t files_with(const std::filesystem::path& folder, const std::vector<std::string>& texts) {
  size_t hits = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file{entry.path(), std::ios::binary};
    std::ostringstream all;
    all << file.rdbuf();
    for (const auto& text : texts)
      if (all.str().find(text) != std::string::npos) ++hits;
  }
  return hits;
}

struct fixture : node_world {
  using node_world::node_world;
  void begin() {
    add_model();
    eve = add_user("eve");
    upstream_plays(reply_of({answered}));
    auto events = send_turn(eve, R"({"temporary":true,"content":")" + canary + "\"}").rest();
    session = events.front().at("/sessionId");
    reply = events.front().at("/messageId");
    CHECK(events.back().name == "done");
  }
  account eve;
  std::string session;
  std::string reply;
};

}  // namespace

TEST_CASE("a temporary session is read and goes on, but no list shows it") {
  fixture world;
  world.begin();
  auto path = "/api/sessions/" + world.session;
  auto header = world.get(world.eve, path);
  CHECK(header.status == 200);
  CHECK(header.at("/temporary") == "true");
  CHECK(world.get(world.eve, "/api/sessions").at("/items") == "[]");
  auto messages = world.get(world.eve, path + "/messages");
  CHECK(messages.at("/items/0/content") == answered);
  CHECK(messages.at("/items/1/content") == canary);
  CHECK(world.message(world.eve, world.session, world.reply).at("/content") == answered);

  CHECK(world.say_hi(world.eve, world.session).rest().back().name == "done");
  CHECK(world.follow(world.eve, world.reply).rest().back().name == "done");
  auto again = event_stream{world.port(),
                            {"POST",
                             "/api/chat/regenerate",
                             R"({"messageId":")" + world.reply + "\"}",
                             {authorization(world.eve)}}};
  CHECK(again.rest().back().name == "done");
  CHECK(world.get(world.eve, path + "/messages?count=true").at("/total") == "5");
  CHECK(world.post(world.eve, path + "/fork", "{}").at("/error/reason") == "temporary_session");

  auto bob = world.add_user("bob");
  CHECK(world.get(bob, path).status == 404);
  CHECK(world.message(bob, world.session, world.reply).status == 404);
  CHECK(world.follow(bob, world.reply).head().status == 404);

  CHECK(world.erase(world.eve, path).status == 204);
  CHECK(world.get(world.eve, path).status == 404);
  auto both =
      world.post(world.eve, "/api/chat/stream",
                 R"({"temporary":true,"content":"x","sessionId":")" + world.session + "\"}");
  CHECK(both.faults() == "/temporary");
}

TEST_CASE("no disk has a word of a temporary session, and it is gone with the node") {
  fixture world;
  world.begin();
  auto folder = std::filesystem::path{world.values().data_dir};
  REQUIRE(std::filesystem::exists(folder));
  // A session that is stored is found by the same search: then it is no empty one.
  auto kept = world.add_session(world.eve);
  world.upstream_plays(reply_of({"keptreply5512"}));
  world.say_hi(world.eve, kept).rest();
  CHECK(files_with(folder, {"keptreply5512"}) > 0);
  CHECK(files_with(folder, {canary, answered}) == 0);
  auto hits = [&](const std::string& word) {
    return world.get(world.eve, "/api/search?q=" + word).at("/items/0");
  };
  CHECK(hits("keptreply5512") != "(absent)");
  CHECK(hits(canary) == "(absent)");
  CHECK(hits(answered) == "(absent)");
  world.stop();
  CHECK(files_with(folder, {canary, answered}) == 0);
  world.start();
  CHECK(world.get(world.eve, "/api/sessions/" + world.session).status == 404);
  CHECK(files_with(folder, {canary, answered}) == 0);
}

TEST_CASE("temporary sessions are few, and one that nobody uses is forgotten") {
  fixture world{{{"temporary-sessions-max", "1"},
                 {"temporary-idle-max-s", "1"},
                 {"read-calls-per-min", "1000000"},
                 {"reply-keep-s", "1"}}};
  world.begin();
  auto second =
      world.post(world.eve, "/api/chat/stream", R"({"temporary":true,"content":"another"})");
  CHECK(second.status == 429);
  CHECK(second.at("/error/reason") == "temporary_sessions_max");
  // It goes by itself: asked until it has, no longer than the test's client waits.
  auto path = "/api/sessions/" + world.session;
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  auto status = 200;
  while (status == 200 && std::chrono::steady_clock::now() < until)
    status = world.get(world.eve, path).status;
  CHECK(status == 404);
}
