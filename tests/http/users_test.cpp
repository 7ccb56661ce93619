// http/routes/users.cpp: one's own account, and everybody's for an ADMIN.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

std::string user_body(const std::string& name, const std::string& more = {}) {
  return R"({"username":")" + name + R"(","password":")" + node_world::password + "\"" + more + "}";
}

}  // namespace

TEST_CASE("one's own account: read, changed, with versions") {
  node_world world;
  auto eve = world.add_user("eve");
  auto me = world.get(eve, "/api/users/me");
  CHECK(me.status == 200);
  CHECK(me.at("/id") == eve.id);
  auto tag = me.header("ETag");
  CHECK(tag == "\"v" + me.at("/version") + "\"");
  auto unchanged = world.get(eve, "/api/users/me", {{"If-None-Match", tag}});
  CHECK(unchanged.status == 304);
  CHECK(unchanged.body.empty());
  CHECK(unchanged.header("ETag") == tag);
  for (const auto* list : {"*", "\"v0\", ", "W/"}) {
    auto value = std::string{list} == "*" ? "*" : list + tag;
    CHECK(world.get(eve, "/api/users/me", {{"If-None-Match", value}}).status == 304);
  }
  CHECK(world.get(eve, "/api/users/me", {{"If-None-Match", "\"v999\""}}).status == 200);

  auto changed = world.patch(eve, "/api/users/me", R"({"displayName":"Eve"})", {{"If-Match", tag}});
  CHECK(changed.status == 200);
  CHECK(changed.at("/displayName") == "Eve");
  CHECK(changed.header("ETag") != tag);
  auto stale = world.patch(eve, "/api/users/me", R"({"displayName":"X"})", {{"If-Match", tag}});
  CHECK(stale.status == 412);
  CHECK(stale.at("/error/code") == "conflict");
  CHECK(stale.at("/error/reason") == "version_mismatch");
  CHECK(world.patch(eve, "/api/users/me", R"({"displayName":"X"})", {{"If-Match", "odd"}}).status ==
        412);
  auto any = world.patch(eve, "/api/users/me", R"({"displayName":null})", {{"If-Match", "*"}});
  CHECK(any.status == 200);
  CHECK(any.at("/displayName") == "(absent)");

  auto refused = world.patch(eve, "/api/users/me",
                             R"({"role":"ADMIN","status":"active","username":"root","email":1,)"
                             R"("passwordHash":"x","odd":null})");
  CHECK(refused.status == 422);
  CHECK(refused.faults() == "/email /odd /passwordHash /role /status /username");
  CHECK(world.get(eve, "/api/users/me").at("/role") == "USER");
  CHECK(world.patch(eve, "/api/users/me", "nonsense").status == 400);
}

TEST_CASE("leaving takes the account, its logins and its name") {
  node_world world;
  auto eve = world.add_user("eve");
  world.add_session(eve);
  CHECK(world.erase(eve, "/api/users/me").status == 204);
  CHECK(world.get(eve, "/api/users/me").status == 401);
  CHECK(world.ask("POST", nullptr, "/api/auth/login", user_body("eve")).status == 401);
  CHECK(world.get(world.ada(), "/api/users/" + eve.id).status == 404);
  auto anew = world.add_user("eve");
  CHECK(anew.id != eve.id);
  CHECK(world.get(anew, "/api/sessions").at("/items") == "[]");

  auto last = world.erase(world.ada(), "/api/users/me");
  CHECK(last.status == 409);
  CHECK(last.at("/error/reason") == "last_admin");
  CHECK(world.get(world.ada(), "/api/users/me").status == 200);
}

TEST_CASE("only an ADMIN sees and changes accounts") {
  node_world world;
  auto eve = world.add_user("eve");
  for (const auto& [method, path] : {std::pair{"GET", std::string{"/api/users"}},
                                     {"POST", "/api/users"},
                                     {"GET", "/api/users/" + eve.id},
                                     {"PATCH", "/api/users/" + eve.id},
                                     {"DELETE", "/api/users/" + eve.id},
                                     {"GET", "/api/settings/system"},
                                     {"PATCH", "/api/settings/system"},
                                     {"POST", "/api/models/system"}}) {
    INFO(method << " " << path);
    auto body = method[0] == 'P' ? "{}" : "";
    auto hers = world.ask(method, &eve, path, body);
    CHECK(hers.status == 403);
    CHECK(hers.at("/error/code") == "forbidden");
    auto nobodys = world.ask(method, nullptr, path, body);
    CHECK(nobodys.status == 401);
    CHECK(nobodys.header("WWW-Authenticate") == "Bearer");
  }
}

TEST_CASE("an ADMIN makes accounts and is told all that is wrong with one") {
  node_world world;
  auto& ada = world.ada();
  auto made = world.post(ada, "/api/users", user_body("eve", R"(,"role":"ADMIN","email":"e@x.y")"));
  CHECK(made.status == 201);
  CHECK(made.at("/role") == "ADMIN");
  CHECK(made.at("/email") == "e@x.y");
  CHECK(made.body.find("asswordHash") == std::string::npos);
  CHECK(made.header("Location") == "/api/users/" + made.at("/id"));
  auto found = world.get(ada, made.header("Location"));
  CHECK(found.body == made.body);
  CHECK(found.header("ETag") == made.header("ETag"));

  CHECK(world.post(ada, "/api/users", user_body("eve")).status == 409);
  auto bad = world.post(ada, "/api/users", R"({"username":"x","role":"ROOT","id":"1"})");
  CHECK(bad.status == 422);
  CHECK(bad.faults() == "/id /role /username");
  auto role_fault = bad.at("/error/fields");
  CHECK(role_fault.find(R"(["USER","ADMIN"])") != std::string::npos);
  auto weak = world.post(ada, "/api/users", R"({"username":"a b","password":"password"})");
  CHECK(weak.faults() == "/password /username");
}

TEST_CASE("absent users are absent, however their id looks") {
  node_world world;
  auto& ada = world.ada();
  auto plain = world.get(ada, "/api/users/" + absent);
  CHECK(plain.status == 404);
  for (const auto& id : {absent, std::string{"42"}, std::string{"%20"}, ada.id + "0"}) {
    auto path = "/api/users/" + id;
    for (const auto& answer : {world.get(ada, path), world.erase(ada, path),
                               world.patch(ada, path, R"({"status":"disabled"})")}) {
      CHECK(answer.status == 404);
      CHECK(answer.without_request_id() == plain.without_request_id());
    }
  }
}

TEST_CASE("an ADMIN changes roles and status, the last ADMIN stays") {
  node_world world;
  auto& ada = world.ada();
  auto eve = world.add_user("eve");
  auto path = "/api/users/" + eve.id;
  auto promoted = world.patch(ada, path, R"({"role":"ADMIN"})");
  CHECK(promoted.status == 200);
  CHECK(promoted.at("/role") == "ADMIN");
  CHECK(world.get(eve, "/api/users/me").status == 401);  // the token of the old role is void
  eve = world.log_in("eve");
  CHECK(world.get(eve, "/api/users").status == 200);

  auto disabled = world.patch(ada, path, R"({"status":"disabled"})");
  CHECK(disabled.at("/status") == "disabled");
  auto refused = world.get(eve, "/api/users");
  CHECK(refused.status == 401);
  auto login = world.ask("POST", nullptr, "/api/auth/login", user_body("eve"));
  CHECK(login.status == 403);
  CHECK(login.at("/error/reason") == "account_disabled");
  CHECK(world.patch(ada, path, R"({"status":"active"})").status == 200);
  CHECK(world.log_in("eve").id == eve.id);

  CHECK(world.patch(ada, path, R"({"role":"USER"})").status == 200);
  for (const auto* change : {R"({"role":"USER"})", R"({"status":"disabled"})"}) {
    auto last = world.patch(ada, "/api/users/" + ada.id, change);
    CHECK(last.status == 409);
    CHECK(last.at("/error/reason") == "last_admin");
  }
  auto bad = world.patch(ada, path, R"({"status":"erased","role":1,"username":"x"})");
  CHECK(bad.status == 422);
  CHECK(bad.faults() == "/role /status /username");
  CHECK(world.patch(ada, path, R"({"status":"erased"})").faults() == "/status");
  CHECK(world.erase(ada, path).status == 204);
  CHECK(world.get(ada, path).status == 404);
}

TEST_CASE("the list of users in pages, by name") {
  node_world world;
  auto& ada = world.ada();
  for (int i = 10; i < 15; ++i)
    CHECK(world.post(ada, "/api/users", user_body("user" + std::to_string(i))).status == 201);
  std::string names;
  std::string cursor;
  int pages = 0;
  do {
    auto page = world.get(ada, "/api/users?limit=2&count=true" + cursor);
    REQUIRE(page.status == 200);
    CHECK(page.at("/total") == "6");
    for (int i = 0; i < 2; ++i) names += page.at("/items/" + std::to_string(i) + "/username") + " ";
    CHECK(page.at("/items/2") == "(absent)");
    cursor = page.at("/nextCursor") == "null" ? "" : "&cursor=" + page.at("/nextCursor");
  } while (!cursor.empty() && ++pages < 10);
  CHECK(names == "ada user10 user11 user12 user13 user14 ");
  CHECK(world.get(ada, "/api/users?sort=-username").at("/items/0/username") == "user14");
  auto found = world.get(ada, "/api/users?q=r13");
  CHECK(found.at("/items/0/username") == "user13");
  CHECK(found.at("/items/1") == "(absent)");

  for (const auto* query : {"limit=0", "limit=101", "limit=x", "sort=email"}) {
    auto refused = world.get(ada, std::string{"/api/users?"} + query);
    CHECK(refused.status == 422);
    CHECK(refused.faults() == (query[0] == 'l' ? "/limit" : "/sort"));
  }
  auto next = world.get(ada, "/api/users?limit=2").at("/nextCursor");
  CHECK(world.get(ada, "/api/users?cursor=nonsense").status == 400);
  auto other = world.get(ada, "/api/users?sort=-username&cursor=" + next);
  CHECK(other.status == 400);
  CHECK(other.at("/error/reason") == "cursor_mismatch");
}
