#include "tests/actors/provider_world.hpp"

using namespace parley;
using namespace parley::test;

TEST_CASE("a call becomes deltas and one end", "[provider]") {
  scripted_upstream server{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto call = w.run(w.order(server, w.make_sink()));
  CHECK(call.reasoning == "hm");
  CHECK(call.text == "Hello, you");
  // One for each read; on a busy machine both pieces may come with one.
  CHECK((call.deltas == 1 || call.deltas == 2));
  CHECK(call.is_on_loop);
  REQUIRE(call.finished.size() == 1);
  CHECK(call.failed.empty());
  CHECK(call.finished[0].reason == finish_reason::stop);
  REQUIRE(call.finished[0].used);
  CHECK(call.finished[0].used->prompt_tokens == 9);
  auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].substr(0, 31) == "POST /v1/chat/completions HTTP/");
  CHECK(requests[0].find("\r\nAuthorization: Bearer sk-canary-0123456789\r\n") !=
        std::string::npos);
}

TEST_CASE("the next call uses the connection again", "[provider]") {
  scripted_upstream server{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto sink = w.make_sink();
  for (int i = 0; i < 3; ++i) {
    CHECK(w.run(w.order(server, sink)).finished.size() == 1);
    // The end of the response is still on its way when the reply is complete.
    std::this_thread::sleep_for(20ms);
  }
  CHECK(server.counts().accepted == 1);
}

TEST_CASE("a key opens only for its own row, owner and origin", "[provider]") {
  scripted_upstream server{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto stolen = w.order(server, w.make_sink());
  SECTION("another row") {
    stolen.model.id = model_id::make();
  }
  SECTION("another origin") {
    stolen.model.sealed_key = w.sealed("sk", stolen.model, "http://127.0.0.1:1");
  }
  SECTION("damaged") {
    stolen.model.sealed_key.back() ^= 1;
  }
  auto call = w.run(stolen);
  CHECK(reason_of(call) == "key_unreadable");
  CHECK(server.counts().accepted == 0);
}

TEST_CASE("a personal model does not reach private addresses", "[provider]") {
  scripted_upstream server{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto order = w.order(server, w.make_sink());
  order.model.owner_id = user_id::make();
  CHECK(reason_of(w.run(order)) == "upstream_not_allowed");
  order.call = make_call_id();
  order.model.base_url = "https://localhost/v1";
  order.model.sealed_key.clear();
  CHECK(reason_of(w.run(order)) == "upstream_not_allowed");
  CHECK(server.counts().accepted == 0);
}

TEST_CASE("what passes is tried again before the first token", "[provider]") {
  scripted_upstream server{[n = 0](const std::string&) mutable {
    ++n;
    if (n == 1) return script{send_bytes(whole_response(503, "text/plain", "canary"))};
    if (n == 2)
      return script{send_bytes(
          whole_response(429, "application/json", R"({"error":{}})", "Retry-After: 1\r\n"))};
    return good_reply();
  }};
  provider_world w;
  auto call = w.run(w.order(server, w.make_sink()));
  CHECK(call.text == "Hello, you");
  CHECK(call.ends() == 1);
  CHECK(server.counts().requests == 3);
}

TEST_CASE("what does not pass is not tried again", "[provider]") {
  SECTION("refused") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(whole_response(401, "application/json", R"({"error":"canary"})"))};
    }};
    provider_world w;
    auto call = w.run(w.order(server, w.make_sink()));
    CHECK(reason_of(call) == "upstream_auth");
    CHECK(describe(call.failed[0].cause).find("canary") == std::string::npos);
    CHECK(server.counts().requests == 1);
  }
  SECTION("always overloaded") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(whole_response(529, "text/plain", ""))};
    }};
    provider_world w;
    auto call = w.run(w.order(server, w.make_sink()));
    CHECK(reason_of(call) == "upstream_overloaded");
    CHECK(server.counts().requests == 3);
  }
  SECTION("after a token") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(stream_head()),
                    send_bytes(stream_chunk(event(R"({"content":"par"})"))), pause_for(10ms),
                    reset_now()};
    }};
    provider_world w;
    auto call = w.run(w.order(server, w.make_sink()));
    CHECK(call.text == "par");
    CHECK(reason_of(call) == "upstream_broken");
    CHECK(call.ends() == 1);
    CHECK(server.counts().requests == 1);
  }
  SECTION("a fault in the stream") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(stream_head()),
                    send_bytes(stream_chunk("data: {\"error\":{\"message\":\"canary\"}}\n\n")),
                    hang()};
    }};
    provider_world w;
    CHECK(reason_of(w.run(w.order(server, w.make_sink()))) == "upstream_error");
    CHECK(server.wait_for_no_connection());
  }
}

TEST_CASE("a cancelled call is silent and its socket closed", "[provider]") {
  scripted_upstream server{[](const std::string&) {
    return script{send_bytes(stream_head()), send_bytes(stream_chunk(event(R"({"content":"x"})"))),
                  hang()};
  }};
  provider_world w;
  auto order = w.order(server, w.make_sink());
  caf::anon_send(w.provider, order);
  CHECK(w.ears.wait_until([&] { return w.ears.calls[order.call].deltas > 0; }));
  caf::anon_send(w.provider, cancel_call{order.call});
  caf::anon_send(w.provider, cancel_call{order.call + 1000});
  CHECK(server.wait_for_no_connection());
  CHECK(w.ears.look(order.call).ends() == 0);
}

TEST_CASE("a sink that ends takes its calls along, and only its own", "[provider]") {
  scripted_upstream server{[](const std::string&) {
    return script{send_bytes(stream_head()), send_bytes(stream_chunk(event(R"({"content":"x"})"))),
                  hang()};
  }};
  provider_world w;
  auto leaving = w.make_sink();
  auto staying = w.make_sink();
  std::vector<complete> orders{w.order(server, leaving), w.order(server, leaving),
                               w.order(server, staying)};
  for (auto& order : orders) {
    caf::anon_send(w.provider, order);
    CHECK(w.ears.wait_until([&] { return w.ears.calls[order.call].deltas > 0; }));
  }
  caf::anon_send(w.provider, cancel_call{orders[0].call});
  while (server.counts().open != 2) std::this_thread::sleep_for(2ms);
  caf::anon_send_exit(leaving, caf::exit_reason::user_shutdown);
  while (server.counts().open != 1) std::this_thread::sleep_for(2ms);
  std::this_thread::sleep_for(20ms);
  CHECK(server.counts().open == 1);
}

TEST_CASE("when the node stops every call fails as draining", "[provider]") {
  scripted_upstream server{[](const std::string&) { return script{hang()}; }};
  provider_world w;
  auto sink = w.make_sink();
  auto first = w.order(server, sink);
  auto second = w.order(server, sink);
  caf::anon_send(w.provider, first);
  caf::anon_send(w.provider, second);
  caf::anon_send(w.provider, fail_calls{});
  CHECK(reason_of(w.ears.wait_for_end(first.call)) == "draining");
  CHECK(reason_of(w.ears.wait_for_end(second.call)) == "draining");
  CHECK(server.wait_for_no_connection());
}

TEST_CASE("a running call ticks each second, a finished one does not", "[provider]") {
  scripted_upstream server{[](const std::string&) {
    return script{send_bytes(stream_head()), pause_for(1300ms),
                  send_bytes(stream_chunk("data: [DONE]\n\n")), send_bytes(stream_end())};
  }};
  provider_world w;
  auto order = w.order(server, w.make_sink());
  auto call = w.run(order);
  CHECK(call.finished.size() == 1);
  CHECK(call.ticks == 1);
}

TEST_CASE("an unknown provider and an unreachable one fail plainly", "[provider]") {
  scripted_upstream server{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto order = w.order(server, w.make_sink());
  order.model.provider = "telepathy";
  CHECK(reason_of(w.run(order)) == "provider_unknown");
}

TEST_CASE("a key that the upstream says aloud is not passed on", "[provider]") {
  auto key = std::string{"sk-canary-0123456789"};
  scripted_upstream server{[&](const std::string&) {
    script steps{send_bytes(stream_head()),
                 send_bytes(stream_chunk(event("{\"reasoning_content\":\"I got " + key + "\"}")))};
    for (auto& piece : {"You sent sk-can", "ary-012", "3456789.", " Bye, sk-canary"})
      steps.push_back(
          send_bytes(stream_chunk(event("{\"content\":\"" + std::string{piece} + "\"}"))));
    steps.push_back(send_bytes(stream_chunk(event("{}", "\"stop\"") + "data: [DONE]\n\n")));
    steps.push_back(send_bytes(stream_end()));
    return steps;
  }};
  provider_world w;
  auto call = w.run(w.order(server, w.make_sink()));
  CHECK(call.finished.size() == 1);
  CHECK(call.reasoning == "I got [API key]");
  CHECK(call.text == "You sent [API key]. Bye, sk-canary");
}

TEST_CASE("what is held back is told when the call breaks", "[provider]") {
  scripted_upstream server{[&](const std::string&) {
    return script{send_bytes(stream_head()),
                  send_bytes(stream_chunk(event(R"({"content":"It was sk-canary-01"})"))),
                  close_now()};
  }};
  provider_world w;
  auto call = w.run(w.order(server, w.make_sink()));
  CHECK(call.failed.size() == 1);
  CHECK(call.text == "It was sk-canary-01");
}
