#include "tests/unit/providers/upstream_world.hpp"

#include <filesystem>

using namespace parley;
using namespace parley::test;

namespace {

size_t open_descriptors() {
  std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}

}  // namespace

TEST_CASE("an upstream that says nothing is given up", "[upstream]") {
  upstream_limits limits;
  limits.first_byte_ms = 60;
  limits.idle_ms = 60;
  SECTION("before the first byte") {
    scripted_upstream server{[](const std::string&) { return script{hang()}; }};
    upstream_world w{limits};
    auto call = w.run(request_to(server.url()));
    CHECK(call.reason() == "upstream_timeout");
    CHECK(code_of(call.end->fault) == errc::timeout);
    CHECK(call.end->was_sent);
    CHECK(call.heads == 0);
    CHECK(server.wait_for_no_connection());
  }
  SECTION("between two tokens") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(stream_head()), send_bytes(stream_chunk("data: a\n\n")), hang()};
    }};
    upstream_world w{limits};
    auto call = w.run(request_to(server.url()));
    CHECK(call.reason() == "upstream_timeout");
    CHECK(call.bytes == "data: a\n\n");
    CHECK(server.wait_for_no_connection());
  }
  SECTION("in the middle of the head") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes("HTTP/1.1 200 OK\r\nContent-"), hang()};
    }};
    upstream_world w{limits};
    CHECK(w.run(request_to(server.url())).reason() == "upstream_timeout");
  }
}

TEST_CASE("a thousand calls that hang are all freed in time, descriptors too", "[upstream]") {
  upstream_limits limits;
  limits.first_byte_ms = limits.idle_ms = 1'500;
  auto is_begun = GENERATE(false, true);  // silent at once, or amid the reply
  scripted_upstream server{[&](const std::string&) {
    if (!is_begun) return script{hang()};
    return script{send_bytes(stream_head()), send_bytes(stream_chunk("data: a\n\n")), hang()};
  }};
  upstream_world w{limits};
  auto descriptors = open_descriptors();
  std::vector<upstream_call_id> ids;
  for (int i = 0; i < 1'000; ++i) ids.push_back(w.start(request_to(server.url())));
  while (server.counts().requests < ids.size()) std::this_thread::sleep_for(1ms);
  // Each has had its request's time before now: none may need more than its limit and a second.
  auto asked = std::chrono::steady_clock::now();
  for (auto id : ids) {
    auto call = w.wait_for_end(id);
    CHECK(call.reason() == "upstream_timeout");
    CHECK(call.ends == 1);
    CHECK(call.bytes.empty() != is_begun);
  }
  CHECK(std::chrono::steady_clock::now() - asked < 2'500ms);
  CHECK(w.running() == 0);
  CHECK(server.wait_for_no_connection());
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE("a slow upstream is not cut while it goes on", "[upstream]") {
  upstream_limits limits;
  limits.idle_ms = 400;
  scripted_upstream server{[](const std::string&) {
    script steps{send_bytes(stream_head())};
    for (int i = 0; i < 12; ++i) {
      steps.push_back(pause_for(50ms));
      steps.push_back(send_bytes(stream_chunk("data: a\n\n")));
    }
    steps.push_back(send_bytes(stream_end()));
    return steps;
  }};
  upstream_world w{limits};
  auto call = w.run(request_to(server.url()));
  CHECK_FALSE(call.end->fault);
  CHECK(call.bytes.size() == 12 * 9);
}

TEST_CASE("no call lasts for ever, even if bytes keep coming", "[upstream]") {
  upstream_limits limits;
  limits.total_ms = 150;
  scripted_upstream server{[](const std::string&) {
    script steps{send_bytes(stream_head())};
    for (int i = 0; i < 500; ++i) {
      steps.push_back(send_bytes(stream_chunk(": still here\n\n")));
      steps.push_back(pause_for(20ms));
    }
    return steps;
  }};
  upstream_world w{limits};
  CHECK(w.run(request_to(server.url())).reason() == "upstream_timeout");
  CHECK(server.wait_for_no_connection());
}

TEST_CASE("a reset after any byte ends the call once, with what arrived", "[upstream]") {
  std::string content;
  for (int i = 0; i < 30; ++i) content += "data: token " + std::to_string(i) + "\n\n";
  auto whole = stream_head() + stream_chunk(content);
  auto head_size = stream_head().size();
  scripted_upstream server{[&, n = size_t{0}](const std::string&) mutable {
    auto cut = n++;
    return script{send_bytes(whole.substr(0, cut)), pause_for(3ms), reset_now()};
  }};
  upstream_world w;
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    auto call = w.run(request_to(server.url()));
    INFO(cut);
    CHECK(call.reason() == "upstream_broken");
    CHECK(code_of(call.end->fault) == errc::provider_failed);
    CHECK(call.ends == 1);
    CHECK(call.heads == (cut >= head_size ? 1 : 0));
    CHECK(call.bytes == content.substr(0, call.bytes.size()));
  }
  CHECK(server.counts().requests == whole.size());
}

TEST_CASE("an endless response is cut at its limit", "[upstream]") {
  upstream_limits limits;
  limits.response_bytes_max = 1 << 20;
  SECTION("one line") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes(stream_head()),
                    send_endlessly(stream_chunk(std::string(8000, 'x')))};
    }};
    upstream_world w{limits};
    auto call = w.run(request_to(server.url()));
    CHECK(call.reason() == "upstream_too_large");
    CHECK(call.bytes.size() <= limits.response_bytes_max);
    CHECK(server.wait_for_no_connection());
  }
  SECTION("a head") {
    scripted_upstream server{[](const std::string&) {
      return script{send_bytes("HTTP/1.1 200 OK\r\n"),
                    send_endlessly("X-More: " + std::string(900, 'x') + "\r\n")};
    }};
    upstream_world w{limits};
    CHECK(w.run(request_to(server.url())).reason() == "upstream_too_large");
    CHECK(server.wait_for_no_connection());
  }
}

TEST_CASE("a drain does not wait for ever", "[upstream]") {
  upstream_limits limits;
  limits.drain_ms = 50;
  scripted_upstream server{[](const std::string&) {
    return script{send_bytes(stream_head()), send_endlessly(stream_chunk("data: [DONE]\n\n"))};
  }};
  upstream_world w{limits};
  w.on_bytes_hook = [&](upstream_call_id id) { w.calls->drain(id); };
  auto id = w.start(request_to(server.url()));
  CHECK(w.wait_until([&] { return w.seen[id].rounds > 0; }));
  CHECK(server.wait_for_no_connection());
  CHECK(w.look(id).ends == 0);
}

TEST_CASE("an upstream that is not there was not sent anything", "[upstream]") {
  uint16_t port = 0;
  {
    scripted_upstream server{[](const std::string&) { return script{}; }};
    port = server.port();
  }
  upstream_world w;
  auto call = w.run(request_to("http://127.0.0.1:" + std::to_string(port)));
  CHECK(call.reason() == "upstream_unreachable");
  CHECK_FALSE(call.end->was_sent);
}

TEST_CASE("a server that speaks no TLS is refused", "[upstream]") {
  scripted_upstream server{[](const std::string&) { return script{close_now()}; }};
  upstream_limits limits;
  limits.connect_ms = 300;
  upstream_world w{limits};
  auto call = w.run(request_to("https://127.0.0.1:" + std::to_string(server.port())));
  CHECK((call.reason() == "upstream_tls" || call.reason() == "upstream_timeout"));
  CHECK_FALSE(call.end->was_sent);
}

TEST_CASE("calls beyond the limit are refused", "[upstream]") {
  upstream_limits limits;
  limits.calls_max = 2;
  scripted_upstream server{[](const std::string&) { return script{hang()}; }};
  upstream_world w{limits};
  w.start(request_to(server.url()));
  w.start(request_to(server.url()));
  auto third = w.on_loop([&] { return w.calls->start(request_to(server.url()), w); });
  REQUIRE_FALSE(third);
  CHECK(code_of(third.error()) == errc::unavailable);
}
