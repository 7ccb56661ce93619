#include "http/engine.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace parley;
using namespace parley::http;
using verdict = engine::verdict;

namespace {

clean_request request(method verb, std::string query = "") {
  clean_request result;
  result.head.verb = verb;
  result.head.path = "/any/%2Fthing";
  result.head.query = std::move(query);
  result.head.headers.add("host", "a");
  return result;
}

std::string body_of(std::string_view bytes) {
  return std::string{bytes.substr(bytes.find("\r\n\r\n") + 4)};
}
bool has(std::string_view bytes, std::string_view part) {
  return bytes.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("engine: a handler sees header and query decoded, and answers") {
  engine e{{}};
  auto r = request(method::post, "a=%20x%26&b=1+2&a=second&empty");
  r.head.headers.add("x-percent", "100%0d%0aX: y %41");
  r.head.headers.add("content-type", "multipart/form-data; boundary=x");
  r.head.headers.add("x-empty", "");
  r.head.headers.add("x-empty", "second");
  r.body = "--x\r\n";
  int calls = 0;
  auto bytes = e.run(r, true, [&](const parsed_request& parsed, answer& to) {
    ++calls;
    CHECK(parsed.query("a") == " x&");
    CHECK(parsed.query("b") == "1 2");
    CHECK_FALSE(parsed.query("c"));
    CHECK(parsed.query_parameters().size() == 4);
    CHECK(parsed.header("X-Percent") == "100%0d%0aX: y %41");
    CHECK(parsed.header("Content-Type") == "multipart/form-data; boundary=x");
    CHECK(parsed.header("X-Empty") == "");
    CHECK_FALSE(parsed.header("X-Absent"));
    CHECK(parsed.body() == "--x\r\n");
    to.status = 201;
    to.headers.emplace_back("Location", "/x");
    to.content_type = "application/json";
    to.body = "{}";
    return verdict::now;
  });
  REQUIRE(bytes);
  REQUIRE(*bytes);
  CHECK(calls == 1);
  CHECK((*bytes)->rfind("HTTP/1.1 201 Created\r\n", 0) == 0);
  CHECK(has(**bytes, "Content-Type: application/json\r\n"));
  CHECK(has(**bytes, "Content-Length: 2\r\n"));
  CHECK(has(**bytes, "Location: /x\r\n"));
  CHECK_FALSE(has(**bytes, "Connection: close"));
  CHECK(body_of(**bytes) == "{}");
}

TEST_CASE("engine: every method reaches the handler") {
  engine e{{}};
  for (size_t i = 0; i < method_count; ++i) {
    auto verb = static_cast<method>(i);
    auto bytes = e.run(request(verb), true, [&](const parsed_request& parsed, answer& to) {
      CHECK(parsed.clean().head.verb == verb);
      to.content_type = "text/plain";
      to.body = "body";
      return verdict::now;
    });
    REQUIRE(bytes);
    CHECK(has(**bytes, "Content-Length: 4\r\n"));
    CHECK(body_of(**bytes) == (verb == method::head ? "" : "body"));
    CHECK_FALSE(has(**bytes, "Accept-Ranges"));
  }
}

TEST_CASE("engine: a late answer leaves nothing behind") {
  engine e{{}};
  auto bytes = e.run(request(method::get), true,
                     [](const parsed_request&, answer&) { return verdict::later; });
  REQUIRE(bytes);
  CHECK_FALSE(*bytes);
  answer late;
  late.content_type = "application/json";
  late.body = "[1]";
  auto written = e.write(answer{late}, {.is_keep_alive = false});
  CHECK(has(written, "Connection: close\r\n"));
  CHECK(body_of(written) == "[1]");
  CHECK(body_of(e.write(answer{late}, {.is_head = true})) == "");
  CHECK(has(e.write(answer{late}, {.is_head = true}), "Content-Length: 3\r\n"));
  CHECK(has(e.write(answer{late}, {.is_http_1_0 = true}), "\r\nConnection: keep-alive\r\n"));
}

TEST_CASE("engine: answers without a body have no length") {
  engine e{{}};
  for (int status : {204, 304}) {
    auto bytes = e.write({.status = status, .headers = {}, .content_type = {}, .body = {}}, {});
    CHECK(bytes.rfind("HTTP/1.1 " + std::to_string(status), 0) == 0);
    CHECK_FALSE(has(bytes, "Content-Length"));
    CHECK(body_of(bytes) == "");
  }
  CHECK(has(e.write({.status = 404, .headers = {}, .content_type = {}, .body = {}}, {}),
            "Content-Length: 0\r\n"));
}

TEST_CASE("engine: heads of streams") {
  engine e{{}};
  answer what;
  what.content_type = "text/event-stream";
  what.headers.emplace_back("X-Accel-Buffering", "no");
  auto chunked = e.write_stream_head(answer{what}, {}, stream_framing::chunked);
  CHECK(chunked.rfind("HTTP/1.1 200 OK\r\n", 0) == 0);
  CHECK(has(chunked, "Transfer-Encoding: chunked\r\n"));
  CHECK(has(chunked, "Content-Type: text/event-stream\r\n"));
  CHECK(has(chunked, "X-Accel-Buffering: no\r\n"));
  CHECK_FALSE(has(chunked, "Content-Length"));
  CHECK(body_of(chunked) == "");
  auto open = e.write_stream_head(answer{what}, {.is_http_1_0 = true, .is_keep_alive = false},
                                  stream_framing::until_close);
  CHECK(has(open, "Connection: close\r\n"));
  CHECK_FALSE(has(open, "Transfer-Encoding"));
  CHECK_FALSE(has(open, "Content-Length"));
  CHECK(body_of(open) == "");
}

TEST_CASE("engine: what a handler throws ends here, and the next request is served") {
  engine e{{}};
  auto failed = e.run(request(method::get), true, [](const parsed_request&, answer&) -> verdict {
    throw std::runtime_error{"secret"};
  });
  REQUIRE_FALSE(failed);
  CHECK(failed.error() == errc::internal);
  CHECK(e.run(request(method::get), true,
              [](const parsed_request&, answer&) { return verdict::now; }));
}

TEST_CASE("engine: a head that httplib does not take is malformed") {
  engine e{{}};
  auto r = request(method::get);
  r.head.headers.add("x", std::string(8000, '%'));
  auto result = e.run(r, true, [](const parsed_request&, answer&) {
    FAIL("must not be called");
    return verdict::now;
  });
  REQUIRE_FALSE(result);
  CHECK(result.error() == errc::malformed);
}

TEST_CASE("engine: a header cannot be split by a value") {
  engine e{{}};
  answer what;
  what.headers.emplace_back("X-A", "a\r\nX-B: b");
  CHECK_FALSE(has(e.write(answer{what}, {}), "X-B"));
}
