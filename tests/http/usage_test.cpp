// http/routes/usage.cpp: what was used, and how much may be.
#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

const header_list whole{{"Accept", "application/json"}};

std::string add_priced_model(node_world& world) {
  auto made = world.post(world.ada(), "/api/models/system",
                         R"({"name":"priced","provider":"openai","model":"gpt-4o","apiKey":"k",)"
                         R"("baseUrl":")" +
                             world.upstream().url() +
                             R"(/v1","prices":{"currency":"USD","inputPerMTok":"3",)"
                             R"("outputPerMTok":"15"}})");
  REQUIRE(made.status == 201);
  return made.at("/id");
}

void put_quotas(node_world& world, const std::string& rules) {
  REQUIRE(world.put(world.ada(), "/api/admin/quotas", R"({"items":[)" + rules + "]}").status ==
          200);
}

}  // namespace

TEST_CASE("usage is summed up by day, model, user and label") {
  node_world world;
  auto model = add_priced_model(world);
  auto& ada = world.ada();
  auto key = world.post(ada, "/api/keys", R"({"name":"=Night","scopes":["chat"]})");
  account robot;
  robot.access_token = key.at("/key");
  auto turn = R"({"content":"Hi","modelId":")" + model + "\"}";
  for (const auto* who : {&ada, &ada, static_cast<const account*>(&robot)}) {
    auto reply = world.post(*who, "/api/chat/stream", turn, whole);
    REQUIRE(reply.status == 200);
    // 7 and 3 tokens at 3 and 15 for a million.
    CHECK(reply.at("/usage/cost/amount") == "0.000066");
    CHECK(reply.at("/usage/cost/currency") == "USD");
  }
  auto by_day = world.get(ada, "/api/usage");
  REQUIRE(by_day.status == 200);
  CHECK(by_day.at("/timeZone") == "UTC");
  CHECK(by_day.at("/items/0/requests") == "3");
  CHECK(by_day.at("/items/0/promptTokens") == "21");
  CHECK(by_day.at("/items/0/completionTokens") == "9");
  CHECK(by_day.at("/items/0/cost/amount") == "0.000198");
  CHECK(by_day.at("/items/1") == "(absent)");
  auto by_model = world.get(ada, "/api/usage?groupBy=model");
  CHECK(by_model.at("/items/0/modelId") == model);
  CHECK(by_model.at("/items/0/modelName") == "priced");
  auto by_label = world.get(ada, "/api/usage?groupBy=label");
  CHECK(by_label.at("/items/0/label") == "");
  CHECK(by_label.at("/items/0/keyId") == "(absent)");
  CHECK(by_label.at("/items/1/label") == "=Night");
  CHECK(by_label.at("/items/1/keyId") == key.at("/id"));
  CHECK(by_label.at("/items/1/requests") == "1");

  auto csv = world.get(ada, "/api/usage?groupBy=label&format=csv");
  CHECK(csv.header("Content-Type").starts_with("text/csv"));
  CHECK(csv.body ==
        "keyId,label,requests,promptTokens,completionTokens,reasoningTokens,"
        "cachedTokens,cost,currency\r\n"
        ",,2,14,6,0,0,0.000132,USD\r\n" +
            key.at("/id") + ",\"'=Night\",1,7,3,0,0,0.000066,USD\r\n");
  CHECK(world.get(ada, "/api/usage", {{"Accept", "text/csv"}}).body.starts_with("day,requests"));

  // Names stay when what they name is gone; so do the sums after a restart.
  CHECK(world.erase(ada, "/api/models/" + model).status == 204);
  world.stop();
  world.start();
  CHECK(world.get(ada, "/api/usage?groupBy=model").at("/items/0/modelName") == "priced");

  auto eve = world.add_user("eve");
  CHECK(world.get(eve, "/api/usage").at("/items") == "[]");
  CHECK(world.get(eve, "/api/admin/usage").status == 403);
  auto everyone = world.get(ada, "/api/admin/usage?groupBy=user");
  CHECK(everyone.at("/items/0/username") == "ada");
  CHECK(everyone.at("/items/0/requests") == "3");
}

TEST_CASE("what has no price costs null, and a reply that never came nothing") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto reply = world.post(ada, "/api/chat/stream", R"({"content":"Hi"})", whole);
  REQUIRE(reply.status == 200);
  CHECK(reply.at("/usage/cost") == "(absent)");
  world.upstream_plays_once({send_bytes(whole_response(401, "application/json", "{}"))});
  world.post(ada, "/api/chat/stream", R"({"content":"Hi"})", whole);
  auto usage = world.get(ada, "/api/usage");
  CHECK(usage.at("/items/0/cost") == "null");
  CHECK(usage.at("/items/0/requests") == "1");
}

TEST_CASE("a question about usage that makes no sense is refused with all faults") {
  node_world world;
  auto& ada = world.ada();
  CHECK(world.get(ada, "/api/usage?from=x&to=y&groupBy=z&tz=Moon/Sea").faults() ==
        "/from /groupBy /to /tz");
  CHECK(world.get(ada, "/api/usage?from=2026-02-01&to=2026-01-01").faults() == "/from");
  CHECK(world.get(ada, "/api/usage?from=2020-01-01&to=2026-01-01").faults() == "/from");
  CHECK(world.get(ada, "/api/usage?format=xml").faults() == "/format");
  auto berlin = world.get(ada, "/api/usage?from=2026-07-01&to=2026-07-02&tz=Europe/Berlin");
  CHECK(berlin.at("/from") == "2026-06-30T22:00:00.000Z");
  CHECK(berlin.at("/to") == "2026-07-01T22:00:00.000Z");
  CHECK(world.patch(ada, "/api/settings/system", R"({"timeZone":"Moon/Sea"})").faults() ==
        "/timeZone");
  CHECK(world.patch(ada, "/api/settings/system", R"({"timeZone":"Asia/Kolkata"})").status == 200);
  CHECK(world.get(ada, "/api/usage").at("/timeZone") == "Asia/Kolkata");
}

TEST_CASE("money that names no currency is in the system's") {
  node_world world;
  auto& ada = world.ada();
  CHECK(world.get(ada, "/api/settings/system").at("/currency") == "USD");
  CHECK(world.patch(ada, "/api/settings/system", R"({"currency":"eur"})").faults() == "/currency");
  CHECK(world.patch(ada, "/api/settings/system", R"({"currency":"euro"})").faults() == "/currency");
  REQUIRE(world.patch(ada, "/api/settings/system", R"({"currency":"EUR"})").status == 200);
  put_quotas(
      world,
      R"({"subject":"everyone","window":"day","measure":"money","amount":"2"},)"
      R"({"subject":"everyone","window":"day","measure":"money","amount":"2","currency":"USD"},)"
      R"({"subject":"everyone","window":"day","measure":"tokens","limit":9})");
  auto quotas = world.get(ada, "/api/admin/quotas");
  CHECK(quotas.at("/items/0/currency") == "EUR");
  CHECK(quotas.at("/items/1/currency") == "USD");
  CHECK(quotas.at("/items/2/currency") == "(absent)");
  auto key = world.post(ada, "/api/keys",
                        R"({"name":"k","scopes":["chat"],"budget":)"
                        R"({"window":"day","measure":"money","amount":"1"}})");
  CHECK(key.at("/budget/currency") == "EUR");
  const std::string prices = R"({"prices":{"inputPerMTok":"1","outputPerMTok":"2"}})";
  auto model = world.patch(ada, "/api/models/" + world.add_model(), prices);
  CHECK(model.at("/prices/currency") == "EUR");
  // What is stored stays what it is.
  REQUIRE(world.patch(ada, "/api/settings/system", R"({"currency":"CNY"})").status == 200);
  CHECK(world.get(ada, "/api/models/" + model.at("/id")).at("/prices/currency") == "EUR");
  auto mine = world.post(
      ada, "/api/models",
      R"({"name":"mine","model":"m","baseUrl":"https://models.example",)" + prices.substr(1));
  CHECK(mine.at("/prices/currency") == "CNY");
}

TEST_CASE("quotas are put as a whole, checked, and have a version") {
  node_world world;
  auto& ada = world.ada();
  CHECK(world.get(ada, "/api/admin/quotas").at("/items") == "[]");
  put_quotas(world, R"({"subject":"everyone","window":"day","measure":"requests","limit":3})");
  auto known = world.get(ada, "/api/admin/quotas");
  CHECK(known.at("/version") == "2");
  CHECK(known.at("/items/0/onExceed") == "refuse");
  world.stop();
  world.start();
  CHECK(world.get(ada, "/api/admin/quotas").body == known.body);
  auto bad = world.put(
      ada, "/api/admin/quotas",
      R"({"items":[{"subject":"everyone","subjectId":"x","window":"day","measure":"requests"},)"
      R"({"subject":"role","subjectId":"KING","window":"day","measure":"money","limit":1,)"
      R"("amount":"much","currency":"usd"},{"subject":"user","window":"day","measure":"tokens",)"
      R"("limit":1}]})");
  CHECK(bad.status == 422);
  CHECK(bad.faults() ==
        "/items/0/limit /items/0/subjectId /items/1/amount /items/1/currency /items/1/limit "
        "/items/1/subjectId /items/2/subjectId");
  CHECK(world.put(ada, "/api/admin/quotas", R"({"items":[{"subject":"all"}]})").status == 422);
  auto eve = world.add_user("eve");
  CHECK(world.get(eve, "/api/admin/quotas").status == 403);
  CHECK(world.put(eve, "/api/admin/quotas", R"({"items":[]})").status == 403);
}

TEST_CASE("a used up quota refuses with the time to wait, limits say how they stand") {
  node_world world;
  world.add_model();
  auto eve = world.add_user("eve");
  put_quotas(world, R"({"subject":"everyone","window":"day","measure":"requests","limit":1},)"
                    R"({"subject":"role","subjectId":"ADMIN","window":"day","measure":"requests",)"
                    R"("limit":5})");
  CHECK(world.post(eve, "/api/chat/stream", R"({"content":"Hi"})", whole).status == 200);
  auto refused = world.post(eve, "/api/chat/stream", R"({"content":"Hi"})", whole);
  CHECK(refused.status == 429);
  CHECK(refused.at("/error/code") == "quota_exceeded");
  CHECK(refused.at("/error/reason") == "quota_requests");
  auto wait = std::stoi(refused.header("Retry-After"));
  CHECK(wait > 0);
  CHECK(wait <= 86'400);
  CHECK(world.upstream().counts().requests == 1);
  auto limits = world.get(eve, "/api/usage/limits");
  CHECK(limits.at("/items/0/used") == "1");
  CHECK(limits.at("/items/0/limit") == "1");
  CHECK(limits.at("/items/0/reserved") == "0");
  CHECK(limits.at("/items/0/resetsAt") != "null");
  CHECK(limits.at("/items/1") == "(absent)");
  // The most specific one holds for the ADMIN.
  auto& ada = world.ada();
  for (int i = 0; i < 2; ++i)
    CHECK(world.post(ada, "/api/chat/stream", R"({"content":"Hi"})", whole).status == 200);
  CHECK(world.get(ada, "/api/usage/limits").at("/items/0/limit") == "5");
  // What was used is known after a restart.
  world.stop();
  world.start();
  CHECK(world.post(eve, "/api/chat/stream", R"({"content":"Hi"})", whole).status == 429);
}

TEST_CASE("a key has a budget of its own") {
  node_world world;
  world.add_model();
  auto& ada = world.ada();
  auto made = world.post(ada, "/api/keys",
                         R"({"name":"k","scopes":["chat"],)"
                         R"("budget":{"window":"total","measure":"requests","limit":1}})");
  REQUIRE(made.status == 201);
  account robot;
  robot.access_token = made.at("/key");
  CHECK(world.post(robot, "/api/chat/stream", R"({"content":"Hi"})", whole).status == 200);
  CHECK(world.post(robot, "/api/chat/stream", R"({"content":"Hi"})", whole).status == 429);
  CHECK(world.post(ada, "/api/chat/stream", R"({"content":"Hi"})", whole).status == 200);
  auto limits = world.get(ada, "/api/usage/limits");
  CHECK(limits.at("/items/0/subject") == "key");
  CHECK(limits.at("/items/0/used") == "1");
  CHECK(limits.at("/items/0/resetsAt") == "null");
}
