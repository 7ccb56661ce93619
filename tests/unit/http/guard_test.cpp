#include "http/guard.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace parley::http;
using phase = guard::phase;

namespace {

const route_table& routes() {
  static const auto table = [] {
    auto made = route_table::make({
        {.verb = method::get, .pattern = "/"},
        {.verb = method::get, .pattern = "/items/{id}"},
        {.verb = method::post,
         .pattern = "/items",
         .body = body_mode::buffered,
         .body_bytes_max = 20},
        {.verb = method::put,
         .pattern = "/json",
         .body = body_mode::buffered,
         .body_bytes_max = 1000,
         .accepts = "application/json"},
    });
    REQUIRE(made);
    return std::move(*made);
  }();
  return table;
}

// What came of some bytes: requests and, at most, one refusal at the end; as text, to be compared.
struct outcome {
  std::vector<clean_request> requests;
  std::optional<refusal> refused;
  size_t left = 0;  ///< bytes after the refusal
  phase end = phase::idle;

  std::string text() const {
    std::string result;
    for (auto& request : requests) result += serialise(request) + "\n--\n";
    if (refused) result += std::to_string(refused->status) + " " + refused->sentence;
    return result;
  }
};

void feed(guard& g, std::string_view bytes, outcome& to) {
  while (!bytes.empty() && !to.refused) {
    to.end = g.feed(bytes);
    if (to.end == phase::complete) to.requests.push_back(g.take_request());
    if (to.end == phase::refused) to.refused = g.take_refusal();
  }
  to.left += bytes.size();
}

// Reads `bytes` whole, in two parts at every place and byte by byte; all must agree.
outcome read(std::string_view bytes, const guard_limits& limits = {}) {
  outcome whole;
  guard g{routes(), limits};
  feed(g, bytes, whole);
  whole.end = g.at();
  auto expected = whole.text();
  for (size_t at = 1; at < bytes.size(); ++at) {
    outcome split;
    guard other{routes(), limits};
    feed(other, bytes.substr(0, at), split);
    feed(other, bytes.substr(at), split);
    REQUIRE(split.text() == expected);
    REQUIRE(other.at() == whole.end);
  }
  outcome single;
  guard other{routes(), limits};
  for (size_t at = 0; at < bytes.size(); ++at) feed(other, bytes.substr(at, 1), single);
  REQUIRE(single.text() == expected);
  return whole;
}

int status_of(std::string_view bytes, const guard_limits& limits = {}) {
  auto result = read(bytes, limits);
  INFO(bytes.substr(0, 200));
  CHECK(result.requests.empty());
  REQUIRE(result.refused);
  CHECK_FALSE(result.refused->sentence.empty());
  return result.refused->status;
}

clean_request one(std::string_view bytes) {
  auto result = read(bytes);
  INFO(bytes.substr(0, 200));
  INFO((result.refused ? result.refused->sentence : ""));
  REQUIRE(result.requests.size() == 1);
  CHECK_FALSE(result.refused);
  CHECK(result.end == phase::idle);
  return std::move(result.requests[0]);
}

// A GET with these header lines after Host.
std::string get(std::string_view lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "\r\n";
}
std::string post(std::string_view lines_and_body) {
  return "POST /items HTTP/1.1\r\nHost: a\r\n" + std::string{lines_and_body};
}
std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n\r\n" + std::string{body});
}

}  // namespace

TEST_CASE("guard: a request is taken apart") {
  auto r =
      one("PUT /json?a=%20b&c HTTP/1.1\r\nHost: a:80\r\nX-One:  two \t\r\nContent-Type: "
          "application/json; "
          "charset=utf-8\r\ncontent-LENGTH: 002\r\nempty:\r\n\r\n{}");
  CHECK(r.head.verb == method::put);
  CHECK_FALSE(r.head.is_http_1_0);
  CHECK(r.head.is_keep_alive);
  CHECK(r.head.path == "/json");
  CHECK(r.head.query == "a=%20b&c");
  CHECK(r.route == 3);
  CHECK(r.body == "{}");
  CHECK(*r.head.headers.find("x-one") == "two");
  CHECK(*r.head.headers.find("empty") == "");
  CHECK_FALSE(r.head.headers.find("content-length"));
  CHECK_FALSE(r.head.headers.find("absent"));
}

TEST_CASE("guard: path parameters are decoded once") {
  CHECK(one("GET /items/%2541%20x HTTP/1.1\r\nHost: a\r\n\r\n").path_values ==
        std::vector<std::string>{"%41 x"});
  CHECK(status_of("GET /items/a%2fb HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /items/.. HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /items/%zz HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /items/%ff HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}

TEST_CASE("guard: malformed request lines") {
  for (auto line : {"GET  / HTTP/1.1",
                    " GET / HTTP/1.1",
                    "GET / HTTP/1.1 ",
                    "GET /",
                    "GET",
                    "",
                    "GET / http/1.1",
                    "GET / HTTP/1",
                    "GET / HTTP/1.10",
                    "GET / HTTP/1,1",
                    "GET / HTTP/x.1",
                    "GET /a b HTTP/1.1",
                    "GET\t/ HTTP/1.1",
                    "G(T / HTTP/1.1",
                    "GET / \x01HTTP/1.1",
                    "GET /\x01 HTTP/1.1",
                    "GET /\x7f HTTP/1.1",
                    "GET /\xc3\xa4 HTTP/1.1",
                    "GET /#a HTTP/1.1",
                    "GET /%00 HTTP/1.1",
                    "GET /?q=%00 HTTP/1.1",
                    "GET http://a/ HTTP/1.1",
                    "GET items HTTP/1.1",
                    "GET * HTTP/1.1",
                    "GET ?q HTTP/1.1",
                    "OPTIONS ** HTTP/1.1",
                    "GET /\r HTTP/1.1",
                    "GET / HTTP/1.1\r"}) {
    INFO(line);
    CHECK(status_of(std::string{line} + "\r\nHost: a\r\n\r\n") == 400);
  }
  CHECK(status_of(std::string{"GET /\0 HTTP/1.1\r\n", 18}) == 400);
  CHECK(status_of("GET / HTTP/1.1\nHost: a\n\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\n\r\n") == 400);
}

TEST_CASE("guard: versions and methods") {
  for (auto version : {"HTTP/2.0", "HTTP/0.9", "HTTP/3.0", "HTTP/9.9"})
    CHECK(status_of("GET / " + std::string{version} + "\r\nHost: a\r\n\r\n") == 505);
  CHECK(status_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == 505);
  for (auto name : {"BREW", "get", "CONNECT", "TRACE", "GETS", "GE"})
    CHECK(status_of(std::string{name} + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 501);
  CHECK(one("GET / HTTP/1.7\r\nHost: a\r\n\r\n").head.is_http_1_0 == false);
}

TEST_CASE("guard: 404, 405 with Allow, and whether the connection stays in step") {
  auto unknown = read("GET /nowhere HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\n\r\n");
  REQUIRE(unknown.refused);
  CHECK(unknown.refused->status == 404);
  CHECK(unknown.refused->is_framed);
  CHECK(*unknown.refused->head.headers.find("x-request-id") == "7");
  auto wrong = read("DELETE /items/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(wrong.refused->status == 405);
  CHECK(wrong.refused->code == errc::malformed);
  CHECK(to_string(wrong.refused->allow) == "GET, HEAD, OPTIONS");
  CHECK(wrong.refused->is_framed);
  auto with_body = read("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(with_body.refused->status == 404);
  CHECK_FALSE(with_body.refused->is_framed);
  CHECK(with_body.left == 3);
}

TEST_CASE("guard: HEAD and OPTIONS") {
  auto head = one("HEAD /items/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(head.head.verb == method::head);
  CHECK(head.route == 1);
  auto path = one("OPTIONS /items HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n");
  CHECK(path.route == no_route);
  CHECK(to_string(path.methods) == "POST, OPTIONS");
  auto server = one("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(server.route == no_route);
  CHECK(server.methods.has(method::erase));
  CHECK(status_of("OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx") == 413);
}

TEST_CASE("guard: malformed header lines") {
  for (auto lines : {"a b: c\r\n", "a : c\r\n", ": c\r\n", "nothing\r\n", " folded: x\r\n",
                     "a: b\r\n folded\r\n", "a: b\r\n\tfolded\r\n", "a: b\x01\r\n", "a: b\x7f\r\n",
                     "a: b\rc\r\n", "a\xc3: b\r\n", "a(: b\r\n", "a: b\r\r\n", "\r: a\r\n"}) {
    INFO(lines);
    CHECK(status_of(get(lines)) == 400);
  }
  CHECK(status_of(get(std::string{"a: b\0c\r\n", 8})) == 400);
  CHECK(*one(get("a: \xc3\xa4 b\tc\r\n")).head.headers.find("a") == "\xc3\xa4 b\tc");
}

TEST_CASE("guard: exactly one sound Host on 1.1") {
  CHECK(status_of("GET / HTTP/1.1\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n") == 400);
  CHECK(one("GET / HTTP/1.0\r\n\r\n").head.is_http_1_0);
  CHECK(*one("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n").head.headers.find("host") ==
        "[::1]:8080");
}

TEST_CASE("guard: keep-alive") {
  CHECK(one(get("")).head.is_keep_alive);
  CHECK_FALSE(one(get("Connection: close\r\n")).head.is_keep_alive);
  CHECK_FALSE(one(get("Connection: keep-alive, CLOSE\r\n")).head.is_keep_alive);
  CHECK_FALSE(one("GET / HTTP/1.0\r\n\r\n").head.is_keep_alive);
  CHECK(one("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n").head.is_keep_alive);
}

TEST_CASE("guard: what must not reach httplib is taken out") {
  auto r =
      one(get("REMOTE_ADDR: 1.2.3.4\r\nlocal_port: 1\r\nx_y: 1\r\nRange: bytes=0-1\r\n"
              "Accept-Encoding: gzip\r\nTE: trailers\r\nExpect: 100-continue\r\n"
              "Upgrade: h2c\r\nConnection: upgrade\r\nKept: 1\r\n"));
  CHECK(r.head.headers.size() == 2);
  CHECK(*r.head.headers.find("kept") == "1");
}

TEST_CASE("guard: fields that must stand once") {
  for (auto name :
       {"Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Expect"}) {
    auto line = std::string{name} + ": 100-continue\r\n";
    CHECK(status_of(get(line + line)) == 400);
  }
  CHECK(one(get("Accept: a\r\nAccept: b\r\n")).head.headers.size() == 3);
}

TEST_CASE("guard: limits of the head") {
  guard_limits limits{
      .head_bytes_max = 300, .line_bytes_max = 100, .headers_max = 5, .uri_bytes_max = 40};
  std::string a(200, 'a');
  auto sized_get = [&](size_t uri_bytes) {
    return "GET /items/" + a.substr(0, uri_bytes - 7) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(read(sized_get(40), limits).requests.size() == 1);
  CHECK(status_of(sized_get(41), limits) == 414);
  CHECK(status_of("GET /" + a + " HTTP/1.1\r\n", limits) == 414);
  CHECK(status_of(a, limits) == 414);
  auto line_of = [&](size_t bytes) { return "x:" + a.substr(0, bytes - 2) + "\r\n"; };
  CHECK(read(get(line_of(100)), limits).requests.size() == 1);
  CHECK(status_of(get(line_of(101)), limits) == 431);
  CHECK(status_of(get("x:" + a), limits) == 431);
  CHECK(read(get("a:1\r\na:2\r\na:3\r\na:4\r\n"), limits).requests.size() == 1);
  CHECK(status_of(get("a:1\r\na:2\r\na:3\r\na:4\r\na:5\r\n"), limits) == 431);
  auto with_head_of = [&](size_t bytes) {
    auto lines = line_of(100) + line_of(100);
    return get(lines + "y:" + a.substr(0, bytes - get(lines).size() - 4) + "\r\n");
  };
  CHECK(read(with_head_of(300), limits).requests.size() == 1);
  CHECK(status_of(with_head_of(301), limits) == 431);
}

TEST_CASE("guard: bodies with Content-Length") {
  CHECK(one(post("Content-Length: 5\r\n\r\nhello")).body == "hello");
  CHECK(one(post("Content-Length: 0\r\n\r\n")).body.empty());
  CHECK(one(post("\r\n")).body.empty());
  CHECK(one(post("Content-Length: 20\r\n\r\n01234567890123456789")).body.size() == 20);
  CHECK(status_of(post("Content-Length: 21\r\n\r\n")) == 413);
  CHECK(status_of(post("Content-Length: 999999999999999999\r\n\r\n")) == 413);
  for (auto value : {"", "-1", "+5", "5 ", "0x5", "5,5", "5, 5", "5;", "1e1",
                     "99999999999999999999", "\xd9\xa5"}) {
    auto is_trimmed = std::string_view{value} == "5 ";
    auto bytes = post("Content-Length: " + std::string{value} + "\r\n\r\nhello");
    if (is_trimmed)
      CHECK(one(bytes).body == "hello");
    else
      CHECK(status_of(bytes) == 400);
  }
  CHECK(status_of(post("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello")) == 400);
  CHECK(status_of(get("Content-Length: 1\r\n") + "x") == 413);
  CHECK(one(get("Content-Length: 0\r\n")).body.empty());
}

TEST_CASE("guard: chunked bodies") {
  CHECK(one(chunked("5\r\nhello\r\n00000004\r\n abc\r\n0\r\n\r\n")).body == "hello abc");
  CHECK(one(chunked("0\r\n\r\n")).body.empty());
  CHECK(one(chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n")).body.size() == 20);
  CHECK(
      one("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n").body.empty());
  for (auto body : {"\r\n", "x\r\n", "-2\r\n", "+5\r\nhello", "0x5\r\nhello", " 5\r\nhello",
                    "5 \r\nhello", "5;a=b\r\nhello", "5\nhello", "5\r\nhello0\r\n", "5\r\nhello\n",
                    "5\r\nhello\r0", "000000000\r\n", "0\r\nA: b\r\n\r\n", "0\r\n\n", "0\r\n\rx",
                    "5\r\nhell\r\n0\r\n\r\n", "\xd9\xa5\r\n"}) {
    INFO(body);
    CHECK(status_of(chunked(body)) == 400);
  }
  CHECK(status_of(chunked("15\r\n")) == 413);
  CHECK(status_of(chunked("ffffffff\r\n")) == 413);
  CHECK(status_of(chunked("14\r\n01234567890123456789\r\n1\r\n")) == 413);
  CHECK(status_of("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n") == 413);
}

TEST_CASE("guard: the framing is unambiguous, or the request is refused") {
  for (auto lines :
       {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: chun ked\r\n", "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked\x0b\r\n", "Content-Length : 5\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n"}) {
    INFO(lines);
    CHECK(status_of(post(std::string{lines} + "\r\n0\r\n\r\n")) == 400);
  }
  for (auto coding : {"gzip", "identity", "xchunked", "chunked1"})
    CHECK(status_of(post("Transfer-Encoding: " + std::string{coding} + "\r\n\r\n")) == 501);
  CHECK(status_of("POST /items HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 400);
  // A name that others fold to Transfer-Encoding does not frame anything here.
  CHECK(one(post("Transfer_Encoding: chunked\r\nContent-Length: 1\r\n\r\nx")).body == "x");
}

TEST_CASE("guard: smuggled requests stay in the body they came in") {
  auto inner = "GET /items/1 HTTP/1.1\r\n";
  auto result = read(post("Content-Length: 20\r\n\r\n") + inner + "Host: a\r\n\r\n");
  REQUIRE(result.requests.size() == 1);
  CHECK(result.requests[0].body == "GET /items/1 HTTP/1.");
  REQUIRE(result.refused);
  CHECK(result.refused->status == 400);
}

TEST_CASE("guard: media types and codings") {
  auto put = [](std::string_view lines) {
    return "PUT /json HTTP/1.1\r\nHost: a\r\n" + std::string{lines} + "Content-Length: 2\r\n\r\n{}";
  };
  CHECK(one(put("Content-Type: Application/JSON\r\n")).body == "{}");
  CHECK(one(put("Content-Type: application/json ; charset=utf-8\r\n")).body == "{}");
  CHECK(status_of(put("")) == 415);
  CHECK(status_of(put("Content-Type: text/plain\r\n")) == 415);
  CHECK(status_of(put("Content-Type: application/json5\r\n")) == 415);
  CHECK(status_of(put("Content-Type: application/json\r\nContent-Encoding: gzip\r\n")) == 415);
  CHECK(one(put("Content-Type: application/json\r\nContent-Encoding: Identity\r\n")).body == "{}");
}

TEST_CASE("guard: Expect") {
  CHECK(status_of(post("Expect: 200-ok\r\nContent-Length: 1\r\n\r\nx")) == 417);
  CHECK(one("POST /items HTTP/1.0\r\nExpect: what\r\nContent-Length: 1\r\n\r\nx").body == "x");
  guard_limits limits;
  guard g{routes(), limits};
  auto head = post("Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
  std::string_view input{head};
  CHECK(g.feed(input) == phase::body);
  CHECK(g.bytes_wanted() == 3);
  CHECK(g.take_continue());
  CHECK_FALSE(g.take_continue());
  // Whoever sends the body at once does not wait.
  guard impatient{routes(), limits};
  auto more = head + "a";
  input = more;
  CHECK(impatient.feed(input) == phase::body);
  CHECK_FALSE(impatient.take_continue());
  // A refused body is not asked for.
  guard refused{routes(), limits};
  auto large = post("Expect: 100-continue\r\nContent-Length: 300\r\n\r\n");
  input = large;
  CHECK(refused.feed(input) == phase::refused);
  CHECK_FALSE(refused.take_continue());
}

TEST_CASE("guard: pipelined requests come one by one") {
  auto bytes =
      get("") + post("Content-Length: 2\r\n\r\nab") + chunked("1\r\nc\r\n0\r\n\r\n") + get("");
  auto result = read(bytes);
  REQUIRE(result.requests.size() == 4);
  CHECK(result.requests[1].body == "ab");
  CHECK(result.requests[2].body == "c");
  CHECK(result.end == phase::idle);
}

TEST_CASE("guard: phases") {
  guard_limits limits;
  guard g{routes(), limits};
  std::string_view nothing;
  CHECK(g.feed(nothing) == phase::idle);
  std::string_view start = "GE";
  CHECK(g.feed(start) == phase::head);
  CHECK(start.empty());
}
