#include "providers/openai.hpp"

#include <catch2/catch.hpp>

#include "tests/support/dialect_replay.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

std::string refused(int status, std::string_view body, uint32_t retry_after_s = 0) {
  return refusal("openai", status, body, retry_after_s);
}

}  // namespace

TEST_CASE("one push gives one delta for each run of one type", "[openai]") {
  auto parser = find_dialect("openai")->make_parser({shared_reader(), false, {}});
  std::vector<text_delta> out;
  std::string stream;
  for (auto piece :
       {R"({"reasoning":"a"})", R"({"reasoning":"b"})", R"({"content":"c"})", R"({"content":"d"})"})
    stream += std::string{"data: {\"choices\":[{\"delta\":"} + piece + "}]}\n\n";
  REQUIRE(parser->push(stream, out));
  REQUIRE(out.size() == 2);
  CHECK(out[0].text == "ab");
  CHECK(out[1].text == "cd");
  CHECK_FALSE(parser->is_complete());
}

TEST_CASE("replies and lines have a limit", "[openai]") {
  auto parser = find_dialect("openai")->make_parser({shared_reader(), false, {}});
  std::vector<text_delta> out;
  SECTION("many events") {
    auto event =
        "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string(100'000, 'x') + "\"}}]}\n\n";
    expected<void> pushed{caf::unit};
    size_t bytes = 0;
    for (int i = 0; i < 100 && pushed; ++i) {
      out.clear();
      pushed = parser->push(event, out);
      for (auto& delta : out) bytes += delta.text.size();
    }
    REQUIRE_FALSE(pushed);
    CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
    CHECK(bytes <= reply_limits{}.reply_bytes_max);
    CHECK(bytes > reply_limits{}.reply_bytes_max - 200'000);
  }
  SECTION("an endless line") {
    expected<void> pushed = parser->push("data: ", out);
    std::string piece(64 << 10, 'x');
    int pieces = 0;
    for (; pieces < 100 && pushed; ++pieces) pushed = parser->push(piece, out);
    REQUIRE_FALSE(pushed);
    CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
    CHECK(pieces <= 17);
    CHECK_FALSE(parser->push("data: [DONE]\n\n", out));
  }
  SECTION("a whole answer") {
    REQUIRE(parser->push("{\"x\":\"", out));
    expected<void> pushed{caf::unit};
    std::string piece(1 << 20, 'x');
    for (int i = 0; i < 40 && pushed; ++i) pushed = parser->push(piece, out);
    REQUIRE_FALSE(pushed);
    CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
  }
}

TEST_CASE("a request as OpenAI wants it", "[openai]") {
  asked_for asked;
  auto thoughts = text_part("secret thoughts");
  thoughts.type = part_type::reasoning;
  asked.messages = {{message_role::system, {text_part("Be \"brief\".")}},
                    {message_role::user,
                     {text_part("What is this?"), image_part("data:image/png;base64,AAAA"),
                      image_part("http://10.0.0.1/x.png")}},
                    {message_role::assistant, {thoughts, text_part("A "), text_part("cat.")}}};
  asked.params.temperature = 0.5;
  asked.params.seed = 7;
  asked.params.stop = {"END", "\n"};
  auto request = build("openai", asked);
  REQUIRE(request);
  CHECK(request->path == "/chat/completions");
  CHECK(request->auth_header.reveal() == "Authorization: Bearer sk-key");
  CHECK(request->body ==
        R"({"model":"model-x","messages":[{"role":"system","content":"Be \"brief\"."},)"
        R"({"role":"user","content":[{"type":"text","text":"What is this?"},)"
        R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},)"
        R"({"role":"assistant","content":"A cat."}],"stream":true,)"
        R"("stream_options":{"include_usage":true},"temperature":0.5,)"
        R"("max_completion_tokens":1000,"seed":7,"stop":["END","\n"]})");
}

TEST_CASE("tools are offered, and a round of them goes back", "[openai]") {
  asked_for asked;
  asked.messages = {{message_role::user, {text_part("Weather?")}}};
  asked.tools = {{"weather", "Tells it.", R"({"type":"object","properties":{}})"}};
  asked.rounds = {{R"({"role":"assistant","content":null})", {{"c1", "weather", "sunny"}}}};
  auto request = build("openai-compatible", asked);
  REQUIRE(request);
  CHECK(request->body ==
        R"({"model":"model-x","messages":[{"role":"user","content":"Weather?"},)"
        R"({"role":"assistant","content":null},)"
        R"({"role":"tool","tool_call_id":"c1","content":"sunny"}],)"
        R"("tools":[{"type":"function","function":{"name":"weather","description":"Tells it.",)"
        R"("parameters":{"type":"object","properties":{}}}}],)"
        R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":1000})");
}

TEST_CASE("a tool that nobody offered is not called", "[openai]") {
  constexpr std::string_view stream =
      "data: "
      "{\"choices\":[{\"delta\":{\"content\":\"Hm\",\"tool_calls\":[{\"index\":0,\"id\":\"c\","
      "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}"
      "\n\n"
      "data: [DONE]\n\n";
  CHECK(replay("openai", {stream}, false) ==
        "text \"Hm\"\nerror provider_failed/upstream_tool_call\n");
  CHECK(replay("openai", {stream}, true).find("call c f {}\n") != std::string::npos);
}

TEST_CASE("where servers differ", "[openai]") {
  asked_for asked;
  asked.params.max_tokens = 5;
  asked.params.seed = 1;
  auto compatible = build("openai-compatible", asked);
  REQUIRE(compatible);
  CHECK(compatible->body == R"({"model":"model-x","messages":[],"stream":true,)"
                            R"("stream_options":{"include_usage":true},"max_tokens":5,"seed":1})");
  auto mistral = build("mistral", asked);
  REQUIRE(mistral);
  CHECK(mistral->body == R"({"model":"model-x","messages":[],"stream":true,"max_tokens":5,)"
                         R"("random_seed":1})");
  CHECK(find_dialect("telepathy") == nullptr);
}

TEST_CASE("models that think are told no temperature", "[openai]") {
  asked_for asked;
  asked.params.temperature = 0.5;
  asked.params.presence_penalty = 1;
  auto sent = [&asked](std::string_view dialect, std::string model, std::string effort = {}) {
    asked.model = some_model(std::move(model));
    asked.params.reasoning_effort.reset();
    if (!effort.empty()) asked.params.reasoning_effort = effort;
    return build(dialect, asked)->body;
  };
  for (auto* model :
       {"o3", "o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.6-luna", "gpt-6-astra"}) {
    INFO(model);
    auto body = sent("openai", model, "low");
    CHECK(holds(body, R"("reasoning_effort":"low")"));
    CHECK_FALSE(holds(body, "temperature"));
    CHECK_FALSE(holds(body, "presence_penalty"));
    CHECK_FALSE(holds(sent("azure", model), "temperature"));
    // Other servers have their own rules for models of these names.
    CHECK(holds(sent("openai-compatible", model), R"("temperature":0.5)"));
  }
  for (auto* model :
       {"gpt-4.1", "gpt-4o-mini", "gpt-5-chat-latest", "gpt-35-turbo", "omni", "gpt-oss-120b"}) {
    INFO(model);
    CHECK(holds(sent("openai", model), R"("temperature":0.5)"));
  }
  CHECK(holds(sent("openai", "gpt-5.1", "none"), R"("temperature":0.5)"));
  CHECK_FALSE(holds(sent("openai", "gpt-5", "none"), "temperature"));
}

TEST_CASE("thinking is switched on and off in each provider's words", "[openai]") {
  asked_for asked;
  asked.params.temperature = 0.5;
  auto sent = [&asked](std::string_view dialect, std::optional<std::string> effort) {
    asked.params.reasoning_effort = std::move(effort);
    return build(dialect, asked)->body;
  };
  CHECK(holds(sent("openai-compatible", "none"), R"("reasoning_effort":"none")"));
  CHECK(holds(sent("deepseek", "high"),
              R"("thinking":{"type":"enabled"},"reasoning_effort":"high")"));
  auto off = sent("deepseek", "none");
  CHECK(holds(off, R"("thinking":{"type":"disabled"})"));
  CHECK_FALSE(holds(off, "reasoning_effort"));
  CHECK(holds(sent("qwen", "low"), R"("enable_thinking":true)"));
  CHECK_FALSE(holds(sent("qwen", "low"), "reasoning_effort"));
  CHECK(holds(sent("qwen", "none"), R"("enable_thinking":false)"));
  for (auto* dialect : {"deepseek", "qwen", "openai-compatible"})
    CHECK_FALSE(holds(sent(dialect, {}), "think"));
  CHECK(holds(sent("deepseek", {}), R"("temperature":0.5)"));
  asked.model = some_model("kimi-k3");
  CHECK_FALSE(holds(sent("deepseek", {}), "temperature"));
}

TEST_CASE("a reply is limited only by who asked for a limit", "[dialect]") {
  asked_for asked;
  asked.model.max_tokens.reset();
  for (auto name : dialect_names()) {
    INFO(name);
    auto request = build(name, asked);
    REQUIRE(request);
    for (auto key : {"max_", "maxOutput", "num_predict"}) {
      // Anthropic demands one.
      auto is_told = request->body.find(key) != std::string::npos;
      CHECK(is_told == (name == "anthropic" && std::string_view{key} == "max_"));
    }
  }
}

TEST_CASE("limits of a reply are its call's", "[dialect]") {
  std::vector<text_delta> out;
  SECTION("its text") {
    auto parser = find_dialect("openai")->make_parser({shared_reader(), false, {100, 8}});
    auto event = [](std::string_view text) {
      return "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string{text} + "\"}}]}\n\n";
    };
    REQUIRE(parser->push(event("12345678"), out));
    auto pushed = parser->push(event("9"), out);
    REQUIRE_FALSE(pushed);
    CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
  }
  SECTION("a line of the wire") {
    for (auto name : {"openai", "anthropic", "gemini", "ollama"}) {
      auto parser = find_dialect(name)->make_parser({shared_reader(), false, {100, 8}});
      auto pushed = parser->push(": " + std::string(100, 'x'), out);
      REQUIRE_FALSE(pushed);
      CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
    }
  }
}

TEST_CASE("Azure names the deployment in the path", "[openai]") {
  asked_for asked;
  asked.model = some_model("my gpt/4");
  auto path_at = [&](std::string base_url) {
    asked.model.base_url = std::move(base_url);
    auto request = build("azure", asked);
    REQUIRE(request);
    CHECK(request->auth_header.reveal() == "api-key: sk-key");
    return request->path;
  };
  CHECK(path_at("https://x.openai.azure.com") ==
        "/openai/deployments/my%20gpt%2F4/chat/completions?api-version=2024-10-21");
  CHECK(path_at("https://x.openai.azure.com/?api-version=2025-01-01-preview") ==
        "/openai/deployments/my%20gpt%2F4/chat/completions");
  CHECK(path_at("https://x.openai.azure.com/openai/v1/") == "/chat/completions");
  auto list = find_dialect("azure")->build_discovery(some_model(), secret_text{"k"});
  REQUIRE(list);
  CHECK(list->path == "/openai/models?api-version=2024-10-21");
  CHECK(list->body.empty());
}

TEST_CASE("a key that cannot stand in a header is not sent, in no dialect", "[dialect]") {
  for (auto name : dialect_names()) {
    INFO(name);
    asked_for asked;
    for (auto key : {"sk a", "sk\r\nX-Evil: 1", "sk\n", "schl\xc3\xbcssel", "\x7f"}) {
      asked.key = key;
      auto request = build(name, asked);
      REQUIRE_FALSE(request);
      CHECK(detail_of(request.error()).reason == "upstream_auth");
      CHECK_FALSE(find_dialect(name)->build_discovery(asked.model, secret_text{key}));
    }
    asked.key.clear();
    auto keyless = build(name, asked);
    REQUIRE(keyless);
    CHECK(keyless->auth_header.empty());
  }
}

TEST_CASE("embeddings, asked for and read", "[openai]") {
  std::vector<std::string> texts{"a", "b"};
  auto model = some_model();
  auto request = find_dialect("openai")->build_embedding({model, texts, 2}, secret_text{"k"});
  REQUIRE(request);
  CHECK(request->path == "/embeddings");
  CHECK(request->body ==
        R"({"model":"model-x","input":["a","b"],"encoding_format":"float","dimensions":2})");
  auto read = [](std::string_view body, size_t count) {
    return find_dialect("openai")->read_embedding(body, count, shared_reader());
  };
  auto found = read(R"({"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2.5]}],)"
                    R"("usage":{"prompt_tokens":2}})",
                    2);
  REQUIRE(found);
  CHECK(found->vectors == std::vector<std::vector<float>>{{1, 2.5}, {3, 4}});
  CHECK(found->prompt_tokens == 2);
  for (auto body : {R"({"data":[{"index":0,"embedding":[1]}]})",
                    R"({"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]})",
                    R"({"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1,2]}]})",
                    R"({"data":[{"index":0,"embedding":[1]},{"index":7,"embedding":[1]}]})",
                    R"({"data":[{"embedding":["x"]},{"embedding":[1]}]})", "{}", "<html>", ""}) {
    INFO(body);
    CHECK(line_of(read(body, 2).error()) == "provider_failed/upstream_broken");
  }
}

TEST_CASE("the list of models, in the spellings of several servers", "[openai]") {
  auto read = [](std::string_view body) {
    return find_dialect("openai-compatible")->read_discovery(body, shared_reader());
  };
  auto found = read(R"({"data":[{"id":"a","context_length":1000},{"id":"b","name":"B",)"
                    R"("max_model_len":2000,"max_output_tokens":10},{"id":""},{"x":1},)"
                    R"({"id":"c","context_window":-1}]})");
  REQUIRE(found);
  REQUIRE(found->size() == 3);
  CHECK((*found)[0].context_window == 1000);
  CHECK((*found)[0].name == "a");
  CHECK((*found)[1].context_window == 2000);
  CHECK((*found)[1].max_tokens == 10);
  CHECK((*found)[1].name == "B");
  CHECK((*found)[2].context_window == 0);
  CHECK(read("[{\"id\":\"t\"}]"));
  CHECK_FALSE(read("{}"));
  CHECK_FALSE(read("<html>"));
}

TEST_CASE("refusals become our own errors", "[openai]") {
  CHECK(refused(401, R"({"error":{"message":"Incorrect API key: sk-canary"}})") ==
        "provider_refused/upstream_auth");
  CHECK(refused(403, "canary") == "provider_refused/upstream_auth");
  CHECK(refused(402, "") == "provider_refused/upstream_quota");
  CHECK(refused(404, R"({"detail":"canary"})") == "provider_refused/upstream_not_found");
  CHECK(refused(429, R"({"error":{"code":"rate_limit_exceeded"}})", 7) ==
        "rate_limited/upstream_rate_limited in 7");
  CHECK(refused(429, R"({"error":{"code":"insufficient_quota","message":"canary"}})", 7) ==
        "provider_refused/upstream_quota");
  CHECK(refused(500, "<html>canary</html>") == "provider_failed/upstream_error");
  CHECK(refused(503, "", 9) == "provider_failed/upstream_overloaded in 9");
  CHECK(refused(529, "[]") == "provider_failed/upstream_overloaded");
  CHECK(refused(302, "") == "provider_refused/upstream_redirect");
  CHECK(refused(408, "") == "timeout/upstream_timeout");
  CHECK(refused(422, R"({"detail":[{"loc":["body"],"msg":"canary"}]})") ==
        "provider_refused/upstream_refused");
  CHECK(refused(400, R"({"error":{"code":"content_filter"}})") ==
        "provider_refused/upstream_content_filter");
}

TEST_CASE("a context that is too long is recognised, with its limit", "[openai]") {
  CHECK(
      refused(
          400,
          R"({"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.","code":"context_length_exceeded"}})") ==
      "provider_refused/context_too_long 8192");
  CHECK(
      refused(
          400,
          R"({"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000","code":400})") ==
      "provider_refused/context_too_long 4096");
  CHECK(
      refused(
          400,
          R"({"error":{"code":400,"type":"exceed_context_size_error","message":"the request exceeds the available context size","n_prompt_tokens":5000,"n_ctx":2048}})") ==
      "provider_refused/context_too_long 2048");
  CHECK(refused(413, R"({"error":"prompt is too long for the context window of 32768 tokens"})") ==
        "provider_refused/context_too_long 32768");
  CHECK(refused(400, R"({"error":{"code":"context_length_exceeded","message":"?"}})") ==
        "provider_refused/context_too_long");
  CHECK(refused(400, R"([{"error":{"message":"The context window of 128000 tokens is full"}}])") ==
        "provider_refused/context_too_long 128000");
  CHECK(refused(401, R"({"error":{"message":"context length"}})") ==
        "provider_refused/upstream_auth");
}

TEST_CASE("a conversation with tools for OpenAI, as its caller kept it", "[openai]") {
  auto asked = tool_conversation();
  asked.wishes.is_json = true;
  auto request = build("openai", asked);
  REQUIRE(request);
  auto& sent = request->body;
  CHECK(holds(sent, R"({"type":"image_url","image_url":{"url":"https://a.example/b.png"}})"));
  CHECK(holds(sent, R"({"role":"assistant","content":null,"reasoning_content":"Hm.",)"
                    R"("tool_calls":[{"id":"c1","type":"function","function":{"name":"weather",)"
                    R"("arguments":"{\"city\":\"Bern\"}"}}]})"));
  CHECK(holds(sent, R"({"role":"tool","tool_call_id":"c1","content":"sunny"})"));
  CHECK(holds(sent, R"("tool_choice":{"type":"function","function":{"name":"weather"}})"));
  CHECK(holds(sent, R"("response_format":{"type":"json_object"})"));
}
