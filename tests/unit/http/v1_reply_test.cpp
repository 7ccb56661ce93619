// Answers of /v1, written without a socket.
#include "http/v1_reply.hpp"

#include <catch2/catch.hpp>

#include "base/json.hpp"

using namespace parley;
using namespace parley::http;

namespace {

const std::vector<text_delta> deltas{{part_type::reasoning, "Hm."},
                                     {part_type::text, "\"Grüße\"\n"}};

call_end ending() {
  call_end end;
  end.used.prompt_tokens = 10;
  end.used.completion_tokens = 4;
  end.used.cached_tokens = 6;
  end.calls.push_back({"c1", "weather", R"({"city":"Bern"})"});
  return end;
}

std::string stream_of(v1_writer& writer) {
  std::string out;
  writer.begin(out);
  for (const auto& delta : deltas) writer.add(out, delta);
  writer.end(out, ending());
  return out;
}

}  // namespace

TEST_CASE("OpenAI: the events of a stream, byte for byte") {
  auto writer = make_openai_writer({"chatcmpl-1", "m", 7, true});
  auto chunk = [](const std::string& delta, const std::string& reason = "null") {
    return R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m",)"
           R"("choices":[{"index":0,"delta":)" +
           delta + R"(,"logprobs":null,"finish_reason":)" + reason +
           R"(}],"usage":null})"
           "\n\n";
  };
  CHECK(stream_of(*writer) ==
        chunk(R"({"role":"assistant","content":""})") + chunk(R"({"reasoning_content":"Hm."})") +
            chunk(R"({"content":"\"Grüße\"\n"})") +
            chunk(R"({"tool_calls":[{"index":0,"id":"c1","type":"function","function":)"
                  R"({"name":"weather","arguments":"{\"city\":\"Bern\"}"}}]})") +
            chunk("{}", R"("tool_calls")") +
            R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m",)"
            R"("choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,)"
            R"("prompt_tokens_details":{"cached_tokens":6},)"
            R"("completion_tokens_details":{"reasoning_tokens":0}}})"
            "\n\ndata: [DONE]\n\n");
}

TEST_CASE("OpenAI: a broken stream has an error and no end") {
  auto writer = make_openai_writer({"chatcmpl-1", "m", 7, false});
  std::string out;
  writer->fail(out, make_error(errc::provider_failed, "upstream_broken", "Broken."), "r");
  CHECK(out == R"(data: {"error":{"message":"Broken.","type":"server_error","param":null,)"
               R"("code":"upstream_broken"}})"
               "\n\n");
}

TEST_CASE("Anthropic: blocks are opened and closed, one after another") {
  auto writer = make_anthropic_writer({"msg_1", "m", 7, false});
  auto out = stream_of(*writer);
  auto at = size_t{0};
  for (
      std::string_view piece :
      {R"(event: message_start)", R"("usage":{"input_tokens":0)",
       R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking")",
       R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}})",
       R"({"type":"content_block_stop","index":0})",
       R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})",
       R"("delta":{"type":"text_delta","text":"\"Grüße\"\n"}})",
       R"({"type":"content_block_stop","index":1})",
       R"("index":2,"content_block":{"type":"tool_use","id":"c1","name":"weather","input":{}}})",
       R"("index":2,"delta":{"type":"input_json_delta","partial_json":"{\"city\":\"Bern\"}"}})",
       R"({"type":"content_block_stop","index":2})",
       R"("delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":4,)",
       "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"}) {
    INFO(piece);
    auto found = out.find(piece, at);
    REQUIRE(found != std::string::npos);
    at = found + piece.size();
  }
  CHECK(at == out.size());
}

TEST_CASE("a whole reply says what its stream says") {
  json_reader reader;
  auto openai = reader.parse(make_openai_writer({"i", "m", 7, false})->whole(deltas, ending()));
  REQUIRE(openai);
  auto message = openai->find("choices")->first()->find("message");
  CHECK(message->string_at("content") == "\"Grüße\"\n");
  CHECK(message->string_at("reasoning_content") == "Hm.");
  CHECK(openai->find("usage")->integer_at("total_tokens") == 14);
  json_reader other;
  auto anthropic =
      other.parse(make_anthropic_writer({"i", "m", 7, false})->whole(deltas, ending()));
  REQUIRE(anthropic);
  auto blocks = anthropic->find("content")->items();
  REQUIRE(blocks.size() == 3);
  CHECK(blocks[1].string_at("text") == "\"Grüße\"\n");
  CHECK(blocks[2].find("input")->string_at("city") == "Bern");
  CHECK(anthropic->find("usage")->integer_at("cache_read_input_tokens") == 6);
}

TEST_CASE("errors of /v1: statuses, codes and types") {
  struct row {
    error cause;
    int status;
    std::string code;
    std::string type;
  };
  auto gone = make_error(errc::not_found, "model_gone", "Gone.");
  auto used_up = make_error(errc::quota_exceeded, "tokens", "Used up.");
  for (const auto& [cause, status, code, type] :
       {row{gone, 404, "model_not_found", "not_found_error"},
        row{make_error(errc::unauthenticated, "token_expired", "E."), 401, "invalid_api_key",
            "authentication_error"},
        row{make_error(errc::forbidden), 403, "forbidden", "permission_error"},
        row{used_up, 429, "insufficient_quota", "rate_limit_error"},
        row{make_error(errc::rate_limited), 429, "rate_limit_exceeded", "rate_limit_error"},
        row{make_error(errc::provider_refused, "upstream_refused", "R."), 400, "upstream_refused",
            "invalid_request_error"},
        row{make_error(errc::provider_refused, "upstream_auth", "R."), 502, "upstream_auth",
            "api_error"},
        row{make_error(errc::too_large), 413, "too_large", "request_too_large"},
        row{make_error(errc::timeout), 504, "timeout", "timeout_error"},
        row{make_error(errc::unavailable), 503, "unavailable", "overloaded_error"}}) {
    INFO(code);
    json_reader reader;
    auto shown = shaped_error_answer(error_shape::openai, cause, "r");
    CHECK(shown.status == status);
    CHECK(reader.parse(shown.body)->find("error")->string_at("code") == code);
    auto other = shaped_error_answer(error_shape::anthropic, cause, "r");
    auto body = reader.parse(other.body);
    CHECK(body->find("error")->string_at("type") == type);
    CHECK(body->string_at("request_id") == "r");
  }
  auto own = shaped_error_answer(error_shape::own, gone, "r");
  CHECK(own.body.find("\"reason\":\"model_gone\"") != std::string::npos);
}
