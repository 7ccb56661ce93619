// http/routes/v1.cpp: models, embeddings, and what browsers ask before.
#include <array>
#include <cstring>

#include "base/text.hpp"
#include "tests/support/v1_world.hpp"

using namespace parley::test;

namespace {

std::string embedding_answer(size_t count) {
  std::string body = R"({"data":[)";
  for (size_t i = 0; i < count; ++i)
    body += (i > 0 ? "," : "") + std::string{R"({"index":)"} + std::to_string(i) +
            R"(,"embedding":[0.5,-2,)" + std::to_string(i) + "]}";
  return body + R"(],"usage":{"prompt_tokens":)" + std::to_string(count) + "}}";
}

script answers(const std::string& body) {
  return {send_bytes(whole_response(200, "application/json", body))};
}

}  // namespace

TEST_CASE("/v1: the models that are open to the caller, by their names") {
  v1_world world;
  auto eve = world.add_user("eve");
  auto mine = world.post(eve, "/api/models",
                         R"({"name":"mine","model":"m","baseUrl":"https://api.example.com/v1"})");
  REQUIRE(mine.status == 201);

  auto list = world.get(eve, "/v1/models");
  REQUIRE(list.status == 200);
  CHECK(list.at("/object") == "list");
  CHECK(list.at("/data/0/id") == "mine");
  CHECK(list.at("/data/0/object") == "model");
  CHECK(list.at("/data/0/owned_by") == "user");
  CHECK(list.at("/data/1/id") == "scripted");
  CHECK(list.at("/data/1/owned_by") == "system");
  CHECK(list.at("/data/1/type") == "model");
  CHECK(list.at("/data/2") == "(absent)");
  CHECK(list.at("/last_id") == "scripted");
  CHECK(list.body.find("canary") == std::string::npos);

  auto found = world.get(eve, "/v1/models/scripted");
  CHECK(found.status == 200);
  CHECK(found.body == list.at("/data/1"));
  CHECK(std::stoll(found.at("/created")) > 1'600'000'000);

  // Somebody else's, disabled and absent are alike.
  auto absent = world.get(world.ada(), "/v1/models/nobody");
  CHECK(absent.status == 404);
  CHECK(absent.at("/error/code") == "model_not_found");
  CHECK(world.get(world.ada(), "/v1/models/mine").body == absent.body);
  CHECK(world.patch(world.ada(), "/api/models/" + world.model, R"({"enabled":false})").status ==
        200);
  CHECK(world.get(eve, "/v1/models/scripted").body == absent.body);
  CHECK(world.get(world.ada(), "/v1/models/scripted").body == absent.body);
  CHECK(world.get(eve, "/v1/models").at("/data/1") == "(absent)");
  CHECK(world.get(world.ada(), "/v1/models").at("/data/0") == "(absent)");
  CHECK(world.chat().at("/error/code") == "model_not_found");

  auto anthropic = world.get(eve, "/v1/models/nobody", {{"anthropic-version", "2023-06-01"}});
  CHECK(anthropic.at("/type") == "error");
  CHECK(anthropic.at("/error/type") == "not_found_error");
}

TEST_CASE("/v1: embeddings as numbers and as base64") {
  v1_world world;
  auto embed = [&](const std::string& more) {
    return world.post(world.ada(), "/v1/embeddings", R"({"model":"scripted",)" + more + "}");
  };
  world.upstream_plays(answers(embedding_answer(2)));
  auto numbers = embed(R"("input":["a","b"],"dimensions":3)");
  REQUIRE(numbers.status == 200);
  CHECK(numbers.at("/object") == "list");
  CHECK(numbers.at("/model") == "scripted");
  CHECK(numbers.at("/data/1/index") == "1");
  CHECK(numbers.at("/data/1/embedding") == "[0.5,-2,1]");
  CHECK(numbers.at("/usage/prompt_tokens") == "2");
  CHECK(json_at(world.sent(), "/model") == "scripted-1");
  CHECK(json_at(world.sent(), "/input/1") == "b");
  CHECK(json_at(world.sent(), "/dimensions") == "3");

  auto coded = embed(R"("input":["a","b"],"encoding_format":"base64")");
  REQUIRE(coded.status == 200);
  auto bytes = parley::parse_base64(coded.at("/data/1/embedding"));
  REQUIRE(bytes);
  REQUIRE(bytes->size() == 3 * sizeof(float));
  std::array<float, 3> vector{};
  std::memcpy(vector.data(), bytes->data(), bytes->size());
  CHECK(vector == std::array<float, 3>{0.5F, -2, 1});

  world.upstream_plays(answers(embedding_answer(1)));
  CHECK(embed(R"("input":"one alone")").at("/data/0/index") == "0");
  CHECK(embed(R"("input":[])").at("/error/param") == "input");
  CHECK(embed(R"("input":[1,2])").status == 400);
  CHECK(embed(R"("input":"a","encoding_format":"hex")").at("/error/param") == "encoding_format");
  CHECK(world.post(world.ada(), "/v1/embeddings", R"({"model":"no","input":"a"})").status == 404);
}

TEST_CASE("/v1: more texts than a provider takes at a time are embedded all the same") {
  v1_world world;
  world.upstream_plays(answers(embedding_answer(2)));
  world.upstream_plays_once(answers(embedding_answer(128)));
  std::string input = R"("t")";
  for (int i = 1; i < 130; ++i) input += R"(,"t")";
  auto found =
      world.post(world.ada(), "/v1/embeddings", R"({"model":"scripted","input":[)" + input + "]}");
  REQUIRE(found.status == 200);
  CHECK(found.at("/data/127/embedding") == "[0.5,-2,127]");
  CHECK(found.at("/data/129/embedding") == "[0.5,-2,1]");
  CHECK(found.at("/data/129/index") == "129");
  CHECK(found.at("/usage/prompt_tokens") == "130");
}

TEST_CASE("/v1: browsers may send the SDKs' headers") {
  v1_world world{{{"cors-origins", "https://page.example"}}};
  auto preflight =
      world.ask({"OPTIONS",
                 "/v1/chat/completions",
                 {},
                 {{"Origin", "https://page.example"},
                  {"Access-Control-Request-Headers", "authorization, x-stainless-os,x-evil"}}});
  CHECK(preflight.status == 204);
  auto allowed = preflight.header("Access-Control-Allow-Headers");
  CHECK(allowed.find("x-stainless-os") != std::string::npos);
  CHECK(allowed.find("x-api-key") != std::string::npos);
  CHECK(allowed.find("x-evil") == std::string::npos);
  auto other = world.ask(
      {"OPTIONS",
       "/api/models",
       {},
       {{"Origin", "https://page.example"}, {"Access-Control-Request-Headers", "x-stainless-os"}}});
  CHECK(other.header("Access-Control-Allow-Headers").find("x-stainless") == std::string::npos);
}
