// Uploads, jobs, import and export of everything, over real sockets.
#include <fstream>
#include <sstream>

#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

std::string golden(const std::string& name) {
  std::ifstream from{"tests/golden/import/" + name};
  std::ostringstream text;
  text << from.rdbuf();
  REQUIRE_FALSE(text.str().empty());
  return text.str();
}

http_answer put_piece(node_world& world, const account& who, const std::string& id, size_t offset,
                      std::string bytes) {
  return world.ask({"PUT",
                    "/api/uploads/" + id + "?offset=" + std::to_string(offset),
                    std::move(bytes),
                    {authorization(who), {"Content-Type", "application/octet-stream"}}});
}

std::string add_upload(node_world& world, const account& who, size_t bytes) {
  auto made =
      world.post(who, "/api/uploads", R"({"name":"f.json","bytes":)" + std::to_string(bytes) + "}");
  INFO(made.body);
  REQUIRE(made.status == 201);
  CHECK(made.header("Location") == "/api/uploads/" + made.at("/id"));
  return made.at("/id");
}

std::string upload_whole(node_world& world, const account& who, const std::string& text) {
  auto id = add_upload(world, who, text.size());
  for (size_t at = 0; at < text.size(); at += size_t{8} << 20)
    REQUIRE(put_piece(world, who, id, at, text.substr(at, size_t{8} << 20)).status == 200);
  return id;
}

/// The job's last state, once it is over.
stream_event end_of(node_world& world, const account& who, const std::string& job) {
  event_stream events{world.port(),
                      {"GET", "/api/jobs/" + job + "/events", {}, {authorization(who)}}};
  REQUIRE(events.is_stream());
  auto over = events.next("done");
  CHECK_FALSE(events.next());
  CHECK(events.is_whole());
  return over;
}

stream_event import(node_world& world, const account& who, const std::string& text) {
  auto id = upload_whole(world, who, text);
  auto job = world.post(who, "/api/import", R"({"uploadId":")" + id + "\"}");
  INFO(job.body);
  REQUIRE(job.status == 202);
  CHECK(job.header("Location") == "/api/jobs/" + job.at("/id"));
  return end_of(world, who, job.at("/id"));
}

int64_t number(const stream_event& event, const std::string& pointer) {
  return std::stoll(event.at(pointer));
}

/// What is in a list of reasons.
int64_t sum(const stream_event& event, const std::string& pointer) {
  int64_t all = 0;
  for (int i = 0;; ++i) {
    auto count = event.at(pointer + "/" + std::to_string(i) + "/count");
    if (count == "(absent)") return all;
    all += std::stoll(count);
  }
}

void check_sums(const stream_event& over) {
  for (std::string kind : {"/report/sessions", "/report/messages"})
    CHECK(number(over, kind + "/total") == number(over, kind + "/taken") +
                                               sum(over, kind + "/changed") +
                                               sum(over, kind + "/leftOut"));
}

std::string total(node_world& world, const account& who, const std::string& more = "") {
  return world.get(who, "/api/sessions?count=true" + more).at("/total");
}

/// The file that an export has made.
std::string file_of(node_world& world, const account& who, const std::string& job) {
  http_connection connection{world.port()};
  connection.send({"GET", "/api/jobs/" + job + "/file", {}, {authorization(who)}});
  auto head = connection.read_head();
  REQUIRE(head.status == 200);
  CHECK(head.header("Content-Type") == "application/zip");
  CHECK(head.header("Content-Disposition").starts_with("attachment; filename="));
  std::string text;
  for (;;) {
    auto size = std::stoul(connection.read_line(), nullptr, 16);
    text += connection.read_bytes(size);
    connection.read_line();
    if (size == 0) return text;
  }
}

}  // namespace

TEST_CASE("an upload comes in pieces and goes on where it broke off") {
  node_world world;
  auto& ada = world.ada();
  auto id = add_upload(world, ada, 10);
  auto path = "/api/uploads/" + id;
  auto first = put_piece(world, ada, id, 0, "abcd");
  CHECK(first.status == 200);
  CHECK(first.at("/offset") == "4");
  auto again = put_piece(world, ada, id, 0, "abcd");
  CHECK(again.status == 409);
  CHECK(again.at("/error/reason") == "offset_mismatch");
  CHECK(again.at("/error/fields/0/params/offset") == "4");
  // A client that comes back, and a server that was away meanwhile.
  world.stop();
  world.start();
  auto known = world.get(ada, path);
  CHECK(known.at("/offset") == "4");
  CHECK(known.at("/bytes") == "10");
  CHECK(known.at("/name") == "f.json");
  CHECK(put_piece(world, ada, id, 4, "efghijk").status == 413);
  CHECK(put_piece(world, ada, id, 4, "efghij").at("/offset") == "10");
  CHECK(world.erase(ada, path).status == 204);
  CHECK(world.get(ada, path).status == 404);
}

TEST_CASE("uploads keep to their bounds and to their owners") {
  node_world world{{{"uploads-per-user-max", "2"}, {"upload-bytes-max", "1MiB"}}};
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  CHECK(world.post(ada, "/api/uploads", R"({"bytes":1048577})").status == 413);
  CHECK(world.post(ada, "/api/uploads", R"({"bytes":0,"offset":1})").faults() == "/bytes /offset");
  CHECK(world.post(ada, "/api/uploads", R"({"name":"x"})").faults() == "/bytes");
  auto id = add_upload(world, ada, 10);
  add_upload(world, ada, 10);
  auto third = world.post(ada, "/api/uploads", R"({"bytes":1})");
  CHECK(third.status == 429);
  CHECK(third.at("/error/reason") == "uploads_max");
  auto path = "/api/uploads/" + id;
  CHECK(world.get(eve, path).status == 404);
  CHECK(put_piece(world, eve, id, 0, "abcd").status == 404);
  CHECK(world.erase(eve, path).status == 404);
  CHECK(world.post(eve, "/api/import", R"({"uploadId":")" + id + "\"}").status == 404);
  CHECK(world.post(ada, "/api/import", R"({"uploadId":")" + id + "\"}").at("/error/reason") ==
        "upload_incomplete");
  CHECK(world.post(ada, "/api/import", R"({"uploadId":"x"})").status == 422);
  CHECK(put_piece(world, ada, absent, 0, "abcd").status == 404);
  auto bytes = [&](const std::string& query, std::string body) {
    return world.ask({"PUT",
                      path + query,
                      std::move(body),
                      {authorization(ada), {"Content-Type", "application/octet-stream"}}});
  };
  CHECK(bytes("", "x").faults() == "/offset");
  CHECK(bytes("?offset=-1", "x").faults() == "/offset");
  CHECK(bytes("?offset=1x", "x").faults() == "/offset");
  CHECK(bytes("?offset=0", std::string((size_t{8} << 20) + 1, 'x')).status == 413);
  CHECK(world.put(ada, path + "?offset=0", "{}").status == 415);
  CHECK(world.get(ada, path).at("/offset") == "0");
}

TEST_CASE("files of each program become chats, and a second import makes no duplicates") {
  node_world world;
  auto& ada = world.ada();
  for (std::string name : {"chatgpt.json", "openwebui.json", "librechat.json"}) {
    INFO(name);
    auto before = std::stoll(total(world, ada)) + std::stoll(total(world, ada, "&archived=true"));
    auto over = import(world, ada, golden(name));
    INFO(over.data);
    CHECK(over.at("/status") == "done");
    check_sums(over);
    auto taken = number(over, "/report/sessions/taken") + sum(over, "/report/sessions/changed");
    CHECK(taken > 0);
    CHECK(std::stoll(total(world, ada)) + std::stoll(total(world, ada, "&archived=true")) ==
          before + taken);
    auto again = import(world, ada, golden(name));
    CHECK(again.at("/status") == "done");
    check_sums(again);
    CHECK(number(again, "/report/sessions/taken") == 0);
    CHECK(again.at("/report/sessions/leftOut/0/reason") == "already_imported");
    CHECK(std::stoll(total(world, ada)) + std::stoll(total(world, ada, "&archived=true")) ==
          before + taken);
  }
  auto chat = world.get(ada, "/api/sessions?limit=1");
  CHECK(chat.at("/items/0/source/kind") != "(absent)");
  auto messages = world.get(ada, "/api/sessions/" + chat.at("/items/0/id") + "/messages");
  CHECK(messages.at("/items/0/tokens/estimated") == "true");
  CHECK(messages.at("/items/0/tokens/count") != "0");
}

TEST_CASE("an imported chat is found, and goes on") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto over = import(world, ada, R"([{"id":"c1","title":"Bridges","create_time":1700000000,
    "current_node":"m2","mapping":{
      "m1":{"id":"m1","parent":null,"children":["m2"],"message":{"id":"m1",
        "author":{"role":"user"},"create_time":1700000001,
        "content":{"content_type":"text","parts":["What is a caisson?"]}}},
      "m2":{"id":"m2","parent":"m1","children":[],"message":{"id":"m2",
        "author":{"role":"assistant"},"create_time":1700000002,
        "content":{"content_type":"text","parts":["A box for building under water."]}}}}}])");
  INFO(over.data);
  REQUIRE(over.at("/status") == "done");
  auto hit = world.get(ada, "/api/search?q=caisson");
  auto session = hit.at("/items/0/sessionId");
  REQUIRE(session != "(absent)");
  auto chat = world.get(ada, "/api/sessions/" + session);
  CHECK(chat.at("/title") == "Bridges");
  CHECK(chat.at("/titleSource") == "user");
  CHECK(chat.at("/createdAt") == "2023-11-14T22:13:20.000Z");
  CHECK(chat.at("/messageCount") == "2");
  CHECK(chat.at("/source/id") == "c1");
  auto reply = world.post(ada, "/api/chat/stream",
                          R"({"sessionId":")" + session + R"(","content":"And a pier?"})",
                          {{"Accept", "application/json"}});
  REQUIRE(reply.status == 200);
  CHECK(reply.at("/context/kept") == "3");
}

TEST_CASE("a long conversation is stored in several commits, and is whole") {
  node_world world;
  auto& ada = world.ada();
  std::string text =
      R"({"format":"parley.session","formatVersion":1,"session":{"id":"s1","title":"Long",)"
      R"("createdAt":"2024-01-01T00:00:00.000Z","activeLeafId":"m649"},"messages":[)";
  for (int i = 0; i < 650; ++i) {
    auto id = std::to_string(i);
    if (i > 0) text += ',';
    text.append(R"({"id":"m)").append(id).append(R"(","role":)");
    text += i % 2 == 0 ? R"("user")" : R"("assistant")";
    if (i > 0) text.append(R"(,"parentId":"m)").append(std::to_string(i - 1)).append("\"");
    text += R"(,"createdAt":"2024-01-01T00:00:00.000Z","parts":[{"type":"text","text":"word )";
    text.append(id).append("\"}]}");
  }
  auto over = import(world, ada, text + "]}");
  INFO(over.data);
  CHECK(over.at("/status") == "done");
  CHECK(over.at("/report/messages/taken") == "650");
  auto list = world.get(ada, "/api/sessions?count=true");
  CHECK(list.at("/total") == "1");
  CHECK(list.at("/items/0/messageCount") == "650");
  auto path = "/api/sessions/" + list.at("/items/0/id") +
              "/messages?count=true&branch=" + list.at("/items/0/activeLeafId");
  CHECK(world.get(ada, path).at("/total") == "650");
}

TEST_CASE("a file that is not what it says changes nothing, and its first fault is told") {
  node_world world;
  auto& ada = world.ada();
  auto good = golden("chatgpt.json");
  auto cut = good.substr(0, good.size() - 20);
  struct bad_file {
    std::string text, reason, part;
  };
  for (const auto& [text, reason, part] :
       {bad_file{"This is no JSON.", "", "byte 0"}, bad_file{cut, "", "byte"},
        bad_file{R"([{"a":1}])", "not_an_export", "byte 1"},
        bad_file{std::string{"PK\x03\x04 and no more"}, "bad_zip", ""}}) {
    auto over = import(world, ada, text);
    INFO(over.data);
    CHECK(over.at("/status") == "failed");
    CHECK(over.at("/error/code") == "invalid_input");
    if (!reason.empty()) CHECK(over.at("/error/reason") == reason);
    CHECK(over.at("/error/message").find(part) != std::string::npos);
    CHECK(total(world, ada) == "0");
    CHECK(total(world, ada, "&archived=true") == "0");
    // The upload is still there, and may be deleted.
    CHECK(world.erase(ada, "/api/uploads/" + over.at("/uploadId")).status == 204);
  }
}

TEST_CASE("an export of everything is imported by another account, whole") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  REQUIRE(import(world, ada, golden("chatgpt.json")).at("/status") == "done");
  auto session = world.add_session(ada, R"({"title":"Mine","tags":["steel"],"pinned":true})");
  auto reply =
      world.post(ada, "/api/chat/stream", R"({"sessionId":")" + session + R"(","content":"Hi"})",
                 {{"Accept", "application/json"}});
  REQUIRE(reply.status == 200);
  REQUIRE(world.patch(ada, "/api/sessions/" + session, R"({"archived":true})").status == 200);

  auto job = world.post(ada, "/api/users/me/export", "", {{"Idempotency-Key", "one"}});
  INFO(job.body);
  REQUIRE(job.status == 202);
  CHECK(world.post(ada, "/api/users/me/export", "", {{"Idempotency-Key", "one"}}).at("/id") ==
        job.at("/id"));
  auto over = end_of(world, ada, job.at("/id"));
  REQUIRE(over.at("/status") == "done");
  check_sums(over);
  auto zip = file_of(world, ada, job.at("/id"));
  CHECK(std::to_string(zip.size()) == over.at("/file/bytes"));
  auto eve = world.add_user("eve");
  CHECK(world.get(eve, "/api/jobs/" + job.at("/id") + "/file").status == 404);

  auto taken = import(world, eve, zip);
  INFO(taken.data);
  CHECK(taken.at("/status") == "done");
  check_sums(taken);
  CHECK(taken.at("/report/sessions/total") == over.at("/report/sessions/total"));
  CHECK(taken.at("/report/messages/total") == over.at("/report/messages/total"));
  CHECK(total(world, eve) == total(world, ada));
  auto copy = world.get(eve, "/api/sessions?archived=true");
  CHECK(copy.at("/items/0/title") == "Mine");
  CHECK(copy.at("/items/0/tags/0") == "steel");
  CHECK(copy.at("/items/0/source/id") == session);
  auto said = world.get(eve, "/api/sessions/" + copy.at("/items/0/id") + "/messages");
  CHECK(said.at("/items/0/content") == reply.at("/content"));
  // One's own chats are still there: nothing comes twice.
  auto own = import(world, ada, zip);
  CHECK(own.at("/report/sessions/taken") == "0");
  CHECK(world.erase(ada, "/api/jobs/" + job.at("/id")).status == 204);
  CHECK(world.get(ada, "/api/jobs/" + job.at("/id") + "/file").status == 404);
}

TEST_CASE("jobs are listed, followed, cancelled and forgotten by their owner") {
  node_world world;
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  event_stream live{world.port(), {"GET", "/api/events", {}, {authorization(ada)}}};
  CHECK(live.next()->name == "ready");
  auto over = import(world, ada, golden("chatgpt.json"));
  auto created = live.next("session.created");
  CHECK(created.at("/title") != "(absent)");
  auto id = over.at("/id");
  for (;;) {
    auto told = live.next("job.progress");
    CHECK(told.at("/jobId") == id);
    if (told.at("/status") == "done") break;
  }
  auto path = "/api/jobs/" + id;
  auto known = world.get(ada, path);
  CHECK(known.status == 200);
  CHECK(known.body == over.data);
  CHECK(world.get(ada, "/api/jobs?count=true").at("/total") == "1");
  CHECK(world.get(ada, "/api/jobs").at("/items/0/id") == id);
  CHECK(world.get(eve, "/api/jobs").at("/items") == "[]");
  for (std::string more : {"", "/events", "/file"})
    CHECK(world.get(eve, path + more).status == 404);
  CHECK(world.get(ada, path + "/file").status == 404);
  CHECK(world.erase(eve, path).status == 404);
  CHECK(world.get(ada, "/api/jobs/x").status == 404);
  CHECK(world.get(ada, path + "/events?after=x").status == 400);
  CHECK(world.erase(ada, path).status == 204);
  CHECK(world.get(ada, path).status == 404);
  CHECK(world.get(ada, path + "/events").status == 404);
}

TEST_CASE("a job that is cancelled ends, and what it has stored is whole") {
  node_world world;
  auto& ada = world.ada();
  // Long enough that the end of it is not reached before the request to cancel it is.
  std::string text = "[";
  for (int i = 0; i < 20'000; ++i)
    text += (i == 0 ? "" : ",") + (R"({"conversationId":"c)" + std::to_string(i)) +
            R"(","title":"t","messages":[{"messageId":"m","parentMessageId":null,"sender":"User",)"
            R"("isCreatedByUser":true,"text":"Hi","createdAt":"2024-01-01T00:00:00.000Z"}]})";
  auto upload = upload_whole(world, ada, text + "]");
  auto job = world.post(ada, "/api/import", R"({"uploadId":")" + upload + "\"}");
  REQUIRE(job.status == 202);
  CHECK(world.erase(ada, "/api/uploads/" + upload).status == 409);
  CHECK(world.erase(ada, "/api/jobs/" + job.at("/id")).status == 204);
  auto over = end_of(world, ada, job.at("/id"));
  CHECK(over.at("/status") == "cancelled");
  auto list = world.get(ada, "/api/sessions?count=true&limit=100");
  CHECK(std::stoll(list.at("/total")) < 20'000);
  for (int i = 0; i < 100; ++i) {
    auto count = list.at("/items/" + std::to_string(i) + "/messageCount");
    if (count != "(absent)") CHECK(count == "1");
  }
}

TEST_CASE("a stream of a job ends with its login") {
  node_world world;
  auto eve = world.add_user("eve");
  auto again = world.log_in("eve");
  std::string text = "[";
  for (int i = 0; i < 20'000; ++i)
    text += (i == 0 ? "" : ",") + (R"({"conversationId":"c)" + std::to_string(i)) +
            R"(","title":"t","messages":[]})";
  auto upload = upload_whole(world, eve, text + "]");
  auto job = world.post(eve, "/api/import", R"({"uploadId":")" + upload + "\"}");
  REQUIRE(job.status == 202);
  event_stream events{
      world.port(), {"GET", "/api/jobs/" + job.at("/id") + "/events", {}, {authorization(again)}}};
  REQUIRE(events.is_stream());
  REQUIRE(world.post(again, "/api/auth/logout", "{}").status == 204);
  CHECK(events.next("error").at("/reason") == "token_revoked");
  CHECK_FALSE(events.next());
  CHECK(world.erase(eve, "/api/jobs/" + job.at("/id")).status == 204);
  end_of(world, eve, job.at("/id"));
}
