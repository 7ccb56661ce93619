// What ADMINs do: reset codes, invitations, the audit log, who is on, maintenance.
#include "app/commands.hpp"
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

http_answer redeem(node_world& world, const std::string& name, const std::string& code,
                   const std::string& next = "a password of my own") {
  return world.ask(
      "POST", nullptr, "/api/auth/reset",
      R"({"username":")" + name + R"(","code":")" + code + R"(","newPassword":")" + next + "\"}");
}

http_answer sign_up(node_world& world, const std::string& name, const std::string& code = {}) {
  auto invited = code.empty() ? std::string{} : R"(,"inviteCode":")" + code + "\"";
  return world.ask("POST", nullptr, "/api/auth/register",
                   R"({"username":")" + name + R"(","password":")" + node_world::password + "\"" +
                       invited + "}");
}

}  // namespace

TEST_CASE("an account made without a password has a code to hand over") {
  node_world world;
  auto& ada = world.ada();
  // An empty one is a mistake, not none.
  auto empty = world.post(ada, "/api/users", R"({"username":"eve"})", {{"Idempotency-Key", ""}});
  CHECK(empty.status == 400);
  auto made = world.post(ada, "/api/users", R"({"username":"eve"})", {{"Idempotency-Key", "k1"}});
  CHECK(made.status == 201);
  CHECK(made.at("/status") == "invited");
  CHECK(made.at("/mustChangePassword") == "true");
  auto code = made.at("/resetCode");
  CHECK(code.size() == 20);
  CHECK(made.at("/resetExpiresAt") != "(absent)");
  auto again = world.post(ada, "/api/users", R"({"username":"eve"})", {{"Idempotency-Key", "k1"}});
  CHECK(again.status == 201);
  CHECK(again.at("/id") == made.at("/id"));
  CHECK(again.at("/resetCode") == "(absent)");
  CHECK(world.get(ada, "/api/users?status=invited").at("/items/0/username") == "eve");

  CHECK(redeem(world, "eve", "wrong").status == 401);
  CHECK(redeem(world, "eve", "wrong").without_request_id() ==
        redeem(world, "nobody", code).without_request_id());
  auto weak = redeem(world, "eve", code, "password");
  CHECK(weak.status == 422);
  CHECK(weak.faults() == "/newPassword");
  auto opened = redeem(world, "eve", code);
  REQUIRE(opened.status == 200);
  auto eve = account::from(opened);
  CHECK(world.get(eve, "/api/users/me").at("/status") == "active");
  CHECK(redeem(world, "eve", code).status == 401);

  auto path = "/api/users/" + eve.id + "/reset-password";
  CHECK(world.post(eve, path, "{}").status == 403);
  auto renewed = world.post(ada, path, "{}");
  CHECK(renewed.status == 200);
  CHECK(world.get(eve, "/api/users/me").status == 401);
  CHECK(redeem(world, "eve", renewed.at("/resetCode")).status == 200);
  CHECK(world.post(ada, "/api/users/" + absent + "/reset-password", "{}").status == 404);
}

TEST_CASE("invitations are made, listed, used and taken back") {
  node_world world;
  auto& ada = world.ada();
  REQUIRE(world.patch(ada, "/api/settings/system", R"({"registration":"invite"})").status == 200);
  CHECK(world.ask({"GET", "/api/auth/methods", {}, {}}).at("/registration") == "invite");
  CHECK(sign_up(world, "eve").at("/error/reason") == "invitation_needed");
  auto made = world.post(ada, "/api/users/invitations", R"({"note":"for eve","role":"ADMIN"})");
  REQUIRE(made.status == 201);
  auto code = made.at("/code");
  auto listed = world.get(ada, "/api/users/invitations");
  CHECK(listed.at("/items/0/note") == "for eve");
  CHECK(listed.body.find(code) == std::string::npos);
  CHECK(listed.body.find("odeHash") == std::string::npos);

  auto eve = sign_up(world, "eve", code);
  CHECK(eve.status == 201);
  CHECK(eve.at("/user/role") == "ADMIN");
  CHECK(sign_up(world, "bob", code).at("/error/reason") == "invitation_spent");
  CHECK(world.get(ada, "/api/users/invitations").at("/items/0/uses") == "1");

  auto other = world.post(ada, "/api/users/invitations", "{}");
  auto path = "/api/users/invitations/" + other.at("/invitation/id");
  CHECK(world.erase(ada, path).status == 204);
  CHECK(world.erase(ada, path).status == 404);
  CHECK(sign_up(world, "bob", other.at("/code")).status == 403);
  auto bad = world.post(ada, "/api/users/invitations",
                        R"({"usesMax":0,"expiresInHours":9000,"role":"X","odd":1})");
  CHECK(bad.status == 422);
  CHECK(bad.faults() == "/expiresInHours /odd /role /usesMax");
}

TEST_CASE("accounts are searched, filtered and ordered") {
  node_world world;
  auto& ada = world.ada();
  world.post(ada, "/api/users",
             R"({"username":"eve","displayName":"Evelyn","email":"e@x.example"})");
  world.post(ada, "/api/users", R"({"username":"bob","role":"ADMIN"})");
  auto names = [&](const std::string& query) {
    std::string all;
    auto found = world.get(ada, "/api/users?" + query);
    for (int i = 0; found.at("/items/" + std::to_string(i)) != "(absent)"; ++i)
      all += found.at("/items/" + std::to_string(i) + "/username") + " ";
    return all;
  };
  CHECK(names("") == "ada bob eve ");
  CHECK(names("sort=-username") == "eve bob ada ");
  CHECK(names("sort=createdAt") == "ada eve bob ");
  CHECK(names("q=EVELYN") == "eve ");
  CHECK(names("q=x.example") == "eve ");
  CHECK(names("role=ADMIN") == "ada bob ");
  CHECK(names("role=ADMIN&status=active") == "ada ");
  CHECK(world.get(ada, "/api/users?count=true&limit=1").at("/total") == "3");
  auto bad = world.get(ada, "/api/users?role=ROOT&status=odd&sort=age");
  CHECK(bad.status == 422);
  CHECK(bad.faults() == "/role /sort /status");
  auto first = world.get(ada, "/api/users?limit=1");
  auto cursor = first.at("/nextCursor");
  CHECK(names("limit=1&cursor=" + cursor) == "bob ");
  CHECK(world.get(ada, "/api/users?limit=1&role=ADMIN&cursor=" + cursor).at("/error/reason") ==
        "cursor_mismatch");
}

TEST_CASE("labels and If-Match of an account") {
  node_world world;
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto path = "/api/users/" + eve.id;
  auto tag = world.get(ada, path).header("ETag");
  auto changed = world.patch(ada, path, R"({"labels":{"team":"blue"}})", {{"If-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.at("/labels/team") == "blue");
  CHECK(world.get(eve, "/api/users/me").status == 200);
  CHECK(world.patch(ada, path, R"({"labels":{}})", {{"If-Match", tag}}).status == 412);
  CHECK(world.patch(ada, path, R"({"labels":{"a":1}})").faults() == "/labels/a");
}

TEST_CASE("the audit log says who did what from where, and its chain holds") {
  node_world world;
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  world.ask("POST", nullptr, "/api/auth/login", R"({"username":"eve","password":"wrong"})");
  world.patch(ada, "/api/settings/system", R"({"banner":"Hello"})", {{"X-Request-Id", "mine-1"}});
  auto found = world.get(ada, "/api/admin/audit?action=settings");
  REQUIRE(found.status == 200);
  CHECK(found.at("/items/0/action") == "settings.changed");
  CHECK(found.at("/items/0/actorName") == "ada");
  CHECK(found.at("/items/0/requestId") == "mine-1");
  CHECK(found.at("/items/0/address") == "127.0.0.1");
  CHECK(found.at("/items/0/detail/banner") == "Hello");
  auto failed = world.get(ada, "/api/admin/audit?result=refused");
  CHECK(failed.at("/items/0/action") == "login.failed");
  CHECK(failed.at("/items/0/targetId") == eve.id);
  CHECK(failed.at("/items/1") == "(absent)");
  CHECK(world.get(ada, "/api/admin/audit?actorId=" + eve.id + "&sort=at&limit=1").status == 200);
  CHECK(world.get(ada, "/api/admin/audit?actorId=x&result=odd&from=today").faults() ==
        "/actorId /from /result");
  CHECK(world.get(eve, "/api/admin/audit").status == 403);
  auto checked = parley::app::verify_audit(world.node());
  REQUIRE(checked);
  CHECK_FALSE(checked->broken);
  CHECK(checked->rows > 3);
}

TEST_CASE("who has a stream open is seen, without a word of it") {
  node_world world;
  world.add_model();
  auto eve = world.add_user("eve");
  world.upstream_plays(held_reply_of({"secret words"}));
  auto session = world.add_session(eve);
  auto stream = world.say_hi(eve, session);
  auto start = stream.next("start");
  auto found = world.get(world.ada(), "/api/admin/streams");
  REQUIRE(found.status == 200);
  CHECK(found.at("/total") == "1");
  CHECK(found.at("/items/0/userId") == eve.id);
  CHECK(found.at("/items/0/kind") == "reply");
  CHECK(found.at("/items/0/messageId") == start.at("/messageId"));
  CHECK(found.body.find("secret") == std::string::npos);
  CHECK(world.get(eve, "/api/admin/streams").status == 403);
  world.upstream().release();
  world.upstream().release();
  stream.rest();
  CHECK(world.get(world.ada(), "/api/admin/streams").at("/total") == "0");
}

TEST_CASE("in maintenance only ADMINs begin turns") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto session = world.add_session(eve);
  REQUIRE(world.patch(ada, "/api/settings/system", R"({"maintenance":"Back at ten."})").status ==
          200);
  CHECK(world.ask({"GET", "/api/auth/methods", {}, {}}).at("/maintenance") == "Back at ten.");
  for (const auto& [path, body] :
       {std::pair{"/api/chat/stream", R"({"content":"Hi"})"},
        {"/api/chat/regenerate", R"({"messageId":"01890000-0000-7000-8000-000000000000"})"},
        {"/api/chat/continue", R"({"messageId":"01890000-0000-7000-8000-000000000000"})"}}) {
    auto refused = world.post(eve, path, body);
    CHECK(refused.status == 503);
    CHECK(refused.at("/error/reason") == "maintenance");
    CHECK(refused.at("/error/message") == "Back at ten.");
    CHECK(refused.header("Retry-After") == "60");
  }
  CHECK(world.get(eve, "/api/sessions/" + session).status == 200);
  CHECK(world.send_turn(ada, R"({"content":"Hi"})").is_stream());
  REQUIRE(world.patch(ada, "/api/settings/system", R"({"maintenance":null})").status == 200);
  CHECK(world.say_hi(eve, session).is_stream());
}
