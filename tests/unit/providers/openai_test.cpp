#include "providers/openai.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

using namespace parley;
using namespace parley::providers;

namespace {

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void merge_into(std::vector<text_delta>& all, const std::vector<text_delta>& more) {
  for (auto& delta : more) {
    if (!all.empty() && all.back().type == delta.type)
      all.back().text += delta.text;
    else
      all.push_back(delta);
  }
}

std::string line_of(const error& cause) {
  auto detail = detail_of(cause);
  auto line = "error " + to_string(code_of(cause)) + "/" + detail.reason;
  for (auto& fault : detail.fields) line += " " + fault.bound;
  return line + "\n";
}

json_reader& shared_reader() {
  static json_reader reader{reply_json_limits()};
  return reader;
}

/// What the golden files say, one line for each thing that happened.
std::string replay(const std::vector<std::string_view>& pieces) {
  auto parser = find_dialect("openai")->make_parser(shared_reader());
  std::vector<text_delta> all;
  std::optional<error> fault;
  for (auto piece : pieces) {
    std::vector<text_delta> deltas;
    auto pushed = parser->push(piece, deltas);
    merge_into(all, deltas);
    if (pushed) continue;
    fault = pushed.error();
    break;
  }
  std::vector<text_delta> deltas;
  auto end = parser->finish(deltas);
  merge_into(all, deltas);
  if (fault) CHECK_FALSE(end);
  std::string result;
  for (auto& delta : all) {
    result += std::string{name_of(delta.type)} + " ";
    append_json_string(result, delta.text);
    result += "\n";
  }
  if (!end) return result + line_of(end.error());
  if (end->used) {
    result += "usage " + std::to_string(end->used->prompt_tokens) + " " +
              std::to_string(end->used->completion_tokens);
    if (auto n = end->used->reasoning_tokens) result += " reasoning " + std::to_string(*n);
    if (auto n = end->used->cached_tokens) result += " cached " + std::to_string(*n);
    result += "\n";
  }
  result += "finish " + to_string(end->reason);
  return result + (parser->is_complete() ? " complete\n" : "\n");
}

model_config some_model() {
  model_config model;
  model.model = "gpt-x";
  model.max_tokens = 1000;
  return model;
}

part text_part(std::string text) {
  part result;
  result.text = std::move(text);
  return result;
}

part part_of(part_type type, std::optional<std::string> text, std::optional<std::string> url) {
  part result;
  result.type = type;
  result.text = std::move(text);
  result.url = std::move(url);
  return result;
}

expected<dialect_request> build(std::string_view name, const std::vector<prompt_message>& messages,
                                const reply_params& params = {},
                                const std::string& key = "sk-key") {
  auto model = some_model();
  return find_dialect(name)->build({model, messages, params}, secret_text{key});
}

std::string refusal(int status, std::string_view body, uint32_t retry_after_s = 0) {
  auto cause = find_dialect("openai")->refusal_of({status, retry_after_s, body}, shared_reader());
  // Nothing the upstream wrote is passed on.
  CHECK(describe(cause).find("canary") == std::string::npos);
  auto line = line_of(cause).substr(6);
  line.pop_back();
  if (auto seconds = detail_of(cause).retry_after_s) line += " in " + std::to_string(seconds);
  return line;
}

}  // namespace

TEST_CASE("recorded streams become the expected events, however they are cut", "[openai]") {
  size_t count = 0;
  for (auto& entry : std::filesystem::directory_iterator{"tests/golden/openai"}) {
    if (entry.path().extension() != ".txt") continue;
    ++count;
    INFO(entry.path().string());
    auto stream = read_whole(entry.path());
    auto wanted = read_whole(std::filesystem::path{entry.path()}.replace_extension(".expected"));
    auto view = std::string_view{stream};
    CHECK(replay({view}) == wanted);
    for (size_t cut = 0; cut <= view.size(); ++cut) {
      if (replay({view.substr(0, cut), view.substr(cut)}) == wanted) continue;
      INFO(cut);
      CHECK(replay({view.substr(0, cut), view.substr(cut)}) == wanted);
    }
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < view.size(); ++i) bytes.push_back(view.substr(i, 1));
    CHECK(replay(bytes) == wanted);
  }
  CHECK(count >= 30);
}

TEST_CASE("one push gives one delta for each run of one type", "[openai]") {
  auto parser = find_dialect("openai")->make_parser(shared_reader());
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
  auto parser = find_dialect("openai")->make_parser(shared_reader());
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
  std::vector<prompt_message> messages{
      {message_role::system, {text_part("Be \"brief\".")}},
      {message_role::user,
       {text_part("What is this?"),
        part_of(part_type::image, std::nullopt, "data:image/png;base64,AAAA"),
        part_of(part_type::image, std::nullopt, "http://10.0.0.1/x.png")}},
      {message_role::assistant,
       {part_of(part_type::reasoning, "secret thoughts", std::nullopt), text_part("A "),
        text_part("cat.")}}};
  reply_params params;
  params.temperature = 0.5;
  params.seed = 7;
  params.stop = {"END", "\n"};
  auto request = build("openai", messages, params);
  REQUIRE(request);
  CHECK(request->path == "/chat/completions");
  CHECK(request->auth_header.reveal() == "Authorization: Bearer sk-key");
  CHECK(request->body ==
        R"({"model":"gpt-x","messages":[{"role":"system","content":"Be \"brief\"."},)"
        R"({"role":"user","content":[{"type":"text","text":"What is this?"},)"
        R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},)"
        R"({"role":"assistant","content":"A cat."}],"stream":true,)"
        R"("stream_options":{"include_usage":true},"temperature":0.5,)"
        R"("max_completion_tokens":1000,"seed":7,"stop":["END","\n"]})");
}

TEST_CASE("where servers differ", "[openai]") {
  reply_params params;
  params.max_tokens = 5;
  auto compatible = build("openai-compatible", {}, params);
  REQUIRE(compatible);
  CHECK(compatible->body == R"({"model":"gpt-x","messages":[],"stream":true,)"
                            R"("stream_options":{"include_usage":true},"max_tokens":5})");
  auto mistral = build("mistral", {}, params);
  REQUIRE(mistral);
  CHECK(mistral->body == R"({"model":"gpt-x","messages":[],"stream":true,"max_tokens":5})");
  CHECK(find_dialect("telepathy") == nullptr);
}

TEST_CASE("a reply is limited only by who asked for a limit", "[openai]") {
  auto model = some_model();
  model.max_tokens.reset();
  for (auto provider : {"openai", "openai-compatible", "mistral"}) {
    auto request = find_dialect(provider)->build({model, {}, {}}, secret_text{});
    REQUIRE(request);
    CHECK(request->body.find("max_") == std::string::npos);
  }
}

TEST_CASE("limits of a reply are its call's", "[openai]") {
  auto parser = find_dialect("openai")->make_parser(shared_reader(),
                                                    {.line_bytes_max = 100, .reply_bytes_max = 8});
  std::vector<text_delta> out;
  auto event = [](std::string_view text) {
    return "data: {\"choices\":[{\"delta\":{\"content\":\"" + std::string{text} + "\"}}]}\n\n";
  };
  REQUIRE(parser->push(event("12345678"), out));
  SECTION("its text") {
    auto pushed = parser->push(event("9"), out);
    REQUIRE_FALSE(pushed);
    CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
  }
  SECTION("a line of the wire") {
    auto pushed = parser->push(": " + std::string(100, 'x'), out);
    REQUIRE_FALSE(pushed);
    CHECK(detail_of(pushed.error()).reason == "upstream_too_large");
  }
}

TEST_CASE("a key that cannot stand in a header is not sent", "[openai]") {
  for (auto key : {"sk a", "sk\r\nX-Evil: 1", "sk\n", "schl\xc3\xbcssel", "\x7f"}) {
    auto request = build("openai", {}, {}, key);
    REQUIRE_FALSE(request);
    CHECK(detail_of(request.error()).reason == "upstream_auth");
  }
  auto keyless = build("openai", {}, {}, "");
  REQUIRE(keyless);
  CHECK(keyless->auth_header.empty());
}

TEST_CASE("refusals become our own errors", "[openai]") {
  CHECK(refusal(401, R"({"error":{"message":"Incorrect API key: sk-canary"}})") ==
        "provider_refused/upstream_auth");
  CHECK(refusal(403, "canary") == "provider_refused/upstream_auth");
  CHECK(refusal(402, "") == "provider_refused/upstream_quota");
  CHECK(refusal(404, R"({"detail":"canary"})") == "provider_refused/upstream_not_found");
  CHECK(refusal(429, R"({"error":{"code":"rate_limit_exceeded"}})", 7) ==
        "rate_limited/upstream_rate_limited in 7");
  CHECK(refusal(429, R"({"error":{"code":"insufficient_quota","message":"canary"}})", 7) ==
        "provider_refused/upstream_quota");
  CHECK(refusal(500, "<html>canary</html>") == "provider_failed/upstream_error");
  CHECK(refusal(503, "", 9) == "provider_failed/upstream_overloaded in 9");
  CHECK(refusal(529, "[]") == "provider_failed/upstream_overloaded");
  CHECK(refusal(302, "") == "provider_refused/upstream_redirect");
  CHECK(refusal(408, "") == "timeout/upstream_timeout");
  CHECK(refusal(422, R"({"detail":[{"loc":["body"],"msg":"canary"}]})") ==
        "provider_refused/upstream_refused");
  CHECK(refusal(400, R"({"error":{"code":"content_filter"}})") ==
        "provider_refused/upstream_content_filter");
}

TEST_CASE("a context that is too long is recognised, with its limit", "[openai]") {
  CHECK(
      refusal(
          400,
          R"({"error":{"message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.","code":"context_length_exceeded"}})") ==
      "provider_refused/context_too_long 8192");
  CHECK(
      refusal(
          400,
          R"({"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000","code":400})") ==
      "provider_refused/context_too_long 4096");
  CHECK(
      refusal(
          400,
          R"({"error":{"code":400,"type":"exceed_context_size_error","message":"the request exceeds the available context size","n_prompt_tokens":5000,"n_ctx":2048}})") ==
      "provider_refused/context_too_long 2048");
  CHECK(refusal(413, R"({"error":"prompt is too long for the context window of 32768 tokens"})") ==
        "provider_refused/context_too_long 32768");
  CHECK(refusal(400, R"({"error":{"code":"context_length_exceeded","message":"?"}})") ==
        "provider_refused/context_too_long");
  CHECK(refusal(400, R"([{"error":{"message":"The context window of 128000 tokens is full"}}])") ==
        "provider_refused/context_too_long 128000");
  CHECK(refusal(401, R"({"error":{"message":"context length"}})") ==
        "provider_refused/upstream_auth");
}
