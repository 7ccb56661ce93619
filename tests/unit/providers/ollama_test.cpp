#include "providers/ollama.hpp"

#include <catch2/catch.hpp>

#include "tests/support/dialect_replay.hpp"

using namespace parley;
using namespace parley::providers;

TEST_CASE("a request as Ollama wants it", "[ollama]") {
  asked_for asked;
  asked.messages = {{message_role::system, {text_part("Be brief.")}},
                    {message_role::user,
                     {text_part("What is this?"), image_part("data:image/png;base64,AAAA"),
                      image_part("http://10.0.0.1/x.png")}}};
  asked.params.temperature = 0.5;
  asked.params.stop = {"END"};
  auto request = build("ollama", asked);
  REQUIRE(request);
  CHECK(request->path == "/api/chat");
  // The window is always told: unasked, the server would cut the conversation silently.
  CHECK(request->body ==
        R"({"model":"model-x","messages":[{"role":"system","content":"Be brief."},)"
        R"({"role":"user","content":"What is this?","images":["AAAA"]}],"stream":true,)"
        R"("options":{"num_ctx":8192,"num_predict":1000,"temperature":0.5,"stop":["END"]}})");
}

TEST_CASE("thinking is asked for in the words of the model", "[ollama]") {
  asked_for asked;
  auto sent = [&asked](std::string model, std::optional<std::string> effort) {
    asked.model = some_model(std::move(model));
    asked.params.reasoning_effort = std::move(effort);
    return build("ollama", asked)->body;
  };
  CHECK_FALSE(holds(sent("qwen3", {}), "think"));
  CHECK(holds(sent("qwen3", "none"), R"("think":false)"));
  CHECK(holds(sent("qwen3", "low"), R"("think":true)"));
  CHECK(holds(sent("gpt-oss:20b", "low"), R"("think":"low")"));
}

TEST_CASE("a round of tools goes back to Ollama", "[ollama]") {
  asked_for asked;
  asked.messages = {{message_role::user, {text_part("Weather?")}}};
  asked.tools = {{"weather", "Tells it.", R"({"type":"object"})"}};
  asked.rounds = {{R"({"role":"assistant","content":""})", {{"call_1", "weather", "sunny"}}}};
  auto request = build("ollama", asked);
  REQUIRE(request);
  CHECK(holds(request->body, R"({"role":"assistant","content":""},)"
                             R"({"role":"tool","tool_name":"weather","content":"sunny"}],)"
                             R"("tools":[{"type":"function","function":{"name":"weather",)"
                             R"("description":"Tells it.","parameters":{"type":"object"}}}])"));
}

TEST_CASE("Ollama's refusals", "[ollama]") {
  CHECK(refusal("ollama", 404, R"({"error":"model 'canary' not found"})") ==
        "provider_refused/upstream_not_found");
  CHECK(refusal("ollama", 400, R"({"error":"canary does not support thinking"})") ==
        "provider_refused/upstream_refused");
  CHECK(refusal("ollama", 401, R"({"error":"unauthorized"})") == "provider_refused/upstream_auth");
  CHECK(refusal("ollama", 500, R"({"error":"model requires more system memory"})") ==
        "provider_failed/upstream_error");
  CHECK(refusal("ollama", 503, R"({"error":"server busy"})") ==
        "provider_failed/upstream_overloaded");
}

TEST_CASE("lines have a limit", "[ollama]") {
  auto parser = ollama_dialect().make_parser({shared_reader(), false, {}});
  std::vector<text_delta> out;
  expected<void> pushed = parser->push("{\"message\":{\"content\":\"", out);
  std::string piece(64 << 10, 'x');
  int pieces = 0;
  for (; pieces < 100 && pushed; ++pieces) pushed = parser->push(piece, out);
  REQUIRE_FALSE(pushed);
  CHECK(line_of(pushed.error()) == "provider_failed/upstream_too_large");
  CHECK(pieces <= 17);
  CHECK_FALSE(parser->finish(out));
}

TEST_CASE("Ollama's embeddings and list of models", "[ollama]") {
  auto& dialect = ollama_dialect();
  auto model = some_model("bge-m3");
  std::vector<std::string> texts{"a", "b"};
  auto request = dialect.build_embedding({model, texts}, secret_text{});
  REQUIRE(request);
  CHECK(request->path == "/api/embed");
  CHECK(request->body == R"({"model":"bge-m3","input":["a","b"]})");
  auto found = dialect.read_embedding(R"({"embeddings":[[1,2],[3,4]],"prompt_eval_count":5})", 2,
                                      shared_reader());
  REQUIRE(found);
  CHECK(found->vectors == std::vector<std::vector<float>>{{1, 2}, {3, 4}});
  CHECK(found->prompt_tokens == 5);
  CHECK_FALSE(dialect.read_embedding(R"({"embeddings":[[1,2],[]]})", 2, shared_reader()));
  auto list = dialect.read_discovery(
      R"({"models":[{"name":"llama3.2:latest","model":"llama3.2:latest","size":1}]})",
      shared_reader());
  REQUIRE(list);
  REQUIRE(list->size() == 1);
  CHECK(list->front().id == "llama3.2:latest");
  CHECK(dialect.build_discovery(model, secret_text{})->path == "/api/tags");
}

TEST_CASE("a conversation with tools for Ollama, as its caller kept it", "[ollama]") {
  auto asked = tool_conversation();
  CHECK(detail_of(build("ollama", asked).error()).reason == "image_url_unsupported");
  asked.messages.front().parts.pop_back();
  asked.wishes.is_json = true;
  auto request = build("ollama", asked);
  REQUIRE(request);
  auto& sent = request->body;
  CHECK(holds(sent, R"({"role":"assistant","content":"","tool_calls":[{"function":)"
                    R"({"name":"weather","arguments":{"city":"Bern"}}}]})"));
  CHECK(holds(sent, R"({"role":"tool","content":"sunny","tool_name":"weather"})"));
  CHECK(holds(sent, R"("format":"json")"));
}
