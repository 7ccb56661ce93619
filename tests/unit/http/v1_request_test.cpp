// Bodies of /v1, right and wrong, without a socket.
#include "http/v1_request.hpp"

#include <catch2/catch.hpp>

#include "http/v1_reply.hpp"

using namespace parley;
using namespace parley::http;

namespace {

template <class Read>
auto read(Read how, std::string_view body) {
  static json_reader reader;
  auto value = reader.parse(body);
  REQUIRE(value);
  return how(*value);
}

auto chat(const std::string& more,
          const std::string& messages = R"({"role":"user","content":"Hi"})") {
  return read(read_openai_chat, R"({"model":"m","messages":[)" + messages + "]" + more + "}");
}

auto messages(const std::string& more,
              const std::string& said = R"({"role":"user","content":"Hi"})") {
  return read([](const json_value& body) { return read_anthropic_messages(body); },
              R"({"model":"m","max_tokens":9,"messages":[)" + said + "]" + more + "}");
}

template <class T>
std::string fault(const expected<T>& answer) {
  if (answer) return "none";
  CHECK(code_of(answer.error()) == errc::malformed);
  auto detail = detail_of(answer.error());
  return detail.reason + " " + (detail.fields.empty() ? "" : detail.fields.front().path);
}

}  // namespace

TEST_CASE("OpenAI: null stands for absent, and what is unknown is passed over") {
  auto wish =
      chat(R"(,"temperature":null,"tools":null,"tool_choice":null,"stop":null,"n":null,)"
           R"("stream":null,"stream_options":null,"response_format":null,"future":{"a":1})");
  REQUIRE(wish);
  CHECK(wish->model == "m");
  CHECK_FALSE(wish->is_stream);
  CHECK_FALSE(wish->call.params.temperature);
  CHECK(wish->call.wishes.tools.empty());
}

TEST_CASE("OpenAI: every wrong type is a fault of its field") {
  for (const auto* field :
       {"temperature", "top_p", "presence_penalty", "frequency_penalty", "max_tokens",
        "max_completion_tokens", "seed", "stop", "reasoning_effort", "stream", "stream_options",
        "tools", "tool_choice", "parallel_tool_calls", "response_format", "n"}) {
    auto wrong = std::string{field} == "stop" || std::string{field} == "reasoning_effort" ||
                         std::string{field} == "tool_choice"
                     ? "7"
                     : "\"x\"";
    auto said = fault(chat(R"(,")" + std::string{field} + "\":" + wrong));
    INFO(field << ": " << said);
    CHECK(said.starts_with("invalid_type " + std::string{field}));
  }
  CHECK(fault(chat("", "7")) == "invalid_type messages[0]");
  CHECK(fault(chat("", R"({"role":"king","content":"a"})")) == "invalid_value messages[0].role");
  CHECK(fault(chat("", R"({"role":"user"})")) == "missing_required_parameter messages[0].content");
  CHECK(fault(chat("", R"({"role":"user","content":[{"type":"input_audio"}]})")) ==
        "unsupported_value messages[0].content[0].type");
  CHECK(fault(chat("", R"({"role":"tool","content":"a"})")) ==
        "missing_required_parameter messages[0].tool_call_id");
  CHECK(fault(read(read_openai_chat, "[]")) == "invalid_type ");
}

TEST_CASE("OpenAI: a result of a tool knows the tool's name") {
  auto wish =
      chat("", R"({"role":"assistant","tool_calls":[{"id":"c","type":"function",)"
               R"("function":{"name":"weather","arguments":"{}"}}]},)"
               R"({"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"a"}]},)"
               R"({"role":"tool","tool_call_id":"d","content":"b"})");
  REQUIRE(wish);
  auto& said = wish->call.messages;
  REQUIRE(said.size() == 3);
  CHECK(said[0].calls.front().name == "weather");
  CHECK(said[1].answers.name == "weather");
  CHECK(*said[1].parts.front().text == "a");
  CHECK(said[2].answers.name == "d");
}

TEST_CASE("OpenAI: choices of tools and formats of replies") {
  CHECK(chat(R"(,"tool_choice":"required")")->call.wishes.choice == tool_choice::required);
  CHECK(chat(R"(,"tool_choice":"none")")->call.wishes.choice == tool_choice::none);
  CHECK(fault(chat(R"(,"tool_choice":"sometimes")")) == "invalid_value tool_choice");
  auto named = chat(R"(,"tool_choice":{"type":"function","function":{"name":"f"}})");
  REQUIRE(named);
  CHECK(named->call.wishes.choice == tool_choice::named);
  CHECK(named->call.wishes.chosen_tool == "f");
  CHECK_FALSE(chat(R"(,"response_format":{"type":"text"})")->call.wishes.is_json);
  auto json = chat(R"(,"response_format":{"type":"json_object"})");
  CHECK(json->call.wishes.is_json);
  CHECK(json->call.wishes.schema.empty());
  CHECK(fault(chat(R"(,"response_format":{"type":"xml"})")) ==
        "invalid_value response_format.type");
}

TEST_CASE("Anthropic: blocks become messages in their order") {
  auto wish = messages(
      R"(,"system":"Be brief.","thinking":{"type":"enabled","budget_tokens":1024})",
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c","is_error":true,)"
      R"("content":[{"type":"text","text":"no"},{"type":"image","source":{"type":"base64",)"
      R"("media_type":"image/png","data":"AAAA"}}]},{"type":"text","text":"So?"}]})");
  REQUIRE(wish);
  auto& said = wish->call.messages;
  REQUIRE(said.size() == 3);
  CHECK(said[0].role == message_role::system);
  CHECK(said[1].role == message_role::tool);
  CHECK(said[1].is_error);
  CHECK(*said[1].parts.front().text == "no");
  CHECK(said[2].role == message_role::user);
  CHECK(*said[2].parts.front().url == "data:image/png;base64,AAAA");
  CHECK(*said[2].parts.back().text == "So?");
  CHECK(wish->call.params.reasoning_effort == "low");
  CHECK(wish->call.params.max_tokens == 9);
}

TEST_CASE("Anthropic: what is no good") {
  CHECK(fault(messages(R"(,"temperature":1.5)")) == "invalid_value temperature");
  CHECK(fault(messages(R"(,"tools":[{"type":"web_search_20250305","name":"w"}])")) ==
        "unsupported_value tools[0].type");
  CHECK(fault(messages(R"(,"tool_choice":{"type":"tool"})")) ==
        "missing_required_parameter tool_choice.name");
  CHECK(fault(messages("", R"({"role":"user","content":[{"type":"document"}]})")) ==
        "unsupported_value messages[0].content[0].type");
  CHECK(fault(messages("", R"({"role":"user","content":7})")) ==
        "invalid_type messages[0].content");
  std::string_view bare = R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})";
  auto counted = [](const json_value& body) { return read_anthropic_messages(body, false); };
  CHECK(read(counted, bare));
  CHECK(fault(read([](const json_value& body) { return read_anthropic_messages(body); }, bare)) ==
        "missing_required_parameter max_tokens");
}

TEST_CASE("embeddings: one text or several") {
  auto one = read(read_openai_embedding, R"({"model":"m","input":"a","encoding_format":"base64"})");
  REQUIRE(one);
  CHECK(one->is_base64);
  CHECK(one->call.texts == std::vector<std::string>{"a"});
  CHECK(fault(read(read_openai_embedding, R"({"model":"m","input":["a",""]})")) ==
        "invalid_value input");
  CHECK(fault(read(read_openai_embedding, R"({"model":"m","input":[["a"]]})")) ==
        "invalid_type input");
  CHECK(fault(read(read_openai_embedding, R"({"input":"a"})")) ==
        "missing_required_parameter model");
}

TEST_CASE("whose errors a path's are") {
  using enum error_shape;
  CHECK(shape_of("/v1/models", false) == openai);
  CHECK(shape_of("/v1/models", true) == anthropic);
  CHECK(shape_of("/v1/messages/count_tokens", false) == anthropic);
  CHECK(shape_of("/v1", false) == openai);
  CHECK(shape_of("/v12/models", false) == own);
  CHECK(shape_of("/api/models", true) == own);
}
