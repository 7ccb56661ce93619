#include "providers/openai_responses.hpp"

#include <catch2/catch.hpp>

#include "tests/support/dialect_replay.hpp"

using namespace parley;
using namespace parley::providers;

TEST_CASE("a request as the Responses API wants it", "[responses]") {
  asked_for asked;
  asked.messages = {{message_role::system, {text_part("Be brief.")}},
                    {message_role::user,
                     {text_part("What is this?"), image_part("data:image/png;base64,AAAA"),
                      image_part("http://10.0.0.1/x.png")}},
                    {message_role::assistant, {text_part("A cat.")}}};
  asked.params.temperature = 0.5;
  asked.params.seed = 7;  // this API has none
  asked.params.stop = {"END"};
  auto request = build("openai-responses", asked);
  REQUIRE(request);
  CHECK(request->path == "/responses");
  CHECK(request->auth_header.reveal() == "Authorization: Bearer sk-key");
  CHECK(request->body ==
        R"({"model":"model-x","instructions":"Be brief.","input":[{"role":"user","content":[)"
        R"({"type":"input_text","text":"What is this?"},)"
        R"({"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},)"
        R"({"role":"assistant","content":[{"type":"output_text","text":"A cat."}]}],)"
        R"("max_output_tokens":1000,"temperature":0.5,"stream":true,"store":false})");
}

TEST_CASE("thoughts are asked for sealed when tools are offered", "[responses]") {
  asked_for asked;
  asked.params.reasoning_effort = "low";
  auto alone = build("openai-responses", asked);
  REQUIRE(alone);
  CHECK(holds(alone->body, R"("reasoning":{"effort":"low","summary":"auto"})"));
  CHECK_FALSE(holds(alone->body, "include"));
  asked.tools = {{"weather", "Tells it.", R"({"type":"object"})"}};
  asked.rounds = {{R"({"type":"reasoning","encrypted_content":"g"})", {{"c1", "weather", "sun"}}}};
  auto request = build("openai-responses", asked);
  REQUIRE(request);
  CHECK(holds(request->body, R"("include":["reasoning.encrypted_content"])"));
  CHECK(holds(request->body,
              R"("input":[{"type":"reasoning","encrypted_content":"g"},)"
              R"({"type":"function_call_output","call_id":"c1","output":"sun"}],"tools":[)"
              R"({"type":"function","name":"weather","description":"Tells it.",)"
              R"("parameters":{"type":"object"},"strict":false}])"));
}

TEST_CASE("models that think seal their thoughts unasked, and take no temperature", "[responses]") {
  asked_for asked;
  asked.params.temperature = 0.5;
  asked.tools = {{"weather", "Tells it.", R"({"type":"object"})"}};
  asked.model = some_model("gpt-5.6-sol");
  auto request = build("openai-responses", asked);
  REQUIRE(request);
  CHECK(holds(request->body, R"("include":["reasoning.encrypted_content"])"));
  CHECK_FALSE(holds(request->body, R"("reasoning":)"));
  CHECK_FALSE(holds(request->body, "temperature"));
  asked.params.reasoning_effort = "none";
  request = build("openai-responses", asked);
  REQUIRE(request);
  CHECK(holds(request->body, R"("reasoning":{"effort":"none"})"));
  CHECK(holds(request->body, R"("temperature":0.5)"));
  CHECK_FALSE(holds(request->body, "include"));
}

TEST_CASE("the last event may repeat more than a line of other streams may hold", "[responses]") {
  std::string text(2 << 20, 'x');
  auto stream = "data: {\"type\":\"response.output_text.delta\",\"delta\":\"" + text +
                "\"}\n\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":"
                "\"completed\",\"output\":[{\"text\":\"" +
                text + "\"}]}}\n\n";
  auto result = replay("openai-responses", {stream});
  CHECK(holds(result, "finish stop complete"));
  CHECK(result.size() > text.size());
}

TEST_CASE("a conversation with tools for the Responses API, as its caller kept it",
          "[openai-responses]") {
  auto asked = tool_conversation();
  asked.wishes.is_json = true;
  asked.wishes.schema = R"({"type":"object"})";
  asked.wishes.schema_name = "s";
  auto request = build("openai-responses", asked);
  REQUIRE(request);
  auto& sent = request->body;
  CHECK(holds(sent, R"({"type":"input_image","image_url":"https://a.example/b.png"})"));
  CHECK(holds(sent, R"({"type":"function_call","call_id":"c1","name":"weather",)"
                    R"("arguments":"{\"city\":\"Bern\"}"})"));
  CHECK(holds(sent, R"({"type":"function_call_output","call_id":"c1","output":"sunny"})"));
  CHECK(holds(sent, R"("tool_choice":{"type":"function","name":"weather"})"));
  CHECK(holds(sent, R"("text":{"format":{"type":"json_schema","name":"s",)"
                    R"("schema":{"type":"object"}}})"));
}
