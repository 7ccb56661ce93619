#include "providers/upstream.hpp"

#include "providers/transfer.hpp"
#include "tests/unit/providers/upstream_world.hpp"

using namespace parley;
using namespace parley::test;

TEST_CASE("a call sends its request and passes on the response", "[upstream]") {
  scripted_upstream server{[](const std::string&) {
    return stream_of({"data: a\n\n", "data: b\n\n"});
  }};
  upstream_world w;
  auto call = w.run(request_to(server.url(), R"({"model":"m"})"));
  CHECK(call.heads == 1);
  CHECK(call.head.status == 200);
  CHECK(call.head.content_type == "text/event-stream");
  CHECK(call.bytes == "data: a\n\ndata: b\n\n");
  CHECK(call.reason() == "");
  CHECK_FALSE(call.end->fault);
  auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  auto& request = requests[0];
  CHECK(request.substr(0, 24) == "POST /v1/chat HTTP/1.1\r\n");
  CHECK(request.find("\r\nAuthorization: Bearer sk-canary-0123456789\r\n") != request.npos);
  CHECK(request.find("\r\nContent-Type: application/json\r\n") != request.npos);
  CHECK(request.find("Expect") == request.npos);
  CHECK(request.find("Accept-Encoding") == request.npos);
  CHECK(request.substr(request.size() - 17) == "\r\n\r\n{\"model\":\"m\"}");
  CHECK(w.running() == 0);
}

TEST_CASE("a large body arrives whole", "[upstream]") {
  scripted_upstream server{[](const std::string&) {
    return script{send_bytes(whole_response(200, "application/json", "{}"))};
  }};
  upstream_world w;
  std::string body(3 << 20, 'x');
  for (size_t i = 0; i < body.size(); i += 1021) body[i] = static_cast<char>('a' + i % 26);
  auto call = w.run(request_to(server.url(), body));
  CHECK(call.bytes == "{}");
  auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].size() > body.size());
  CHECK(requests[0].substr(requests[0].size() - body.size()) == body);
}

TEST_CASE("connections are used again, and a dead one is replaced", "[upstream]") {
  scripted_upstream server{[n = 0](const std::string&) mutable {
    ++n;
    auto steps = stream_of({"data: x\n\n"});
    if (n == 3) steps.push_back(close_now());
    return steps;
  }};
  upstream_world w;
  for (int i = 0; i < 3; ++i) CHECK_FALSE(w.run(request_to(server.url())).end->fault);
  CHECK(server.counts().accepted == 1);
  CHECK(server.wait_for_no_connection());
  CHECK_FALSE(w.run(request_to(server.url())).end->fault);
  CHECK(server.counts().accepted == 2);
  CHECK(server.counts().requests == 4);
}

TEST_CASE("a request that meets a dying connection is sent again, body and all", "[upstream]") {
  // The server closes on the second request without a byte of answer: nobody has seen an answer, so
  // libcurl repeats it on a new connection.
  scripted_upstream server{[n = 0](const std::string&) mutable {
    return ++n == 2 ? script{close_now()} : stream_of({"data: x\n\n"});
  }};
  upstream_world w;
  CHECK_FALSE(w.run(request_to(server.url(), "first")).end->fault);
  auto second = w.run(request_to(server.url(), "second"));
  CHECK_FALSE(second.end->fault);
  CHECK(second.bytes == "data: x\n\n");
  auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[2].substr(requests[2].size() - 6) == "second");
}

TEST_CASE("a cancelled call closes its socket and is silent", "[upstream]") {
  SECTION("before the first byte") {
    scripted_upstream server{[](const std::string&) { return script{hang()}; }};
    upstream_world w;
    auto id = w.start(request_to(server.url()));
    while (server.counts().requests == 0) std::this_thread::sleep_for(1ms);
    w.on_loop([&] { w.calls->cancel(id); });
    CHECK(server.wait_for_no_connection());
    CHECK(w.look(id).ends == 0);
    CHECK(w.running() == 0);
  }
  SECTION("at once") {
    scripted_upstream server{[](const std::string&) { return script{hang()}; }};
    upstream_world w;
    w.on_loop([&] {
      auto id = w.calls->start(request_to(server.url()), w);
      w.calls->cancel(*id);
      w.calls->cancel(*id);
      w.calls->cancel(777);
    });
    CHECK(server.wait_for_no_connection());
    CHECK(w.running() == 0);
  }
  SECTION("from within its own callback") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(stream_head()), send_endlessly(stream_chunk("data: a\n\n"))};
    }};
    upstream_world w;
    w.on_bytes_hook = [&](upstream_call_id id) { w.calls->cancel(id); };
    auto id = w.start(request_to(server.url()));
    CHECK(w.wait_until([&] { return w.seen[id].rounds > 0; }));
    CHECK(server.wait_for_no_connection());
    CHECK(w.look(id).rounds == 1);
    CHECK(w.look(id).ends == 0);
  }
}

TEST_CASE("a drained call is silent and keeps its connection", "[upstream]") {
  scripted_upstream server{[](const std::string&) {
    return script{send_bytes(stream_head()), send_bytes(stream_chunk("data: [DONE]\n\n")),
                  pause_for(30ms), send_bytes(stream_chunk(": bye\n\n") + stream_end())};
  }};
  upstream_world w;
  w.on_bytes_hook = [&](upstream_call_id id) { w.calls->drain(id); };
  auto id = w.start(request_to(server.url()));
  CHECK(w.wait_until([&] { return w.seen[id].rounds > 0; }));
  while (w.running() > 0) std::this_thread::sleep_for(2ms);
  CHECK(w.look(id).bytes == "data: [DONE]\n\n");
  CHECK(w.look(id).ends == 0);
  auto second = w.start(request_to(server.url()));
  CHECK(w.wait_until([&] { return w.seen[second].rounds > 0; }));
  CHECK(server.counts().accepted == 1);
}

TEST_CASE("addresses are checked when a name has been looked up", "[upstream]") {
  scripted_upstream server{[](const std::string&) { return stream_of({"data: secret\n\n"}); }};
  upstream_world w;
  auto request = request_to("http://localhost:" + std::to_string(server.port()));
  auto policy = std::make_shared<address_policy>();
  policy->ports = {server.port()};
  request.policy = policy;
  auto call = w.run(std::move(request));
  CHECK(call.reason() == "upstream_not_allowed");
  CHECK(code_of(call.end->fault) == errc::invalid_input);
  CHECK_FALSE(call.end->was_sent);
  CHECK(server.counts().accepted == 0);
}

TEST_CASE("addresses are checked again when a connection is reused", "[upstream]") {
  scripted_upstream server{[](const std::string&) { return stream_of({"data: x\n\n"}); }};
  upstream_world w;
  auto listed = std::make_shared<address_policy>();
  listed->networks = {*allowed_network::parse("127.0.0.1:" + std::to_string(server.port()))};
  auto first = request_to(server.url());
  first.policy = listed;
  auto listed_call = w.run(std::move(first));
  CHECK_FALSE(listed_call.end->fault);
  auto second = request_to(server.url());
  second.policy = std::make_shared<address_policy>();
  auto other_call = w.run(std::move(second));
  CHECK(other_call.reason() == "upstream_not_allowed");
  CHECK(server.counts().requests == 1);
  // An admin's call succeeds, on a connection of its own.
  CHECK_FALSE(w.run(request_to(server.url())).end->fault);
  CHECK(server.counts().accepted == 2);
}

TEST_CASE("statuses, redirects and Retry-After reach the owner untouched", "[upstream]") {
  scripted_upstream server{[n = 0](const std::string&) mutable {
    return ++n == 1 ? script{send_bytes(
                          whole_response(429, "Application/JSON; a=b", "{}", "Retry-After: 7\r\n"))}
                    : script{send_bytes(
                          "HTTP/1.1 102 Processing\r\n\r\n" +
                          whole_response(302, "text/html", "", "Location: /elsewhere\r\n"))};
  }};
  upstream_world w;
  auto limited = w.run(request_to(server.url()));
  CHECK(limited.head.status == 429);
  CHECK(limited.head.retry_after_s == 7);
  CHECK(limited.head.content_type == "application/json");
  auto moved = w.run(request_to(server.url()));
  CHECK(moved.head.status == 302);
  CHECK(moved.head.retry_after_s == 0);
  CHECK(server.counts().requests == 2);
}

TEST_CASE("a response that was compressed unasked is not unpacked", "[upstream]") {
  // What a bomb of a gigabyte would begin with: its size on the wire is its size here.
  std::string packed{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10};
  scripted_upstream server{[&](const std::string&) {
    return script{
        send_bytes(whole_response(200, "text/event-stream", packed, "Content-Encoding: gzip\r\n"))};
  }};
  upstream_world w;
  auto call = w.run(request_to(server.url()));
  CHECK_FALSE(call.end->fault);
  CHECK(call.bytes == packed);
}

TEST_CASE("Retry-After is seconds or a date", "[upstream]") {
  CHECK(parse_retry_after("0", 0) == 0);
  CHECK(parse_retry_after("120", 0) == 120);
  CHECK(parse_retry_after("1.5", 0) == 1);
  CHECK(parse_retry_after("99999999999999999999999", 0) == 86400);
  CHECK(parse_retry_after("-5", 0) == 0);
  CHECK(parse_retry_after("soon", 0) == 0);
  CHECK(parse_retry_after("", 0) == 0);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 - 30) == 30);
  CHECK(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111777 + 30) == 0);
}

TEST_CASE("a header that could smuggle another is not sent", "[upstream]") {
  scripted_upstream server{[](const std::string&) { return stream_of({}); }};
  upstream_world w;
  auto request = request_to(server.url());
  request.auth_header = secret_text{"Authorization: Bearer a\r\nX-Evil: 1"};
  auto call = w.run(std::move(request));
  CHECK(call.end->fault);
  CHECK(server.counts().requests == 0);
}

TEST_CASE("five hundred calls at once on one thread", "[upstream]") {
  scripted_upstream server{[](const std::string&) {
    script steps{send_bytes(stream_head())};
    for (int i = 0; i < 5; ++i) {
      steps.push_back(pause_for(10ms));
      steps.push_back(send_bytes(stream_chunk("data: " + std::to_string(i) + "\n\n")));
    }
    steps.push_back(send_bytes(stream_end()));
    return steps;
  }};
  upstream_world w;
  std::vector<upstream_call_id> ids;
  // By name, so that look-ups have to wait for each other.
  auto url = "http://localhost:" + std::to_string(server.port());
  for (int i = 0; i < 500; ++i) ids.push_back(w.start(request_to(url)));
  for (auto id : ids) {
    auto call = w.wait_for_end(id);
    CHECK_FALSE(call.end->fault);
    CHECK(call.bytes == "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n");
    CHECK(call.ends == 1);
  }
  CHECK(w.running() == 0);
  CHECK(server.counts().requests == 500);
}

TEST_CASE("what one round of reading brings arrives as one piece", "[upstream]") {
  std::string chunks;
  for (int i = 0; i < 10; ++i) chunks += stream_chunk("data: x\n\n");
  scripted_upstream server{[&](const std::string&) {
    return script{send_bytes(stream_head()), pause_for(20ms), send_bytes(chunks), pause_for(20ms),
                  send_bytes(stream_end())};
  }};
  upstream_world w;
  auto call = w.run(request_to(server.url()));
  CHECK(call.bytes.size() == 90);
  CHECK(call.rounds == 1);
}

TEST_CASE("a call that is paused reads nothing until it goes on", "[upstream]") {
  const auto chunk = stream_chunk("data: " + std::string(1000, 'a') + "\n\n");
  SECTION("an endless answer stands still, also for longer than an idle one may") {
    scripted_upstream server{[&](const std::string&) {
      return script{send_bytes(stream_head()), send_endlessly(chunk)};
    }};
    upstream_world w{{.idle_ms = 300}};
    auto id = w.start(request_to(server.url()));
    REQUIRE(w.wait_until([&] { return w.seen[id].rounds > 3; }));
    w.on_loop([&] { w.calls->pause(id, true); });
    // What one round of the loop had read may still come.
    std::this_thread::sleep_for(50ms);
    auto before = w.look(id).bytes.size();
    std::this_thread::sleep_for(600ms);
    CHECK(w.look(id).bytes.size() == before);
    CHECK(w.look(id).ends == 0);
    w.on_loop([&] { w.calls->pause(id, false); });
    CHECK(w.wait_until([&] { return w.seen[id].bytes.size() > before + 100'000; }));
    w.on_loop([&] {
      w.calls->pause(id, true);
      w.calls->pause(id, false);
      w.calls->pause(id, true);
      w.calls->pause(id, false);
    });
    auto then = w.look(id).bytes.size();
    CHECK(w.wait_until([&] { return w.seen[id].bytes.size() > then + 100'000; }));
    w.on_loop([&] { w.calls->cancel(id); });
    CHECK(server.wait_for_no_connection());
  }
  SECTION("nothing of it is lost, and its connection serves the next call") {
    std::vector<std::string> chunks;
    for (int i = 0; i < 200; ++i) chunks.push_back("data: " + std::to_string(i) + "\n\n");
    scripted_upstream server{[&](const std::string&) { return stream_of(chunks); }};
    upstream_world w;
    std::string whole;
    for (const auto& each : chunks) whole += each;
    for (int i = 0; i < 3; ++i) {
      std::atomic<bool> is_paused = false;
      w.on_bytes_hook = [&](upstream_call_id id) {
        if (is_paused.exchange(true)) return;
        w.loop.post([&w, id] { w.calls->pause(id, true); });
      };
      auto id = w.start(request_to(server.url()));
      REQUIRE(w.wait_until([&] { return w.seen[id].rounds > 0; }));
      std::this_thread::sleep_for(20ms);
      w.on_loop([&] { w.calls->pause(id, false); });
      CHECK(w.wait_for_end(id).bytes == whole);
    }
    CHECK(server.counts().accepted == 1);
  }
  SECTION("its whole time runs on") {
    scripted_upstream server{[&](const std::string&) {
      return script{send_bytes(stream_head()), send_endlessly(chunk)};
    }};
    upstream_world w{{.total_ms = 500}};
    auto id = w.start(request_to(server.url()));
    REQUIRE(w.wait_until([&] { return w.seen[id].rounds > 0; }));
    w.on_loop([&] { w.calls->pause(id, true); });
    CHECK(w.wait_for_end(id).reason() == "upstream_timeout");
    // A handle that stood still is not used again.
    CHECK(w.run(request_to(server.url())).reason() == "upstream_timeout");
  }
}

TEST_CASE("calls that bring much take turns with all others", "[upstream]") {
  scripted_upstream much{[](const std::string&) {
    return script{send_bytes(stream_head()),
                  send_endlessly(stream_chunk("data: " + std::string(60'000, 'a') + "\n\n"))};
  }};
  scripted_upstream little{[](const std::string&) {
    script steps{send_bytes(stream_head())};
    for (int i = 0; i < 100; ++i) {
      steps.push_back(pause_for(2ms));
      steps.push_back(send_bytes(stream_chunk("data: b\n\n")));
    }
    steps.push_back(send_bytes(stream_end()));
    return steps;
  }};
  upstream_world w;
  std::map<upstream_call_id, size_t> brought;
  size_t round_bytes = 0;
  size_t round_bytes_max = 0;
  std::chrono::steady_clock::time_point round;
  w.on_bytes_hook = [&](upstream_call_id id) {
    if (std::exchange(round, w.loop.now()) != w.loop.now()) round_bytes = 0;
    auto all = w.seen[id].bytes.size();
    round_bytes += all - std::exchange(brought[id], all);
    round_bytes_max = std::max(round_bytes_max, round_bytes);
  };
  std::vector<upstream_call_id> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(w.start(request_to(much.url())));
  auto small = w.wait_for_end(w.start(request_to(little.url())));
  CHECK_FALSE(small.end->fault);
  CHECK(small.bytes.size() == 900);
  // Twice what a round has room for, and what one read more brought.
  CHECK(w.on_loop([&] { return round_bytes_max; }) < size_t{256} << 10);
  for (auto id : ids) {
    CHECK(w.look(id).bytes.size() > size_t{100} << 10);
    w.on_loop([&] { w.calls->cancel(id); });
  }
}
