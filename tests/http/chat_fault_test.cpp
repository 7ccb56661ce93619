// Upstreams that fail: each reply ends with exactly one `error` and one `done`, and what was said
// before stays.
#include <thread>

#include "actors/edge.hpp"
#include "tests/support/actor_world.hpp"
#include "tests/support/node_world.hpp"

using namespace parley::test;
using namespace std::chrono_literals;

namespace {

struct fault_world : node_world {
  std::string model = add_model();
  std::string session = add_session(ada());
  explicit fault_world(setting_list more = {}) : node_world(std::move(more)) {}
};

struct bad_upstream {
  std::string name;
  script steps;
  std::string code;
  std::string reason;
  std::string partial;
};

script after_text(std::vector<script_step> more) {
  script steps{send_bytes(stream_head()), send_bytes(stream_chunk(content_chunk("so far")))};
  steps.insert(steps.end(), more.begin(), more.end());
  return steps;
}

/// A turn against it, checked from the first event to what is stored.
void check_turn(fault_world& world, const bad_upstream& bad) {
  INFO(bad.name);
  world.upstream_plays(bad.steps);
  auto stream = world.say_hi(world.ada(), world.session);
  REQUIRE(stream.is_stream());
  auto events = stream.rest();
  CHECK(stream.is_whole());
  auto names = names_of(events);
  CHECK(names ==
        (bad.partial.empty() ? "start usage error done" : "start part delta usage error done"));
  auto is_error = [](const auto& event) { return event.name == "error"; };
  auto is_done = [](const auto& event) { return event.name == "done"; };
  REQUIRE(std::count_if(events.begin(), events.end(), is_error) == 1);
  REQUIRE(std::count_if(events.begin(), events.end(), is_done) == 1);
  auto& error = events[events.size() - 2];
  CHECK(error.at("/code") == bad.code);
  CHECK(error.at("/reason") == bad.reason);
  CHECK(error.at("/requestId") == stream.head().header("X-Request-Id"));
  CHECK(error.data.find("canary") == std::string::npos);
  CHECK(text_of(events) == bad.partial);
  auto status = bad.partial.empty() ? "error" : "interrupted";
  CHECK(events.back().at("/status") == status);
  CHECK(events.back().id == error.id + 1);

  auto id = events.front().at("/messageId");
  auto stored = world.message(world.ada(), world.session, id);
  CHECK(stored.at("/status") == status);
  CHECK(stored.at("/content") == bad.partial);
  CHECK(stored.at("/error/reason") == bad.reason);
  auto asked = world.message(world.ada(), world.session, events.front().at("/userMessageId"));
  CHECK(asked.at("/content") == "Hi");
  // Whoever comes later is told the same.
  auto again = world.follow(world.ada(), id).rest();
  CHECK(names_of(again) == names);
  CHECK(again.back().id == events.back().id);
}

}  // namespace

TEST_CASE("an upstream that breaks before its first token") {
  fault_world world;
  auto answer = [](int status, const std::string& type, const std::string& body) {
    return script{send_bytes(whole_response(status, type, body))};
  };
  auto refusal = [&](int status) {
    return answer(status, "application/json", R"({"error":{"message":"canary"}})");
  };
  for (const auto& bad : {
           bad_upstream{"closes", {close_now()}, "provider_failed", "upstream_broken", ""},
           bad_upstream{"resets", {reset_now()}, "provider_failed", "upstream_broken", ""},
           bad_upstream{"is silent", {hang()}, "timeout", "upstream_timeout", ""},
           bad_upstream{"a page", answer(200, "text/html", "<html>canary</html>"),
                        "provider_failed", "upstream_broken", ""},
           bad_upstream{"no HTTP",
                        {send_bytes("canary canary\r\n\r\n"), close_now()},
                        "provider_failed",
                        "upstream_broken",
                        ""},
           bad_upstream{"wrong key", refusal(401), "provider_refused", "upstream_auth", ""},
           bad_upstream{"too often", refusal(429), "rate_limited", "upstream_rate_limited", ""},
           bad_upstream{"broken", refusal(500), "provider_failed", "upstream_error", ""},
           bad_upstream{"a filter",
                        {send_bytes(stream_head()),
                         send_bytes(stream_chunk(finish_chunk("content_filter") + done_chunk())),
                         send_bytes(stream_end())},
                        "provider_refused",
                        "upstream_content_filter",
                        ""},
           bad_upstream{
               "only head", {send_bytes(stream_head()), hang()}, "timeout", "upstream_timeout", ""},
           bad_upstream{"empty stream",
                        {send_bytes(stream_head() + stream_end())},
                        "provider_failed",
                        "upstream_broken",
                        ""},
       })
    check_turn(world, bad);
}

TEST_CASE("an upstream that breaks amid its text") {
  fault_world world;
  for (const auto& bad : {
           bad_upstream{"closes", after_text({close_now()}), "provider_failed", "upstream_broken",
                        "so far"},
           bad_upstream{"resets", after_text({pause_for(20ms), reset_now()}), "provider_failed",
                        "upstream_broken", "so far"},
           bad_upstream{"hangs", after_text({hang()}), "timeout", "upstream_timeout", "so far"},
           bad_upstream{"ends too early", after_text({send_bytes(stream_end())}), "provider_failed",
                        "upstream_broken", "so far"},
           bad_upstream{"no JSON", after_text({send_bytes(stream_chunk("data: {canary\n\n"))}),
                        "provider_failed", "upstream_broken", "so far"},
           bad_upstream{"a filter",
                        after_text({send_bytes(stream_chunk(finish_chunk("content_filter") +
                                                            usage_chunk(7, 3) + done_chunk())),
                                    send_bytes(stream_end())}),
                        "provider_refused", "upstream_content_filter", "so far"},
           bad_upstream{"an error",
                        after_text({send_bytes(stream_chunk(
                            "data: {\"error\":{\"message\":\"canary\",\"code\":500}}\n\n"))}),
                        "provider_failed", "upstream_error", "so far"},
       })
    check_turn(world, bad);
}

TEST_CASE("an upstream that is not there") {
  fault_world world;
  uint16_t port = 0;
  {
    scripted_upstream gone{[](const std::string&) { return script{}; }};
    port = gone.port();
  }
  auto changed = world.patch(
      world.ada(), "/api/models/" + world.model,
      R"({"baseUrl":"http://127.0.0.1:)" + std::to_string(port) + R"(/v1","apiKey":"sk-other"})");
  REQUIRE(changed.status == 200);
  check_turn(world, {"refuses", {}, "provider_failed", "upstream_unreachable", ""});
}

TEST_CASE("a reply that failed, asked for whole, tells how") {
  fault_world world;
  world.upstream_plays(after_text({close_now()}));
  auto answer = world.post(world.ada(), "/api/chat/stream",
                           R"({"sessionId":")" + world.session + R"(","content":"Hi"})",
                           {{"Accept", "application/json"}});
  CHECK(answer.status == 200);
  CHECK(answer.at("/status") == "interrupted");
  CHECK(answer.at("/content") == "so far");
  CHECK(answer.at("/error/code") == "provider_failed");
}

TEST_CASE("a reply that failed tells for how long the provider wants to be left alone") {
  fault_world world{{{"upstream-retries-max", "0"}}};
  auto busy = [](const std::string& headers) {
    return script{send_bytes(whole_response(429, "application/json", "{}", headers))};
  };
  world.upstream_plays(busy("Retry-After: 7\r\n"));
  auto events = world.say_hi(world.ada(), world.session).rest();
  CHECK(names_of(events) == "start usage error done");
  CHECK(events[events.size() - 2].at("/retryAfterMs") == "7000");
  auto id = events.front().at("/messageId");
  CHECK(world.message(world.ada(), world.session, id).at("/error/retryAfterMs") == "7000");
  auto again = world.follow(world.ada(), id).rest();
  CHECK(again[again.size() - 2].at("/retryAfterMs") == "7000");

  world.upstream_plays(busy({}));
  events = world.say_hi(world.ada(), world.session).rest();
  CHECK(events[events.size() - 2].at("/retryAfterMs") == "(absent)");
}

TEST_CASE("an upstream that is busy is asked again") {
  fault_world world{{{"upstream-retries-max", "1"}}};
  world.upstream_plays_once(
      {send_bytes(whole_response(503, "application/json", R"({"error":{"message":"busy"}})"))});
  auto events = world.say_hi(world.ada(), world.session).rest();
  CHECK(names_of(events) == "start part delta usage done");
  CHECK(text_of(events) == "Hello, world!");
  CHECK(world.upstream().counts().requests == 2);
}

TEST_CASE("a model that refuses in its own words has answered") {
  fault_world world;
  world.upstream_plays(
      {send_bytes(stream_head()),
       send_bytes(stream_chunk(
           R"(data: {"choices":[{"index":0,"delta":{"refusal":"I won't."},"finish_reason":null}]})"
           "\n\n" +
           finish_chunk("content_filter") + done_chunk())),
       send_bytes(stream_end())});
  auto events = world.say_hi(world.ada(), world.session).rest();
  CHECK(events.back().at("/status") == "complete");
  auto stored = world.message(world.ada(), world.session, events.front().at("/messageId"));
  CHECK(stored.at("/parts/0/type") == "refusal");
  CHECK(stored.at("/parts/0/text") == "I won't.");
}

TEST_CASE("a reply that reached the model's limit says so") {
  fault_world world;
  world.upstream_plays({send_bytes(stream_head()),
                        send_bytes(stream_chunk(content_chunk("as much as") +
                                                finish_chunk("length") + done_chunk())),
                        send_bytes(stream_end())});
  auto events = world.say_hi(world.ada(), world.session).rest();
  CHECK(names_of(events) == "start part delta usage done");
  CHECK(events.back().at("/status") == "length");
  // The upstream told no usage: it is counted here.
  auto& usage = events[events.size() - 2];
  CHECK(usage.at("/source") == "estimated");
  CHECK(std::stoi(usage.at("/completionTokens")) > 0);
}

TEST_CASE("a reply longer than a reply may be is ended") {
  fault_world world;
  world.upstream_plays({send_bytes(stream_head()),
                        send_endlessly(stream_chunk(content_chunk(std::string(15'000, 'x'))))});
  auto events = world.say_hi(world.ada(), world.session).rest();
  CHECK(names_of(events) == "start part delta usage error done");
  CHECK(events.back().at("/status") == "interrupted");
  auto bytes_max = world.values().reply_bytes_max;
  CHECK(text_of(events).size() <= bytes_max);
  CHECK(text_of(events).size() > bytes_max - 200'000);
  CHECK(world.upstream().wait_for_no_connection());
}

TEST_CASE("an EDGE that an exception has ended listens again") {
  fault_world world{{{"io_threads", "1"}}};
  parley::tests::fail_next<parley::slice>("edge");
  try {
    world.say_hi(world.ada(), world.session).rest();
  } catch (const std::runtime_error&) {
    // The stream is cut.
  }
  CHECK(parley::handler_fault_hook.load() == nullptr);
  int status = 0;
  for (int tries = 0; status != 200 && tries < 1000; ++tries) {
    try {
      status = world.ask({"GET", "/healthz", {}, {}}).status;
    } catch (const std::runtime_error&) {
      std::this_thread::sleep_for(10ms);
    }
  }
  CHECK(status == 200);
}
