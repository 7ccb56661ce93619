// http/routes/v1.cpp: chat completions, as OpenAI's clients send and read them.
#include "tests/support/v1_world.hpp"

using namespace parley::test;

namespace {

/// No call ends because its upstream is silent.
const setting_list patient{{"upstream-first-byte-s", "60"}, {"upstream-idle-s", "60"}};

/// What a whole stream said, and that it kept to the rules of one.
struct read_stream {
  std::string text;
  std::string reasoning;
  std::string finish_reason = "(none)";
  std::string usage = "(absent)";
  int finishes = 0;
  bool is_done = false;

  explicit read_stream(const std::vector<stream_event>& events) {
    std::string id, created;
    for (size_t i = 0; i < events.size(); ++i) {
      const auto& event = events[i];
      CHECK(event.name.empty());
      CHECK_FALSE(is_done);
      is_done = event.data == "[DONE]";
      if (is_done) continue;
      CHECK(event.at("/object") == "chat.completion.chunk");
      CHECK(event.at("/model") == "scripted");
      if (i == 0) {
        id = event.at("/id");
        created = event.at("/created");
        CHECK(event.at("/choices/0/delta/role") == "assistant");
      }
      CHECK(event.at("/id") == id);
      CHECK(event.at("/created") == created);
      if (event.at("/usage/prompt_tokens") != "(absent)") {
        usage = event.at("/usage/prompt_tokens") + "+" + event.at("/usage/completion_tokens");
        CHECK(event.at("/choices") == "[]");
        continue;
      }
      take(event);
    }
    CHECK(id.starts_with("chatcmpl-"));
  }

 private:
  void take(const stream_event& event) {
    auto content = event.at("/choices/0/delta/content");
    if (content != "(absent)") text += content;
    auto thought = event.at("/choices/0/delta/reasoning_content");
    if (thought != "(absent)") reasoning += thought;
    auto reason = event.at("/choices/0/finish_reason");
    if (reason == "null") return;
    finish_reason = reason;
    ++finishes;
  }
};

}  // namespace

TEST_CASE("/v1: a whole chat completion") {
  v1_world world;
  auto reply = world.chat();
  REQUIRE(reply.status == 200);
  CHECK(reply.header("Content-Type") == "application/json");
  CHECK(reply.at("/object") == "chat.completion");
  CHECK(reply.at("/id").starts_with("chatcmpl-"));
  CHECK(reply.at("/model") == "scripted");
  CHECK(reply.at("/choices/0/message/role") == "assistant");
  CHECK(reply.at("/choices/0/message/content") == "Hello, world!");
  CHECK(reply.at("/choices/0/finish_reason") == "stop");
  CHECK(reply.at("/choices/1") == "(absent)");
  CHECK(reply.at("/usage/prompt_tokens") == "7");
  CHECK(reply.at("/usage/completion_tokens") == "3");
  CHECK(reply.at("/usage/total_tokens") == "10");
  CHECK(reply.header("X-Request-Id") != "(absent)");
  CHECK(reply.header("x-ratelimit-limit-requests") == "1000000");
  CHECK(reply.header("x-ratelimit-remaining-requests") != "(absent)");
  CHECK(reply.header("x-ratelimit-reset-requests").ends_with("s"));
  CHECK(reply.header("RateLimit-Limit") == "(absent)");
  // The upstream's own name and key, and nothing that is kept here.
  CHECK(json_at(world.sent(), "/model") == "scripted-1");
  CHECK(world.get(world.ada(), "/api/sessions").at("/items/0") == "(absent)");
}

TEST_CASE("/v1: a streamed chat completion: role, text, one end, usage, [DONE]") {
  v1_world world;
  auto with_usage = GENERATE(false, true);
  auto stream = world.stream_chat(world.ada(),
                                  with_usage ? R"(,"stream_options":{"include_usage":true})" : "");
  REQUIRE(stream.is_stream());
  CHECK(stream.head().header("Content-Type") == "text/event-stream");
  read_stream seen{stream.rest()};
  CHECK(stream.is_whole());
  CHECK(seen.text == "Hello, world!");
  CHECK(seen.finish_reason == "stop");
  CHECK(seen.finishes == 1);
  CHECK(seen.is_done);
  CHECK(seen.usage == (with_usage ? "7+3" : "(absent)"));
}

TEST_CASE("/v1: what the upstream is sent") {
  v1_world world;
  auto url = std::string{"data:image/png;base64,iVBORw0KGgo="};
  auto body =
      R"({"model":"scripted","messages":[{"role":"developer","content":"Be brief."},)"
      R"({"role":"user","content":[{"type":"text","text":"What?"},)"
      R"({"type":"image_url","image_url":{"url":")" +
      url +
      R"(","detail":"low"}}]},)"
      R"({"role":"assistant","content":null,"reasoning_content":"Hm.","tool_calls":[{"id":"c1",)"
      R"("type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bern\"}"}}]},)"
      R"({"role":"tool","tool_call_id":"c1","content":"sunny"}],)"
      R"("tools":[{"type":"function","function":{"name":"weather","description":"d",)"
      R"("parameters":{"type":"object","properties":{}},"strict":true}}],)"
      R"("tool_choice":{"type":"function","function":{"name":"weather"}},)"
      R"("parallel_tool_calls":false,"temperature":0.25,"top_p":0.5,"max_completion_tokens":99,)"
      R"("seed":5,"stop":"END","presence_penalty":1,"frequency_penalty":-1,"user":"u","n":1,)"
      R"("reasoning_effort":"low","logit_bias":{"1":2},"made_up_field":[1],"metadata":null,)"
      R"("response_format":{"type":"json_schema","json_schema":{"name":"s","strict":true,)"
      R"("schema":{"type":"object"}}}})";
  auto reply = world.post(world.ada(), "/v1/chat/completions", body);
  REQUIRE(reply.status == 200);
  auto sent = world.sent();
  CHECK(json_at(sent, "/messages/0/role") == "system");
  CHECK(json_at(sent, "/messages/1/content/1/image_url/url") == url);
  CHECK(json_at(sent, "/messages/2/tool_calls/0/function/arguments") == R"({"city":"Bern"})");
  CHECK(json_at(sent, "/messages/2/reasoning_content") == "Hm.");
  CHECK(json_at(sent, "/messages/3/role") == "tool");
  CHECK(json_at(sent, "/messages/3/tool_call_id") == "c1");
  CHECK(json_at(sent, "/messages/3/content") == "sunny");
  CHECK(json_at(sent, "/tools/0/function/name") == "weather");
  CHECK(json_at(sent, "/tools/0/function/strict") == "true");
  CHECK(json_at(sent, "/tool_choice/function/name") == "weather");
  CHECK(json_at(sent, "/parallel_tool_calls") == "false");
  CHECK(json_at(sent, "/temperature") == "0.25");
  CHECK(json_at(sent, "/max_completion_tokens") == "99");
  CHECK(json_at(sent, "/stop/0") == "END");
  CHECK(json_at(sent, "/reasoning_effort") == "low");
  CHECK(json_at(sent, "/response_format/json_schema/schema/type") == "object");
  CHECK(json_at(sent, "/made_up_field") == "(absent)");
}

TEST_CASE("/v1: calls of tools and reasoning come back") {
  v1_world world;
  world.upstream_plays(
      events_of({openai_event(R"({"reasoning_content":"Let me look."})"),
                 openai_event(R"({"tool_calls":[{"index":0,"id":"c7","type":"function",)"
                              R"("function":{"name":"weather","arguments":"{\"ci"}}]})"),
                 openai_event(R"({"tool_calls":[{"index":0,"function":{"arguments":"ty\":1}"}}]})"),
                 openai_event("{}", R"("tool_calls")"), usage_chunk(4, 2), done_chunk()}));
  auto tools = std::string{
      R"(,"tools":[{"type":"function","function":{"name":"weather","parameters":{}}}])"};
  auto whole = world.chat(tools);
  CHECK(whole.at("/choices/0/message/content") == "null");
  CHECK(whole.at("/choices/0/message/reasoning_content") == "Let me look.");
  CHECK(whole.at("/choices/0/message/tool_calls/0/id") == "c7");
  CHECK(whole.at("/choices/0/message/tool_calls/0/function/arguments") == R"({"city":1})");
  CHECK(whole.at("/choices/0/finish_reason") == "tool_calls");

  auto events = world.stream_chat(world.ada(), tools).rest();
  read_stream seen{events};
  CHECK(seen.reasoning == "Let me look.");
  CHECK(seen.finish_reason == "tool_calls");
  CHECK(seen.is_done);
  std::string called;
  for (const auto& event : events)
    if (event.data != "[DONE]" &&
        event.at("/choices/0/delta/tool_calls/0/function/name") == "weather")
      called = event.at("/choices/0/delta/tool_calls/0/function/arguments");
  CHECK(called == R"({"city":1})");
}

TEST_CASE("/v1: what is no good is refused in OpenAI's shape, before anything is spent") {
  v1_world world;
  auto check = [&](const http_answer& answer, int status, const std::string& code,
                   const std::string& param) {
    INFO(answer.body);
    CHECK(answer.status == status);
    CHECK(answer.at("/error/code") == code);
    CHECK(answer.at("/error/param") == param);
    CHECK(answer.at("/error/message") != "(absent)");
    CHECK(answer.at("/error/type") != "(absent)");
  };
  auto chat = [&](const std::string& body) {
    return world.post(world.ada(), "/v1/chat/completions", body);
  };
  check(world.ask("POST", nullptr, "/v1/chat/completions", world.chat_body()), 401,
        "invalid_api_key", "null");
  check(world.ask({"GET", "/v1/models", {}, {{"Authorization", "Bearer sk-wrong"}}}), 401,
        "invalid_api_key", "null");
  check(chat(R"({"model":"nobody","messages":[{"role":"user","content":"Hi"}]})"), 404,
        "model_not_found", "model");
  check(chat("{"), 400, "malformed_json", "null");
  check(chat(R"({"messages":[{"role":"user","content":"Hi"}]})"), 400, "missing_required_parameter",
        "model");
  check(chat(R"({"model":"scripted","messages":[]})"), 400, "missing_required_parameter",
        "messages");
  check(chat(world.chat_body(R"(,"temperature":"warm")")), 400, "invalid_type", "temperature");
  check(chat(world.chat_body(R"(,"temperature":3)")), 400, "invalid_value", "temperature");
  check(chat(world.chat_body(R"(,"stream":1)")), 400, "invalid_type", "stream");
  check(chat(world.chat_body(R"(,"n":2)")), 400, "unsupported_value", "n");
  check(chat(world.chat_body(R"(,"tools":[{"type":"function"}])")), 400,
        "missing_required_parameter", "tools[0].function");
  check(chat(R"({"model":"scripted","messages":[{"role":"user","content":[{"type":"image_url",)"
             R"("image_url":{"url":"http://10.0.0.1/x.png"}}]}]})"),
        400, "invalid_value", "messages[0].content[0].image_url");
  // What the guard refuses has the same shape.
  check(world.get(world.ada(), "/v1/nothing"), 404, "not_found", "null");
  check(world.get(world.ada(), "/v1/chat/completions"), 405, "method_not_allowed", "null");
  check(world.post(world.ada(), "/v1/chat/completions", "{}", {{"Content-Type", "text/plain"}}),
        415, "media_type", "null");
  CHECK(world.upstream().counts().requests == 0);
}

TEST_CASE("/v1: what the upstream refuses") {
  v1_world world;
  auto is_stream = GENERATE(false, true);
  auto play = [&](int status, const std::string& error, const std::string& headers = {}) {
    world.upstream_plays({send_bytes(
        whole_response(status, "application/json", R"({"error":)" + error + "}", headers))});
    return is_stream ? world.chat(R"(,"stream":true)") : world.chat();
  };
  SECTION("too often") {
    auto answer = play(429, R"({"code":"rate_limit_exceeded"})", "Retry-After: 7\r\n");
    CHECK(answer.status == 429);
    CHECK(answer.header("Retry-After") == "7");
    CHECK(answer.at("/error/code") == "rate_limit_exceeded");
    CHECK(answer.at("/error/type") == "rate_limit_error");
  }
  SECTION("too long") {
    auto answer = play(400, R"({"code":"context_length_exceeded","message":"m"})");
    CHECK(answer.status == 400);
    CHECK(answer.at("/error/code") == "context_length_exceeded");
  }
  SECTION("the model's own key, which is not the caller's") {
    auto answer = play(401, R"({"code":"invalid_api_key"})");
    CHECK(answer.status == 502);
    CHECK(answer.at("/error/code") == "upstream_auth");
  }
  SECTION("a fault") {
    auto answer = play(500, R"({"message":"canary"})");
    CHECK(answer.status == 502);
    CHECK(answer.at("/error/type") == "server_error");
    CHECK(answer.body.find("canary") == std::string::npos);
  }
}

TEST_CASE("/v1: an upstream that breaks after its first byte is never a clean end") {
  v1_world world;
  auto how = GENERATE(0, 1);
  world.upstream_plays({send_bytes(stream_head()),
                        send_bytes(stream_chunk(content_chunk("Once upon"))),
                        how == 0 ? close_now() : reset_now()});
  auto events = world.stream_chat(world.ada()).rest();
  REQUIRE(events.size() >= 2);
  CHECK(events.back().at("/error/type") == "server_error");
  for (const auto& event : events) {
    CHECK(event.data != "[DONE]");
    if (event.at("/error") == "(absent)") CHECK(event.at("/choices/0/finish_reason") == "null");
  }
  auto whole = world.chat();
  CHECK(whole.status == 502);
  CHECK(whole.at("/error/type") == "server_error");
}

TEST_CASE("/v1: an upstream that tells no usage is counted, and marked nowhere") {
  v1_world world;
  world.upstream_plays(
      events_of({content_chunk("Hello there, how are you?"), finish_chunk(), done_chunk()}));
  auto reply = world.chat();
  CHECK(std::stoi(reply.at("/usage/prompt_tokens")) > 0);
  CHECK(std::stoi(reply.at("/usage/completion_tokens")) > 3);
}

TEST_CASE("/v1: a client that goes takes its call along") {
  v1_world world{patient};
  world.upstream_plays(held_reply_of({"one", "two"}));
  SECTION("amid a stream") {
    world.upstream().release();
    auto stream = world.stream_chat(world.ada());
    CHECK(stream.next().has_value());
    stream.drop();
    CHECK(world.upstream().wait_for_no_connection());
  }
  SECTION("before the first token, streamed or not") {
    auto more = GENERATE(as<std::string>{}, "", R"(,"stream":true)");
    http_connection connection{world.port()};
    connection.send(http_request{
        "POST", "/v1/chat/completions", world.chat_body(more), {authorization(world.ada())}});
    REQUIRE(world.wait_for_requests(1));
    connection.drop();
    CHECK(world.upstream().wait_for_no_connection());
  }
}

TEST_CASE("/v1: calls count among a user's streams, and end with the login") {
  auto settings = patient;
  settings.emplace_back("streams-per-user-max", "1");
  v1_world world{settings};
  auto eve = world.add_user("eve");
  world.upstream_plays(held_reply_of({"one", "two"}));
  world.upstream().release();
  auto stream = world.stream_chat(eve);
  CHECK(stream.next().has_value());
  auto refused = world.post(eve, "/v1/chat/completions", world.chat_body());
  CHECK(refused.status == 429);
  CHECK(refused.at("/error/code") == "rate_limit_exceeded");
  CHECK(refused.header("Retry-After") != "(absent)");
  CHECK(world.post(eve, "/api/chat/stream", R"({"content":"Hi"})").status == 429);

  CHECK(world.post(eve, "/api/auth/logout", "{}").status == 204);
  auto rest = stream.rest();
  REQUIRE_FALSE(rest.empty());
  CHECK(rest.back().at("/error/code") == "invalid_api_key");
  CHECK(world.upstream().wait_for_no_connection());
  CHECK(world.post(eve, "/v1/chat/completions", world.chat_body()).status == 401);
}

TEST_CASE("/v1: a call that is over makes room for the next") {
  v1_world world{{{"streams-per-user-max", "1"}}};
  for (int i = 0; i < 5; ++i) {
    CHECK(world.chat().status == 200);
    CHECK(world.chat(R"(,"stream":true)").status == 200);
    CHECK(world.chat(R"(,"n":7)").status == 400);
  }
}
