// http/routes/v1.cpp: messages, as Anthropic's clients send and read them.
#include "tests/support/v1_world.hpp"

using namespace parley::test;

namespace {

const header_list version{{"anthropic-version", "2023-06-01"}};

}  // namespace

TEST_CASE("/v1/messages: a whole message, with either header for the key") {
  v1_world world;
  auto by_bearer = GENERATE(false, true);
  http_request request{"POST", "/v1/messages", world.messages_body(), version};
  if (by_bearer)
    request.headers.push_back(authorization(world.ada()));
  else
    request.headers.emplace_back("x-api-key", world.ada().access_token);
  auto reply = world.ask(request);
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  CHECK(reply.at("/type") == "message");
  CHECK(reply.at("/id").starts_with("msg_"));
  CHECK(reply.at("/role") == "assistant");
  CHECK(reply.at("/content/0/type") == "text");
  CHECK(reply.at("/content/0/text") == "Hello, world!");
  CHECK(reply.at("/stop_reason") == "end_turn");
  CHECK(reply.at("/stop_sequence") == "null");
  CHECK(reply.at("/usage/input_tokens") == "7");
  CHECK(reply.at("/usage/output_tokens") == "3");
  CHECK(reply.header("request-id") == reply.header("X-Request-Id"));
  CHECK(json_at(world.sent(), "/max_completion_tokens") == "50");
  // The header is for /v1 alone.
  CHECK(world.ask({"GET", "/api/users/me", {}, {{"x-api-key", world.ada().access_token}}}).status ==
        401);
}

TEST_CASE("/v1/messages: a streamed message, its blocks one after another") {
  v1_world world;
  world.upstream_plays(
      events_of({openai_event(R"({"reasoning_content":"Hm."})"), content_chunk("Let me "),
                 content_chunk("look."),
                 openai_event(R"({"tool_calls":[{"index":0,"id":"c7","function":{"name":"weather",)"
                              R"("arguments":"{\"city\":1}"}}]})"),
                 openai_event("{}", R"("tool_calls")"), usage_chunk(4, 2), done_chunk()}));
  auto stream =
      world.stream_messages(R"(,"tools":[{"name":"weather","input_schema":{"type":"object"}}])");
  REQUIRE(stream.is_stream());
  auto events = stream.rest();
  CHECK(stream.is_whole());
  std::string seen;
  for (const auto& event : events) {
    CHECK(event.at("/type") == event.name);
    auto what = event.name;
    if (what == "content_block_start") what = event.at("/index") + event.at("/content_block/type");
    if (what == "content_block_delta")
      what = event.at("/delta/type") == "text_delta"       ? event.at("/delta/text")
             : event.at("/delta/type") == "thinking_delta" ? event.at("/delta/thinking")
                                                           : event.at("/delta/partial_json");
    if (what == "content_block_stop") what = "/" + event.at("/index");
    // What came together may be one delta.
    seen += what == "Let me " ? what : what + "|";
  }
  CHECK(seen == R"(message_start|0thinking|Hm.|/0|1text|Let me look.|/1|2tool_use|{"city":1}|/2|)"
                "message_delta|message_stop|");
  CHECK(events.front().at("/message/content") == "[]");
  auto& end = events[events.size() - 2];
  CHECK(end.at("/delta/stop_reason") == "tool_use");
  CHECK(end.at("/usage/input_tokens") == "4");
  CHECK(end.at("/usage/output_tokens") == "2");
}

TEST_CASE("/v1/messages: what the upstream is sent") {
  v1_world world;
  auto body =
      R"({"model":"scripted","max_tokens":50,"system":[{"type":"text","text":"Be brief."}],)"
      R"("messages":[{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image",)"
      R"("source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]},)"
      R"({"role":"assistant","content":[{"type":"thinking","thinking":"Hm.","signature":"s"},)"
      R"({"type":"tool_use","id":"c1","name":"weather","input":{"city":"Bern"}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":[)"
      R"({"type":"text","text":"sunny"}]},{"type":"text","text":"So?"}]}],)"
      R"("tools":[{"name":"weather","description":"d","input_schema":{"type":"object"}}],)"
      R"("tool_choice":{"type":"any","disable_parallel_tool_use":true},"stop_sequences":["END"],)"
      R"("temperature":0.5,"top_k":5,"metadata":{"user_id":"u"},"made_up":1})";
  auto reply = world.post(world.ada(), "/v1/messages", body, version);
  INFO(reply.body);
  REQUIRE(reply.status == 200);
  auto sent = world.sent();
  CHECK(json_at(sent, "/messages/0/content") == "Be brief.");
  CHECK(json_at(sent, "/messages/1/content/1/image_url/url") ==
        "data:image/png;base64,iVBORw0KGgo=");
  CHECK(json_at(sent, "/messages/2/tool_calls/0/function/arguments") == R"({"city":"Bern"})");
  CHECK(json_at(sent, "/messages/3/role") == "tool");
  CHECK(json_at(sent, "/messages/3/content") == "sunny");
  CHECK(json_at(sent, "/messages/4/content") == "So?");
  CHECK(json_at(sent, "/tool_choice") == "required");
  CHECK(json_at(sent, "/parallel_tool_calls") == "false");
  CHECK(json_at(sent, "/stop/0") == "END");
}

TEST_CASE("/v1/messages: errors have Anthropic's shape, also those of the guard") {
  v1_world world;
  auto check = [&](const http_answer& answer, int status, const std::string& type) {
    INFO(answer.body);
    CHECK(answer.status == status);
    CHECK(answer.at("/type") == "error");
    CHECK(answer.at("/error/type") == type);
    CHECK(answer.at("/error/message") != "(absent)");
    CHECK(answer.at("/request_id") == answer.header("X-Request-Id"));
  };
  auto send = [&](const std::string& body) {
    return world.post(world.ada(), "/v1/messages", body);
  };
  check(world.ask("POST", nullptr, "/v1/messages", world.messages_body()), 401,
        "authentication_error");
  check(send(R"({"model":"no","max_tokens":5,"messages":[{"role":"user","content":"Hi"}]})"), 404,
        "not_found_error");
  check(send(R"({"model":"scripted","messages":[{"role":"user","content":"Hi"}]})"), 400,
        "invalid_request_error");
  check(send("{"), 400, "invalid_request_error");
  check(world.get(world.ada(), "/v1/messages"), 405, "invalid_request_error");
  world.upstream_plays({send_bytes(whole_response(
      429, "application/json", R"({"error":{"type":"rate_limit_error"}})", "Retry-After: 3\r\n"))});
  auto refused = send(world.messages_body());
  check(refused, 429, "rate_limit_error");
  CHECK(refused.header("Retry-After") == "3");
}

TEST_CASE("/v1/messages: an upstream that breaks amid the message") {
  v1_world world;
  world.upstream_plays(
      {send_bytes(stream_head()), send_bytes(stream_chunk(content_chunk("Once"))), close_now()});
  auto events = world.stream_messages().rest();
  REQUIRE_FALSE(events.empty());
  CHECK(events.back().name == "error");
  CHECK(events.back().at("/error/type") == "api_error");
  for (const auto& event : events) CHECK(event.name != "message_stop");
}

TEST_CASE("/v1/messages/count_tokens: a text's tokens, without a call") {
  v1_world world;
  auto count = [&](const std::string& text) {
    return world.post(
        world.ada(), "/v1/messages/count_tokens",
        R"({"model":"scripted","messages":[{"role":"user","content":")" + text + R"("}]})");
  };
  auto few = count("Hi");
  REQUIRE(few.status == 200);
  auto many = count("What holds a bridge up, and for how long does it do so?");
  CHECK(std::stoi(few.at("/input_tokens")) > 0);
  CHECK(std::stoi(many.at("/input_tokens")) > std::stoi(few.at("/input_tokens")) + 8);
  CHECK(world.upstream().counts().requests == 0);
  CHECK(world
            .post(world.ada(), "/v1/messages/count_tokens",
                  R"({"model":"no","messages":[{"role":"user","content":"Hi"}]})")
            .at("/error/type") == "not_found_error");
}
