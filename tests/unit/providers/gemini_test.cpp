#include "providers/gemini.hpp"

#include <catch2/catch.hpp>

#include "tests/support/dialect_replay.hpp"

using namespace parley;
using namespace parley::providers;

TEST_CASE("a request as Gemini wants it", "[gemini]") {
  asked_for asked;
  asked.messages = {{message_role::system, {text_part("Be brief.")}},
                    {message_role::user,
                     {text_part("What is this?"), image_part("data:image/jpeg;base64,/9j/"),
                      image_part("http://10.0.0.1/x.png")}},
                    {message_role::assistant, {text_part("A cat.")}},
                    {message_role::user, {text_part("")}}};
  asked.params.top_p = 0.5;
  asked.params.seed = 3;
  asked.params.stop = {"END"};
  auto request = build("gemini", asked);
  REQUIRE(request);
  CHECK(request->path == "/models/model-x:streamGenerateContent?alt=sse");
  CHECK(request->auth_header.reveal() == "x-goog-api-key: sk-key");
  CHECK(request->body == R"({"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[)"
                         R"({"role":"user","parts":[{"text":"What is this?"},)"
                         R"({"inlineData":{"mimeType":"image/jpeg","data":"/9j/"}}]},)"
                         R"({"role":"model","parts":[{"text":"A cat."}]}],)"
                         R"("generationConfig":{"topP":0.5,"maxOutputTokens":1000,"seed":3,)"
                         R"("stopSequences":["END"]}})");
}

TEST_CASE("the model is one step of the path, whatever its name", "[gemini]") {
  asked_for asked;
  auto path_of = [&asked](std::string name) {
    asked.model = some_model(std::move(name));
    return build("gemini", asked)->path;
  };
  CHECK(path_of("models/gemini-x") == "/models/gemini-x:streamGenerateContent?alt=sse");
  CHECK(path_of("tunedModels/mine") == "/tunedModels/mine:streamGenerateContent?alt=sse");
  CHECK(path_of("../../x?y#z") == "/models/..%2F..%2Fx%3Fy%23z:streamGenerateContent?alt=sse");
}

TEST_CASE("thinking by budget, by level, or not spoken of", "[gemini]") {
  asked_for asked;
  auto sent = [&asked](std::string model, std::optional<std::string> effort) {
    asked.model = some_model(std::move(model));
    asked.params.reasoning_effort = std::move(effort);
    return build("gemini", asked)->body;
  };
  CHECK_FALSE(holds(sent("gemini-2.0-flash", "high"), "thinking"));
  CHECK(holds(sent("gemini-2.5-flash", {}), R"("thinkingConfig":{"includeThoughts":true})"));
  CHECK(holds(sent("gemini-2.5-flash", "none"), R"("thinkingBudget":0)"));
  CHECK(holds(sent("gemini-2.5-pro", "none"), R"("thinkingBudget":128)"));
  CHECK(holds(sent("gemini-2.5-pro", "medium"), R"("thinkingBudget":8192)"));
  CHECK(holds(sent("gemini-3-pro-preview", "low"), R"("thinkingLevel":"low")"));
  CHECK(holds(sent("gemini-3-pro-preview", "medium"), R"("thinkingLevel":"high")"));
  CHECK(holds(sent("gemini-3-pro-preview", "high"), R"("thinkingLevel":"high")"));
  CHECK(holds(sent("gemini-3.8-flash", "medium"), R"("thinkingLevel":"medium")"));
  CHECK(holds(sent("gemini-4-argon", "none"), R"("thinkingLevel":"low")"));
  CHECK_FALSE(holds(sent("gemini-4-argon", "high"), "thinkingBudget"));
}

TEST_CASE("a call whose signature is not known is excused", "[gemini]") {
  auto asked = tool_conversation();
  asked.messages[0].parts.pop_back();
  asked.messages[1].calls.push_back({"c2", "weather", "{}"});
  auto excused = [&](std::string model) {
    asked.model = some_model(std::move(model));
    return build("gemini", asked)->body;
  };
  CHECK(holds(excused("gemini-3.8-flash"),
              R"({"functionCall":{"name":"weather","args":{"city":"Bern"}},)"
              R"("thoughtSignature":"skip_thought_signature_validator"},)"
              R"({"functionCall":{"name":"weather","args":{}}}]})"));
  CHECK_FALSE(holds(excused("gemini-2.5-pro"), "thoughtSignature"));
}

TEST_CASE("a round of tools goes back with its signatures", "[gemini]") {
  asked_for asked;
  asked.messages = {{message_role::user, {text_part("Weather?")}}};
  asked.tools = {{"weather", "Tells it.", R"({"type":"object"})"}};
  asked.rounds = {{R"({"role":"model","parts":[{"thoughtSignature":"s"}]})",
                   {{"call_1", "weather", "sunny"}, {"call_2", "weather", "no", true}}}};
  auto request = build("gemini", asked);
  REQUIRE(request);
  CHECK(holds(request->body, R"({"role":"model","parts":[{"thoughtSignature":"s"}]},)"
                             R"({"role":"user","parts":[{"functionResponse":{"name":"weather",)"
                             R"("response":{"output":"sunny"}}},{"functionResponse":{)"
                             R"("name":"weather","response":{"error":"no"}}}]}])"));
  CHECK(holds(request->body,
              R"("tools":[{"functionDeclarations":[{"name":"weather","description":"Tells it.",)"
              R"("parametersJsonSchema":{"type":"object"}}]}])"));
}

TEST_CASE("Gemini's refusals", "[gemini]") {
  auto refused = [](int status, std::string_view body) { return refusal("gemini", status, body); };
  CHECK(refused(400, R"({"error":{"code":400,"message":"API key not valid. canary","status":)"
                     R"("INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.)"
                     R"(ErrorInfo","reason":"API_KEY_INVALID"}]}})") ==
        "provider_refused/upstream_auth");
  CHECK(refused(400, R"({"error":{"code":400,"message":"User location is not supported",)"
                     R"("status":"FAILED_PRECONDITION"}})") == "provider_refused/upstream_refused");
  CHECK(refused(400, R"({"error":{"code":400,"message":"The input token count (1200000) exceeds )"
                     R"(the maximum number of tokens allowed (1048576).","status":)"
                     R"("INVALID_ARGUMENT"}})") == "provider_refused/context_too_long 1048576");
  CHECK(refused(403, R"({"error":{"code":403,"status":"PERMISSION_DENIED"}})") ==
        "provider_refused/upstream_auth");
  CHECK(refused(404, R"([{"error":{"code":404,"status":"NOT_FOUND"}}])") ==
        "provider_refused/upstream_not_found");
  CHECK(refused(429, R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[)"
                     R"({"@type":"x","retryDelay":"18s"}]}})") ==
        "rate_limited/upstream_rate_limited in 18");
  CHECK(refused(429, R"({"error":{"details":[{"retryDelay":"99999999999s"}]}})") ==
        "rate_limited/upstream_rate_limited");
  CHECK(refused(503, R"({"error":{"code":503,"status":"UNAVAILABLE"}})") ==
        "provider_failed/upstream_overloaded");
}

TEST_CASE("Gemini's embeddings and list of models", "[gemini]") {
  auto& dialect = gemini_dialect();
  auto model = some_model("gemini-embedding-001");
  std::vector<std::string> texts{"a", "b"};
  auto request = dialect.build_embedding({model, texts, 8}, secret_text{"k"});
  REQUIRE(request);
  CHECK(request->path == "/models/gemini-embedding-001:batchEmbedContents");
  CHECK(request->body ==
        R"({"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"a"}]},)"
        R"("outputDimensionality":8},{"model":"models/gemini-embedding-001","content":{"parts":[)"
        R"({"text":"b"}]},"outputDimensionality":8}]})");
  auto found = dialect.read_embedding(R"({"embeddings":[{"values":[1,2]},{"values":[3,4.5]}]})", 2,
                                      shared_reader());
  REQUIRE(found);
  CHECK(found->vectors == std::vector<std::vector<float>>{{1, 2}, {3, 4.5}});
  CHECK_FALSE(
      dialect.read_embedding(R"({"embeddings":[{"values":[1,2]},{}]})", 2, shared_reader()));
  auto list = dialect.read_discovery(
      R"({"models":[{"name":"models/gemini-x","displayName":"X","inputTokenLimit":1048576,)"
      R"("outputTokenLimit":65536}]})",
      shared_reader());
  REQUIRE(list);
  REQUIRE(list->size() == 1);
  CHECK(list->front().id == "gemini-x");
  CHECK(list->front().context_window == 1'048'576);
  CHECK(list->front().max_tokens == 65'536);
}

TEST_CASE("a conversation with tools for Gemini, as its caller kept it", "[gemini]") {
  auto asked = tool_conversation();
  CHECK(detail_of(build("gemini", asked).error()).reason == "image_url_unsupported");
  asked.messages.front().parts.pop_back();
  asked.wishes.is_json = true;
  asked.wishes.schema = R"({"type":"object"})";
  auto request = build("gemini", asked);
  REQUIRE(request);
  auto& sent = request->body;
  CHECK(holds(sent, R"({"role":"model","parts":[{"functionCall":{"name":"weather",)"
                    R"("args":{"city":"Bern"}}}]})"));
  CHECK(holds(sent, R"({"role":"user","parts":[{"functionResponse":{"name":"weather",)"
                    R"("response":{"output":"sunny"}}}]})"));
  CHECK(holds(sent, R"("toolConfig":{"functionCallingConfig":{"mode":"ANY",)"
                    R"("allowedFunctionNames":["weather"]}})"));
  CHECK(holds(sent, R"("responseMimeType":"application/json",)"
                    R"("responseJsonSchema":{"type":"object"})"));
}
