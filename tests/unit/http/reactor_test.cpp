#include <catch2/catch.hpp>

#include "tests/unit/http/reactor_world.hpp"

using namespace parley;
using namespace parley::http;
using namespace parley::http::reactor_world;

TEST_CASE("reactor: requests on one connection, one after the other") {
  world w;
  client c{w.port};
  CHECK(c.get("/echo/one") == "one");
  CHECK(c.get("/echo/two") == "two");
  CHECK(w.on_loop([&] { return w.edge->counters().requests; }) == 2);
  c.send("GET /echo/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(c.read_all().find("last") != std::string::npos);
  CHECK(w.wait_for([&] { return w.edge->counters().connections == 0; }));
}

TEST_CASE("reactor: pipelined requests are answered in order, late answers included") {
  world w;
  client c{w.port};
  std::string requests;
  for (auto path : {"/echo/1", "/later/2", "/echo/3", "/echo/4"})
    requests += "GET " + std::string{path} + " HTTP/1.1\r\nHost: a\r\n\r\n";
  requests += "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nfive";
  c.send(requests);
  CHECK(c.read_answer().second == "1");
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  // More arrives while an answer is awaited: it waits in the kernel.
  c.send("GET /echo/6 HTTP/1.1\r\nHost: a\r\n\r\n");
  w.on_loop([&] {
    auto ref = w.held[0];
    CHECK(w.edge->answer(ref, answer_of(200, "2", true), true));
    CHECK_FALSE(w.edge->answer(ref, answer_of(200, "again", true), true));
  });
  for (auto body : {"2", "3", "4", "five", "6"}) CHECK(c.read_answer().second == body);
}

TEST_CASE("reactor: a ref of an earlier exchange does not reach the next one") {
  world w;
  client c{w.port};
  c.send("GET /later/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  w.on_loop([&] { w.edge->answer(w.held[0], answer_of(504, "", true), true); });
  CHECK(c.read_answer().first == 504);
  c.send("GET /later/2 HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(w.wait_for([&] { return w.held.size() == 2; }));
  w.on_loop([&] {
    CHECK_FALSE(w.edge->is_in_flight(w.held[0]));
    CHECK_FALSE(w.edge->answer(w.held[0], answer_of(200, "late", true), true));
    CHECK_FALSE(w.edge->begin_stream(w.held[0], stream_head, stream_framing::chunked));
    CHECK(w.edge->answer(w.held[1], answer_of(200, "right", true), true));
  });
  CHECK(c.read_answer().second == "right");
}

TEST_CASE("reactor: a refused request gets its answer, then the connection ends") {
  world w;
  client c{w.port};
  // The body comes although it is refused; the answer must survive that.
  c.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n");
  c.send(std::string(50'000, 'x'));
  auto answer = c.read_answer();
  CHECK(answer.first == 413);
  CHECK(c.read_all().empty());
  client other{w.port};
  other.send("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(other.read_answer().first == 404);
  CHECK(other.get("/echo/kept") == "kept");
  CHECK(w.on_loop([&] { return w.refused; }) == std::vector<int>{413, 404});
}

TEST_CASE("reactor: 100 Continue is said when the body will be taken, else not") {
  world w;
  client c{w.port};
  c.send("POST /body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(c.read(25) == "HTTP/1.1 100 Continue\r\n\r\n");
  c.send("ok");
  CHECK(c.read_answer().second == "ok");
  c.send(
      "POST /body HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n");
  CHECK(c.read_answer().first == 413);
}

TEST_CASE("reactor: a client that leaves is seen at once, waiting or streaming") {
  world w;
  client waiting{w.port};
  waiting.send("GET /later/x HTTP/1.1\r\nHost: a\r\n\r\n");
  client streaming{w.port};
  streaming.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 2; }));
  waiting.close();
  CHECK(w.wait_for([&] { return w.gone == 1; }));
  streaming.close();
  CHECK(w.wait_for([&] { return w.gone == 2; }));
  w.on_loop([&] {
    for (auto ref : w.held) CHECK_FALSE(w.edge->answer(ref, "x", true));
    CHECK(w.edge->counters().exchanges == 0);
    CHECK(w.edge->counters().connections == 0);
  });
}

TEST_CASE("reactor: a stream is written in chunks and its connection is kept") {
  world w;
  client c{w.port};
  c.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  w.on_loop([&] {
    auto ref = w.held[0];
    CHECK_FALSE(w.edge->write(ref, "too early"));
    CHECK(w.edge->begin_stream(ref, stream_head, stream_framing::chunked));
    CHECK(w.edge->write(ref, "data: 1\n\n"));
    CHECK(w.edge->write(ref, ""));
    CHECK(w.edge->write(ref, "data: 2\n\n"));
  });
  std::string wanted = std::string{stream_head} + "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n";
  CHECK(c.read(wanted.size()) == wanted);
  w.on_loop([&] {
    CHECK(w.edge->unsent(w.held[0]) == 0);
    CHECK(w.edge->counters().streams == 1);
    CHECK(w.edge->end_stream(w.held[0]));
    CHECK_FALSE(w.edge->write(w.held[0], "x"));
  });
  CHECK(c.read(5) == "0\r\n\r\n");
  CHECK(c.get("/echo/on") == "on");
}

TEST_CASE("reactor: a stream of HTTP/1.0 ends with its connection, an aborted one without an end") {
  world w;
  client old{w.port};
  old.send("GET /stream HTTP/1.0\r\n\r\n");
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  w.on_loop([&] {
    w.edge->begin_stream(w.held[0], "HTTP/1.1 200 OK\r\n\r\n", stream_framing::until_close);
    w.edge->write(w.held[0], "text");
    w.edge->end_stream(w.held[0]);
  });
  CHECK(old.read_all() == "HTTP/1.1 200 OK\r\n\r\ntext");
  client cut{w.port};
  cut.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 2; }));
  w.on_loop([&] {
    w.edge->begin_stream(w.held[1], stream_head, stream_framing::chunked);
    w.edge->write(w.held[1], "text");
  });
  cut.read(std::strlen(stream_head));
  w.on_loop([&] { w.edge->abort(w.held[1]); });
  CHECK(cut.read_all() == "4\r\ntext\r\n");
  CHECK(w.on_loop([&] { return w.gone; }) == 0);
}

TEST_CASE("reactor: draining finishes what runs and closes the rest") {
  world w;
  client idle{w.port};
  CHECK(idle.get("/echo/x") == "x");
  client busy{w.port};
  busy.send("GET /later/x HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  w.on_loop([&] {
    w.edge->drain();
    CHECK_FALSE(w.edge->is_keep_alive(w.held[0]));
    CHECK_FALSE(w.has_drained);
  });
  CHECK(idle.read_all().empty());
  w.on_loop([&] { w.edge->answer(w.held[0], answer_of(200, "done", false), true); });
  CHECK(busy.read_answer().second == "done");
  CHECK(busy.read_all().empty());
  CHECK(w.wait_for([&] { return w.has_drained; }));
  CHECK(w.on_loop([&] { return w.gone; }) == 0);
}

TEST_CASE("reactor: closing all tells of each exchange") {
  world w;
  client a{w.port}, b{w.port}, c{w.port};
  a.send("GET /later/x HTTP/1.1\r\nHost: a\r\n\r\n");
  b.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 2; }));
  w.on_loop([&] { w.edge->close_all(); });
  CHECK(w.on_loop([&] { return w.gone; }) == 2);
  CHECK(a.read_all().empty());
  CHECK(c.read_all().empty());
}
