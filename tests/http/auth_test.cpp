// http/routes/auth.cpp: accounts begin, log in and out, and prove who they are.
#include "base/secrets_file.hpp"
#include "base/signed_token.hpp"
#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

std::string credentials(const std::string& name, const std::string& password) {
  return R"({"username":")" + name + R"(","password":")" + password + "\"}";
}

std::string refresh_json(const std::string& token) {
  return R"({"refreshToken":")" + token + "\"}";
}

}  // namespace

TEST_CASE("the first account becomes ADMIN, then registration is closed until an ADMIN opens it") {
  node_world world;
  CHECK(world.ask("GET", nullptr, "/api/auth/methods", {}).at("/setupRequired") == "false");
  auto me = world.get(world.ada(), "/api/auth/me");
  CHECK(me.status == 200);
  CHECK(me.at("/username") == "ada");
  CHECK(me.at("/role") == "ADMIN");
  CHECK(me.at("/status") == "active");
  CHECK(me.at("/passwordHash") == "(absent)");
  CHECK(me.at("/tokenVersion") == "(absent)");

  auto eve = credentials("eve", node_world::password);
  auto closed = world.ask("POST", nullptr, "/api/auth/register", eve);
  CHECK(closed.status == 403);
  CHECK(closed.at("/error/reason") == "registration_closed");
  CHECK(world.patch(world.ada(), "/api/settings/system", R"({"registration":"open"})").status ==
        200);
  CHECK(world.ask("GET", nullptr, "/api/auth/methods", {}).at("/registration") == "open");
  auto made = world.ask("POST", nullptr, "/api/auth/register", eve);
  CHECK(made.status == 201);
  CHECK(made.at("/user/role") == "USER");
  CHECK(made.at("/expiresIn") == "900");
  CHECK(world.get(account::from(made), "/api/auth/me").at("/username") == "eve");
  for (const auto* name : {"eve", "EVE"}) {
    auto taken =
        world.ask("POST", nullptr, "/api/auth/register", credentials(name, node_world::password));
    CHECK(taken.status == 409);
  }
}

TEST_CASE("a registration that is no good names all its faults") {
  node_world world;
  world.patch(world.ada(), "/api/settings/system", R"({"registration":"open"})");
  auto ask = [&](const std::string& body) {
    return world.ask("POST", nullptr, "/api/auth/register", body);
  };
  CHECK(ask("{").status == 400);
  CHECK(ask("{").at("/error/code") == "malformed");
  CHECK(ask(R"({"username":"a","username":"b"})").status == 400);
  CHECK(ask("").status == 400);
  auto none = ask("{}");
  CHECK(none.status == 422);
  CHECK(none.faults() == "/password /username");
  auto many = ask(R"({"username":"a","password":1,"email":"","isAdmin":true,"a/b~":1})");
  CHECK(many.status == 422);
  CHECK(many.faults() == "/a~1b~0 /email /isAdmin /password /username");
  CHECK(many.at("/error/reason") == "invalid_fields");
  auto weak = ask(credentials("bo b", "short"));
  CHECK(weak.status == 422);
  CHECK(weak.faults() == "/password /username");
  CHECK(ask(credentials("bob", "monkey2024!")).faults() == "/password");
}

TEST_CASE("a body that is no JSON, too large or compressed is refused before it is read") {
  node_world world;
  auto ask = [&](const std::string& body, header_list headers) {
    return world.ask({"POST", "/api/auth/login", body, std::move(headers)});
  };
  auto good = credentials("ada", node_world::password);
  CHECK(ask(good, {}).status == 200);
  CHECK(ask(good, {{"Content-Type", "application/json; charset=utf-8"}}).status == 200);
  CHECK(ask(good, {{"Content-Type", "APPLICATION/JSON"}}).status == 200);
  for (const auto* type : {"text/plain", "application/x-www-form-urlencoded", ""}) {
    auto wrong = ask(good, {{"Content-Type", type}});
    CHECK(wrong.status == 415);
    CHECK(wrong.at("/error/message") == "The Content-Type must be application/json.");
  }
  CHECK(ask(good, {{"Content-Encoding", "gzip"}}).status == 415);
  auto large = ask(std::string(world.values().json_body_bytes_max + 1, ' '), {});
  CHECK(large.status == 413);
  CHECK(large.at("/error/code") == "too_large");
  CHECK(world.ask({"GET", "/api/auth/methods", "{}", {}}).status == 413);
}

TEST_CASE("logging in: the right password, and answers to wrong ones that tell nothing") {
  node_world world;
  auto right =
      world.ask("POST", nullptr, "/api/auth/login", credentials("ADA", node_world::password));
  CHECK(right.status == 200);
  CHECK(right.at("/user/username") == "ada");
  CHECK(right.header("Set-Cookie") == "(absent)");
  auto wrong = world.ask("POST", nullptr, "/api/auth/login", credentials("ada", "wrong wrong"));
  auto nobody = world.ask("POST", nullptr, "/api/auth/login", credentials("nobody", "wrong wrong"));
  CHECK(wrong.status == 401);
  CHECK(wrong.at("/error/reason") == "invalid_credentials");
  CHECK(wrong.header("WWW-Authenticate") == "Bearer");
  CHECK(wrong.without_request_id() == nobody.without_request_id());
  CHECK(world.ask("POST", nullptr, "/api/auth/login", "{}").faults() == "/password /username");
}

TEST_CASE("after many wrong passwords a login has to wait, also with the right one") {
  node_world world{{{"login-fails-free", "2"}}};
  auto ask = [&](const std::string& password) {
    return world.ask("POST", nullptr, "/api/auth/login", credentials("ada", password));
  };
  int refused = 0;
  for (int i = 0; i < 6 && refused == 0; ++i)
    if (ask("wrong wrong").status == 429) refused = i;
  CHECK(refused >= 2);
  auto late = ask(node_world::password);
  CHECK(late.status == 429);
  CHECK(std::stoi(late.header("Retry-After")) >= 1);
}

TEST_CASE("an access token: none, another's, changed, expired") {
  node_world world;
  auto refused = [&](const std::string& header) {
    header_list headers;
    if (!header.empty()) headers.emplace_back("Authorization", header);
    auto answer = world.ask({"GET", "/api/auth/me", {}, headers});
    CHECK(answer.status == 401);
    CHECK(answer.header("WWW-Authenticate") == "Bearer");
    CHECK(answer.at("/error/code") == "unauthenticated");
    return answer.at("/error/reason");
  };
  auto good = world.ada().access_token;
  CHECK(refused("") == "token_missing");
  CHECK(refused("Basic YWRhOng=") == "token_missing");
  CHECK(refused("Bearer nonsense") == "token_invalid");
  auto changed = good;
  changed[good.size() / 2] = changed[good.size() / 2] == 'a' ? 'b' : 'a';
  CHECK(refused("Bearer " + changed) == "token_invalid");

  auto kept = load_or_make_secrets(world.values().data_dir);
  REQUIRE(kept);
  token_signer signer{kept->access_tokens};
  auto now = system_wall_clock().now();
  auto claims = signer.verify(good, now);
  REQUIRE(claims);
  claims->expires_s = now.ms / 1000 - 1;
  CHECK(refused("Bearer " + signer.sign(*claims)) == "token_expired");
  claims->expires_s = now.ms / 1000 + 60;
  claims->login = login_id::make();
  CHECK(refused("Bearer " + signer.sign(*claims)) == "token_revoked");
  // A role in a token opens nothing: the account's counts.
  auto eve = world.add_user("eve");
  auto hers = signer.verify(eve.access_token, now);
  REQUIRE(hers);
  hers->role = "ADMIN";
  auto forged =
      world.ask({"GET", "/api/users", {}, {{"Authorization", "Bearer " + signer.sign(*hers)}}});
  CHECK(forged.status == 403);
}

TEST_CASE("a refresh token works once, and twice ends the login") {
  node_world world;
  auto tickets =
      world.ask("POST", nullptr, "/api/auth/refresh", refresh_json(world.ada().refresh_token));
  CHECK(tickets.status == 200);
  auto next = account::from(tickets);
  CHECK(next.refresh_token != world.ada().refresh_token);
  CHECK(world.get(next, "/api/auth/me").status == 200);
  CHECK(world.get(world.ada(), "/api/auth/me").status == 200);
  auto spent =
      world.ask("POST", nullptr, "/api/auth/refresh", refresh_json(world.ada().refresh_token));
  CHECK(spent.status == 401);
  CHECK(spent.at("/error/reason") == "token_spent");
  CHECK(world.ask("POST", nullptr, "/api/auth/refresh", refresh_json(next.refresh_token)).status ==
        200);
  for (const auto& body : {std::string{}, std::string{"{}"}, refresh_json("nonsense")}) {
    auto refused = world.ask("POST", nullptr, "/api/auth/refresh", body);
    CHECK(refused.status == 401);
    CHECK(refused.at("/error/reason") == "token_invalid");
  }
  CHECK(world.ask("POST", nullptr, "/api/auth/refresh", R"({"token":"x"})").faults() == "/token");
}

TEST_CASE("a browser's refresh token travels in a cookie no script can read") {
  node_world world;
  header_list page{{"X-Parley-Client", "browser"}};
  auto tickets =
      world.ask({"POST", "/api/auth/login", credentials("ada", node_world::password), page});
  CHECK(tickets.status == 200);
  CHECK(tickets.at("/refreshToken") == "(absent)");
  auto cookie = tickets.header("Set-Cookie");
  CHECK(cookie.starts_with("parley_rt="));
  for (const auto* part : {"; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=2592000"})
    CHECK(cookie.find(part) != std::string::npos);
  auto pair = cookie.substr(0, cookie.find(';'));
  page.emplace_back("Cookie", "theme=dark; " + pair);
  auto refreshed = world.ask({"POST", "/api/auth/refresh", {}, page});
  CHECK(refreshed.status == 200);
  CHECK(refreshed.header("Set-Cookie").starts_with("parley_rt="));
  // Without the header, which a foreign page can't send, the cookie counts for nothing.
  CHECK(world.ask({"POST", "/api/auth/refresh", {}, {{"Cookie", pair}}}).status == 401);
  auto out = world.ask({"POST",
                        "/api/auth/logout",
                        {},
                        {{"X-Parley-Client", "browser"},
                         {"Authorization", "Bearer " + refreshed.at("/accessToken")}}});
  CHECK(out.status == 204);
  CHECK(out.header("Set-Cookie").find("; Max-Age=0") != std::string::npos);
}

TEST_CASE("logging out ends this login and no other") {
  node_world world;
  auto here = world.log_in("ada");
  CHECK(world.post(here, "/api/auth/logout", {}).status == 204);
  auto after = world.get(here, "/api/auth/me");
  CHECK(after.status == 401);
  CHECK(after.at("/error/reason") == "token_revoked");
  CHECK(world.ask("POST", nullptr, "/api/auth/refresh", refresh_json(here.refresh_token)).status ==
        401);
  CHECK(world.get(world.ada(), "/api/auth/me").status == 200);
}

TEST_CASE("logins are listed and ended one by one") {
  node_world world;
  auto eve = world.add_user("eve");
  auto other = world.ask({"POST",
                          "/api/auth/login",
                          credentials("eve", node_world::password),
                          {{"User-Agent", "a phone"}}});
  auto list = world.get(eve, "/api/auth/logins");
  CHECK(list.status == 200);
  CHECK(list.at("/items/2") == "(absent)");
  CHECK(list.at("/items/1/userAgent") == "a phone");
  CHECK(list.at("/items/1/address") == "127.0.0.1");
  CHECK(list.body.find("refreshHash") == std::string::npos);
  auto path = "/api/auth/logins/" + list.at("/items/1/id");
  // Another's login is as absent as one that never was.
  auto foreign = world.erase(world.ada(), path);
  auto absent = world.erase(world.ada(), "/api/auth/logins/01890000-0000-7000-8000-000000000000");
  CHECK(foreign.status == 404);
  CHECK(foreign.without_request_id() == absent.without_request_id());
  CHECK(world.erase(eve, path).status == 204);
  CHECK(world.get(account::from(other), "/api/auth/me").status == 401);
  CHECK(world.get(eve, "/api/auth/logins").at("/items/1") == "(absent)");
}

TEST_CASE("changing the password ends all other logins") {
  node_world world;
  auto eve = world.add_user("eve");
  auto other = world.log_in("eve");
  auto change = [&](const std::string& from, const std::string& to) {
    return world.put(eve, "/api/auth/password",
                     R"({"currentPassword":")" + from + R"(","newPassword":")" + to + "\"}");
  };
  auto wrong = change("wrong wrong", "a new long password");
  CHECK(wrong.status == 422);
  CHECK(wrong.faults() == "/currentPassword");
  CHECK(change(node_world::password, "short").faults() == "/newPassword");
  CHECK(world.put(eve, "/api/auth/password", "{}").faults() == "/currentPassword /newPassword");
  CHECK(change(node_world::password, "a new long password").status == 204);
  CHECK(world.get(other, "/api/auth/me").status == 401);
  CHECK(world.ask("POST", nullptr, "/api/auth/refresh", refresh_json(other.refresh_token)).status ==
        401);
  // The login that changed it goes on with its refresh token.
  auto next = world.ask("POST", nullptr, "/api/auth/refresh", refresh_json(eve.refresh_token));
  CHECK(next.status == 200);
  CHECK(world.get(account::from(next), "/api/auth/me").status == 200);
  CHECK(world.ask("POST", nullptr, "/api/auth/login", credentials("eve", node_world::password))
            .status == 401);
  CHECK(world.log_in("eve", "a new long password").id == eve.id);
}
