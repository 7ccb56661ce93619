#include "providers/anthropic.hpp"

#include <catch2/catch.hpp>

#include "tests/support/dialect_replay.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

std::string body(const asked_for& asked) {
  auto request = build("anthropic", asked);
  REQUIRE(request);
  return request->body;
}

}  // namespace

TEST_CASE("a request as Anthropic wants it", "[anthropic]") {
  asked_for asked;
  asked.messages = {{message_role::system, {text_part("Be brief.")}},
                    {message_role::user,
                     {text_part("What is this?"), image_part("data:image/png;base64,AAAA"),
                      image_part("http://10.0.0.1/x.png"), image_part("data:image/png,raw")}},
                    {message_role::system, {text_part("In German.")}},
                    {message_role::assistant, {text_part("Eine Katze. \n")}}};
  asked.params.temperature = 1.5;
  asked.params.top_p = 0.5;
  asked.params.stop = {"END"};
  auto request = build("anthropic", asked);
  REQUIRE(request);
  CHECK(request->path == "/messages");
  CHECK(request->auth_header.reveal() == "x-api-key: sk-key");
  CHECK(request->headers.back() == "anthropic-version: 2023-06-01");
  // The stable prefix is marked twice: behind the system's text and behind the last message.
  CHECK(request->body ==
        R"({"model":"model-x","max_tokens":1000,"system":[{"type":"text","text":)"
        R"("Be brief.\n\nIn German.","cache_control":{"type":"ephemeral"}}],"messages":[)"
        R"({"role":"user","content":[{"type":"image","source":{"type":"base64",)"
        R"("media_type":"image/png","data":"AAAA"}},{"type":"text","text":"What is this?"}]},)"
        R"({"role":"assistant","content":[{"type":"text","text":"Eine Katze.",)"
        R"("cache_control":{"type":"ephemeral"}}]}],)"
        R"("temperature":1,"stop_sequences":["END"],"stream":true})");
}

TEST_CASE("blank messages are left out, and an answer never stands first", "[anthropic]") {
  asked_for asked;
  auto thoughts = text_part("hm");
  thoughts.type = part_type::reasoning;
  asked.messages = {{message_role::system, {text_part(" ")}},
                    {message_role::assistant, {text_part("Hello.")}},
                    {message_role::assistant, {thoughts}},
                    {message_role::user, {text_part("\n")}},
                    {message_role::user, {text_part("Hi")}}};
  auto sent = body(asked);
  CHECK(holds(sent, R"("messages":[{"role":"user","content":"…"},{"role":"assistant",)"
                    R"("content":[{"type":"text","text":"Hello."}]},{"role":"user","content":[)"
                    R"({"type":"text","text":"Hi","cache_control":{"type":"ephemeral"}}]}])"));
  CHECK_FALSE(holds(sent, "\"system\""));
}

TEST_CASE("thinking by budget, by effort, or not", "[anthropic]") {
  asked_for asked;
  asked.params.temperature = 0.5;
  asked.params.max_tokens = 16'000;
  auto sent = [&asked](std::string model, std::optional<std::string> effort) {
    asked.model = some_model(std::move(model));
    asked.params.reasoning_effort = std::move(effort);
    return body(asked);
  };
  CHECK_FALSE(holds(sent("claude-sonnet-4-5", {}), "thinking"));
  CHECK_FALSE(holds(sent("claude-sonnet-4-5", "none"), "thinking"));
  auto high = sent("claude-sonnet-4-5-20250929", "high");
  CHECK(holds(high, R"("thinking":{"type":"enabled","budget_tokens":8000})"));
  CHECK_FALSE(holds(high, "temperature"));
  CHECK(holds(sent("claude-3-7-sonnet", "low"), R"("budget_tokens":2048})"));
  auto adaptive = sent("claude-opus-4-6", "medium");
  CHECK(holds(adaptive, R"("thinking":{"type":"adaptive"},"output_config":{"effort":"medium"})"));
  CHECK(holds(sent("claude-sonnet-4-20250514", {}), R"("temperature":0.5)"));
  CHECK_FALSE(holds(sent("claude-opus-4-7", {}), "temperature"));
  asked.params.max_tokens = 1'500;
  CHECK_FALSE(holds(sent("claude-sonnet-4-5", "high"), "thinking"));
}

TEST_CASE("each generation is asked to think in its own words", "[anthropic]") {
  asked_for asked;
  asked.params.temperature = 0.5;
  auto sent = [&asked](std::string model, std::optional<std::string> effort) {
    asked.model = some_model(std::move(model));
    asked.params.reasoning_effort = std::move(effort);
    return body(asked);
  };
  constexpr auto shown = R"("thinking":{"type":"adaptive","display":"summarized"})";
  // Thinks when it is asked to; thoughts are hidden unless they are asked for as well.
  CHECK_FALSE(holds(sent("claude-opus-4-8", {}), "thinking"));
  CHECK_FALSE(holds(sent("claude-opus-4-8", "none"), "thinking"));
  CHECK(holds(sent("claude-opus-4-8", "high"),
              std::string{shown} + R"(,"output_config":{"effort":"high"})"));
  // Thinks unasked.
  for (auto* model : {"claude-opus-5", "claude-sonnet-5", "claude-opus-5-5", "claude-sonnet-5-5",
                      "claude-haiku-5-5", "claude-fable-5"}) {
    INFO(model);
    CHECK(holds(sent(model, {}), shown));
    CHECK_FALSE(holds(sent(model, {}), "output_config"));
    CHECK_FALSE(holds(sent(model, {}), "temperature"));
    CHECK(holds(sent(model, "max"), R"("output_config":{"effort":"max"})"));
  }
  CHECK(holds(sent("claude-opus-5", "none"), R"("thinking":{"type":"disabled"})"));
  CHECK(holds(sent("claude-haiku-5-5", "none"), R"("thinking":{"type":"disabled"})"));
  CHECK(holds(sent("claude-sonnet-5-5", "none"), R"("thinking":{"type":"between_tools"})"));
  for (auto* model : {"claude-opus-5-5", "claude-fable-5"})
    CHECK(holds(sent(model, "none"), R"("output_config":{"effort":"low"})"));
}

TEST_CASE("a tool is demanded only of a model that takes it", "[anthropic]") {
  auto asked = tool_conversation();
  asked.model = some_model("claude-opus-5");
  CHECK(holds(body(asked), R"("tool_choice":{"type":"tool","name":"weather"})"));
  for (auto* model : {"claude-opus-5-5", "claude-sonnet-5-5", "claude-fable-5-1"}) {
    asked.model = some_model(model);
    CHECK(holds(body(asked), R"("tool_choice":{"type":"auto"})"));
  }
}

TEST_CASE("a strict schema is demanded, beside the effort", "[anthropic]") {
  asked_for asked;
  asked.model = some_model("claude-opus-5-5");
  asked.params.reasoning_effort = "low";
  asked.wishes.is_json = true;
  asked.wishes.schema = R"({"type":"object"})";
  CHECK_FALSE(holds(body(asked), "format"));
  asked.wishes.is_schema_strict = true;
  CHECK(holds(body(asked), R"("output_config":{"effort":"low","format":{"type":"json_schema",)"
                           R"("schema":{"type":"object"}}})"));
  asked.model = some_model("claude-3-5-haiku");
  CHECK_FALSE(holds(body(asked), "format"));
}

TEST_CASE("a round of tools goes back with its sealed thoughts", "[anthropic]") {
  asked_for asked;
  asked.messages = {{message_role::user, {text_part("Weather?")}}};
  asked.tools = {{"weather", "Tells it.", R"({"type":"object"})"}};
  asked.rounds = {{R"([{"type":"thinking","thinking":"","signature":"s"}])",
                   {{"t1", "weather", "sunny"}, {"t2", "weather", "", true}}}};
  auto sent = body(asked);
  CHECK(holds(sent, R"("tools":[{"name":"weather","description":"Tells it.",)"
                    R"("input_schema":{"type":"object"}}])"));
  CHECK(holds(
      sent, R"({"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"s"}]},)"
            R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"t1",)"
            R"("content":"sunny"},{"type":"tool_result","tool_use_id":"t2","is_error":true}]}])"));
}

TEST_CASE("Anthropic's refusals", "[anthropic]") {
  auto refused = [](int status, std::string_view type, std::string_view message) {
    std::string text{"{\"type\":\"error\",\"error\":{\"type\":\""};
    text += std::string{type} + "\",\"message\":\"canary " + std::string{message} + "\"}}";
    return refusal("anthropic", status, text, status == 429 ? 9 : 0);
  };
  CHECK(refused(400, "invalid_request_error", "max_tokens: 5 > 4") ==
        "provider_refused/upstream_refused");
  CHECK(refused(400, "invalid_request_error", "Your credit balance is too low to access") ==
        "provider_refused/upstream_quota");
  CHECK(refused(401, "authentication_error", "invalid x-api-key") ==
        "provider_refused/upstream_auth");
  CHECK(refused(403, "permission_error", "") == "provider_refused/upstream_auth");
  CHECK(refused(404, "not_found_error", "model: x") == "provider_refused/upstream_not_found");
  CHECK(refused(413, "request_too_large", "") == "provider_refused/upstream_refused");
  CHECK(refused(429, "rate_limit_error", "") == "rate_limited/upstream_rate_limited in 9");
  CHECK(refused(500, "api_error", "") == "provider_failed/upstream_error");
  CHECK(refused(529, "overloaded_error", "") == "provider_failed/upstream_overloaded");
  CHECK(
      refused(400, "invalid_request_error", "prompt is too long: 210010 tokens > 200000 maximum") ==
      "provider_refused/context_too_long 200000");
  CHECK(refused(400, "invalid_request_error",
                "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, "
                "decrease input length") == "provider_refused/context_too_long 200000");
}

TEST_CASE("Anthropic's list of models, and no embeddings", "[anthropic]") {
  auto& dialect = anthropic_dialect();
  auto request = dialect.build_discovery(some_model(), secret_text{"k"});
  REQUIRE(request);
  CHECK(request->path == "/models?limit=1000");
  CHECK(request->body.empty());
  auto found = dialect.read_discovery(
      R"({"data":[{"type":"model","id":"claude-x","display_name":"Claude X"}],"has_more":false})",
      shared_reader());
  REQUIRE(found);
  REQUIRE(found->size() == 1);
  CHECK(found->front().name == "Claude X");
  auto model = some_model();
  std::vector<std::string> texts{"a"};
  CHECK(line_of(dialect.build_embedding({model, texts}, secret_text{"k"}).error()) ==
        "invalid_input/embedding_unsupported");
}

TEST_CASE("a conversation with tools for Anthropic, as its caller kept it", "[anthropic]") {
  auto asked = tool_conversation();
  asked.wishes.has_parallel_calls = false;
  auto sent = body(asked);
  CHECK(holds(sent, R"({"type":"image","source":{"type":"url","url":"https://a.example/b.png"}})"));
  CHECK(holds(sent, R"({"role":"assistant","content":[{"type":"tool_use","id":"c1",)"
                    R"("name":"weather","input":{"city":"Bern"}}]})"));
  CHECK(holds(sent, R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c1",)"
                    R"("content":"sunny"}]})"));
  CHECK(holds(sent, R"("tool_choice":{"type":"tool","name":"weather",)"
                    R"("disable_parallel_tool_use":true})"));
}
