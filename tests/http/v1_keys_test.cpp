// /v1 with API keys: scopes, models, budgets, and that what is used is counted.
#include "tests/support/v1_world.hpp"

using namespace parley::test;

namespace {

const std::string absent = "01890000-0000-7000-8000-000000000000";

struct keyed_world : v1_world {
  using v1_world::v1_world;

  account add_key(const std::string& scopes, const std::string& more = {}) {
    auto made = post(ada(), "/api/keys", R"({"name":"robot","scopes":)" + scopes + more + "}");
    REQUIRE(made.status == 201);
    account who;
    who.access_token = made.at("/key");
    return who;
  }
  http_answer chat_as(const account& who) { return post(who, "/v1/chat/completions", chat_body()); }
  http_answer messages_as(const account& who) {
    return ask({"POST",
                "/v1/messages",
                messages_body(),
                {{"x-api-key", who.access_token}, {"anthropic-version", "2023-06-01"}}});
  }
  void put_rule(const std::string& rule) {
    REQUIRE(put(ada(), "/api/admin/quotas", R"({"items":[)" + rule + "]}").status == 200);
  }
};

}  // namespace

TEST_CASE("/v1: an API key is taken as Bearer and as x-api-key") {
  keyed_world world;
  auto robot = world.add_key(R"(["chat","models"])");
  CHECK(world.chat_as(robot).status == 200);
  CHECK(world.messages_as(robot).status == 200);
  CHECK(world.get(robot, "/v1/models").at("/data/0/id") == "scripted");
  auto by_label = world.get(world.ada(), "/api/usage?groupBy=label");
  CHECK(by_label.at("/items/0/label") == "robot");
  CHECK(by_label.at("/items/0/requests") == "2");
  CHECK(by_label.at("/items/0/promptTokens") == "14");
  CHECK(by_label.at("/items/0/completionTokens") == "6");
  CHECK(by_label.at("/items/1") == "(absent)");
  robot.access_token.back() = robot.access_token.back() == 'x' ? 'y' : 'x';
  auto wrong = world.chat_as(robot);
  CHECK(wrong.status == 401);
  CHECK(wrong.at("/error/code") == "invalid_api_key");
}

TEST_CASE("/v1: a missing scope is refused in each API's shape") {
  keyed_world world;
  auto reader = world.add_key(R"(["read"])");
  auto openai = world.chat_as(reader);
  CHECK(openai.status == 403);
  CHECK(openai.at("/error/type") == "permission_error");
  CHECK(openai.at("/error/code") == "scope_missing");
  auto anthropic = world.messages_as(reader);
  CHECK(anthropic.status == 403);
  CHECK(anthropic.at("/error/type") == "permission_error");
  CHECK(anthropic.at("/type") == "error");
  CHECK(world.get(reader, "/v1/models").status == 403);
  CHECK(world.upstream().counts().requests == 0);
}

TEST_CASE("/v1: a key with a list of models knows no other") {
  keyed_world world;
  auto robot = world.add_key(R"(["chat","models"])", R"(,"models":[")" + absent + "\"]");
  auto refused = world.chat_as(robot);
  CHECK(refused.status == 404);
  CHECK(refused.at("/error/code") == "model_not_found");
  CHECK(world.get(robot, "/v1/models").at("/data") == "[]");
  CHECK(world.get(robot, "/v1/models/scripted").status == 404);
  auto good = world.add_key(R"(["chat"])", R"(,"models":[")" + world.model + "\"]");
  CHECK(world.chat_as(good).status == 200);
}

TEST_CASE("/v1: a used up budget is 429 before the upstream is asked") {
  keyed_world world;
  auto robot =
      world.add_key(R"(["chat"])", R"(,"budget":{"window":"day","measure":"requests","limit":2})");
  CHECK(world.chat_as(robot).status == 200);
  CHECK(world.messages_as(robot).status == 200);
  auto refused = world.chat_as(robot);
  CHECK(refused.status == 429);
  CHECK(refused.at("/error/code") == "insufficient_quota");
  CHECK(refused.at("/error/type") == "insufficient_quota");
  CHECK(refused.header("Retry-After") != "(absent)");
  auto anthropic = world.messages_as(robot);
  CHECK(anthropic.status == 429);
  CHECK(anthropic.at("/error/type") == "rate_limit_error");
  CHECK(world.post(robot, "/v1/embeddings", R"({"model":"scripted","input":"a"})").status == 429);
  CHECK(world.upstream().counts().requests == 2);
}

TEST_CASE("/v1: a budget that runs out ends the reply with finish_reason length") {
  keyed_world world;
  world.put_rule(R"({"subject":"everyone","window":"total","measure":"tokens","limit":60})");
  script steps{send_bytes(stream_head())};
  for (int i = 0; i < 200; ++i) {
    steps.push_back(pause_for(std::chrono::milliseconds{5}));
    steps.push_back(send_bytes(stream_chunk(content_chunk(" word"))));
  }
  steps.push_back(send_bytes(stream_chunk(finish_chunk() + done_chunk())));
  steps.push_back(send_bytes(stream_end()));
  world.upstream_plays_once(steps);
  auto reply = world.chat();
  REQUIRE(reply.status == 200);
  CHECK(reply.at("/choices/0/finish_reason") == "length");
  auto text = reply.at("/choices/0/message/content");
  CHECK(text.size() > 50);
  CHECK(text.size() < 500);
  auto usage = world.get(world.ada(), "/api/usage");
  auto spent = std::stoll(usage.at("/items/0/promptTokens")) +
               std::stoll(usage.at("/items/0/completionTokens"));
  CHECK(spent >= 60);
  CHECK(spent <= 80);
  CHECK(world.chat().status == 429);
}
