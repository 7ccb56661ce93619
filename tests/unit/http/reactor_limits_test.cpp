#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "tests/unit/http/reactor_world.hpp"

using namespace parley;
using namespace parley::http;
using namespace parley::http::reactor_world;

TEST_CASE("reactor: a head that drips is cut in all, not per byte") {
  world w{{.head_time_max = 100ms}};
  client c{w.port};
  c.send("GET /echo/a HTTP/1.1\r\n");
  std::atomic<bool> is_over{false};
  std::thread drip{[&] {
    while (!is_over) {
      if (::send(c.fd, "a", 1, MSG_NOSIGNAL) < 0) return;
      std::this_thread::sleep_for(10ms);
    }
  }};
  auto answer = c.read_answer();
  is_over = true;
  drip.join();
  CHECK(answer.first == 408);
  CHECK(w.on_loop([&] { return w.edge->counters().timeouts; }) == 1);
}

TEST_CASE("reactor: a body must come at its rate") {
  world w{{.body_time_max = 100ms, .body_bytes_per_s = 10'000}};
  client slow{w.port};
  slow.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nabc");
  CHECK(slow.read_answer().first == 408);
  // 4,000 bytes have earned 0.4 s more.
  client steady{w.port};
  steady.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4001\r\n\r\n");
  steady.send(std::string(4000, 'x'));
  std::this_thread::sleep_for(200ms);
  steady.send("x");
  CHECK(steady.read_answer().first == 200);
}

TEST_CASE("reactor: idle connections are closed without a word") {
  world w{{.idle_time_max = 50ms}};
  client never{w.port};
  CHECK(never.read_all().empty());
  client c{w.port};
  CHECK(c.get("/echo/x") == "x");
  CHECK(c.read_all().empty());
  CHECK(w.on_loop([&] { return w.edge->counters().timeouts; }) == 0);
}

TEST_CASE("reactor: a slow reader never holds more than out_bytes_max, and is told of room") {
  world w{{.out_bytes_max = 64 * 1024}};
  client c{w.port, 4096};
  c.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  std::string slice(8000, 's');
  uint64_t written = 0;
  size_t unsent_max = 0;
  auto fill = [&] {
    auto ref = w.held[0];
    while (w.edge->write(ref, slice)) ++written;
    unsent_max = std::max(unsent_max, w.edge->unsent(ref));
    return w.edge->unsent(ref);
  };
  w.on_loop([&] { w.edge->begin_stream(w.held[0], stream_head, stream_framing::chunked); });
  // Until the kernel's buffers are full as well.
  for (int i = 0; i < 400; ++i) w.on_loop(fill);
  REQUIRE(w.wait_for([&] { return w.edge->unsent(w.held[0]) > 40'000; }));
  w.on_loop([&] { w.writable = 0; });
  CHECK(unsent_max <= 64 * 1024);
  uint64_t chunk_bytes = 4 + 2 + slice.size() + 2;
  auto all = std::strlen(stream_head) + written * chunk_bytes;
  CHECK(c.read(all).size() == all);
  CHECK(w.wait_for([&] { return w.writable == 1; }));
  CHECK(w.on_loop([&] { return w.edge->room(w.held[0]); }) >= 32 * 1024);
}

TEST_CASE("reactor: what a client does not take stays here, where it is counted") {
  world w{{.out_bytes_max = 64 * 1024}};
  client c{w.port, 4096};
  c.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  std::string slice(8000, 's');
  size_t written = 0;
  w.on_loop([&] { w.edge->begin_stream(w.held[0], stream_head, stream_framing::chunked); });
  for (int i = 0; i < 400; ++i)
    w.on_loop([&] {
      while (w.edge->write(w.held[0], slice)) written += slice.size();
    });
  auto kept = w.on_loop([&] { return w.edge->unsent(w.held[0]); });
  CHECK(kept > 40'000);
  // Without a bound the kernel takes megabytes.
  CHECK(written - kept < 256 * 1024);
  w.on_loop([&] { w.writable = 0; });
  CHECK_FALSE(w.on_loop([&] { return w.edge->is_drained(w.held[0]); }));
  c.read(written);
  CHECK(w.wait_for([&] { return w.writable == 1; }));
  CHECK(w.on_loop([&] { return w.edge->is_drained(w.held[0]); }));
  CHECK_FALSE(w.on_loop([&] { return w.edge->is_drained(exchange_ref{}); }));
}

TEST_CASE("reactor: whoever asks before the flush is told after it") {
  world w{{.out_bytes_max = 64 * 1024}};
  client c{w.port};
  c.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  w.on_loop([&] {
    w.edge->begin_stream(w.held[0], stream_head, stream_framing::chunked);
    w.writable = 0;
    CHECK(w.edge->write(w.held[0], std::string(30'000, 's')));
    CHECK_FALSE(w.edge->is_drained(w.held[0]));
  });
  c.read(30'000);
  CHECK(w.wait_for([&] { return w.writable == 1; }));
}

TEST_CASE("reactor: a client that takes no byte is cut") {
  world w{{.write_stall_max = 100ms}};
  client c{w.port, 4096};
  c.send(stream_request);
  REQUIRE(w.wait_for([&] { return w.held.size() == 1; }));
  std::string slice(60'000, 's');
  w.on_loop([&] { w.edge->begin_stream(w.held[0], stream_head, stream_framing::chunked); });
  CHECK(w.wait_for([&] {
    w.edge->write(w.held[0], slice);
    return w.gone == 1;
  }));
  CHECK(w.on_loop([&] { return w.edge->counters().stalls; }) == 1);
}

TEST_CASE("reactor: strangers of one address are limited, admitted clients are not") {
  world w{{.strangers_per_address_max = 3}};
  w.on_loop([&] { w.admits = true; });
  client known{w.port};
  CHECK(known.get("/echo/known") == "known");
  client a{w.port}, b{w.port}, c{w.port}, d{w.port};
  CHECK(d.read_answer().first == 503);
  CHECK(w.on_loop([&] { return w.edge->counters().turned_away; }) == 1);
  CHECK(a.get("/echo/admitted") == "admitted");
  client e{w.port};
  CHECK(e.get("/echo/room") == "room");
  b.close();
  REQUIRE(w.wait_for([&] { return w.edge->counters().connections == 4; }));
  client f{w.port};
  CHECK(f.get("/echo/again") == "again");
}

TEST_CASE("reactor: strangers are limited in all, admitted clients are not") {
  world w{{.strangers_max = 2}};
  w.on_loop([&] { w.admits = true; });
  client known{w.port};
  CHECK(known.get("/echo/known") == "known");
  CHECK(w.on_loop([&] { return w.edge->counters().strangers; }) == 0);
  client a{w.port}, b{w.port}, c{w.port};
  CHECK(c.read_answer().first == 503);
  b.close();
  REQUIRE(w.wait_for([&] { return w.edge->counters().strangers == 1; }));
  client d{w.port};
  CHECK(d.get("/echo/room") == "room");
}

TEST_CASE("reactor: trusted proxies carry many strangers") {
  world w{{.strangers_per_address_max = 1,
           .strangers_max = 1,
           .trusted_proxies = {*address_range::parse("127.0.0.0/8")}}};
  client a{w.port}, b{w.port}, c{w.port};
  CHECK(c.get("/echo/c") == "c");
  CHECK(a.get("/echo/a") == "a");
}

TEST_CASE("reactor: connections end after their number of requests") {
  world w{{.requests_per_connection_max = 3}};
  client c{w.port};
  for (int i = 0; i < 3; ++i) CHECK(c.get("/echo/x") == "x");
  CHECK(c.read_all().empty());
}

TEST_CASE("reactor: bodies have a budget together") {
  world w{{.bodies_bytes_max = 50'000}};
  client a{w.port};
  a.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n");
  REQUIRE(w.wait_for([&] { return w.edge->counters().bodies_bytes == 40'000; }));
  client b{w.port};
  b.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n");
  CHECK(b.read_answer().first == 503);
  a.send(std::string(40'000, 'x'));
  CHECK(a.read_answer().second.size() == 40'000);
  CHECK(w.wait_for([&] { return w.edge->counters().bodies_bytes == 0; }));
}

namespace {
std::atomic<int> failures_left{0};
std::atomic<int> next_failure{0};

int failing_accept(int fd, sockaddr* to, socklen_t* size, int flags) {
  static constexpr int codes[] = {EMFILE,  ECONNABORTED, ENFILE, ENOMEM,
                                  ENOBUFS, EPROTO,       EINTR,  EPERM};
  if (failures_left > 0) {
    --failures_left;
    errno = codes[static_cast<size_t>(next_failure++) % std::size(codes)];
    return -1;
  }
  return ::accept4(fd, to, size, flags);
}
}  // namespace

TEST_CASE("reactor: no error of accept ends the listener") {
  reactor_settings settings;
  settings.listener.accept = failing_accept;
  world w{settings};
  failures_left = 40;
  // Out of descriptors the spare one serves to say so.
  client first{w.port};
  CHECK(first.read_answer().first == 503);
  for (int i = 0; i < 20 && failures_left > 0; ++i) {
    client poke{w.port};
    std::this_thread::sleep_for(10ms);
  }
  REQUIRE(w.wait_for([&] { return failures_left == 0; }));
  client c{w.port};
  CHECK(c.get("/echo/alive") == "alive");
  CHECK(w.on_loop([&] { return w.edge->accept_counters().errors; }) > 0);
}

TEST_CASE("reactor: two thousand idle connections cost no attention") {
  world w{{.strangers_per_address_max = 5000, .strangers_max = 5000}};
  std::vector<std::unique_ptr<client>> idle;
  for (int i = 0; i < 2000; ++i) idle.push_back(std::make_unique<client>(w.port));
  client c{w.port};
  CHECK(c.get("/echo/x") == "x");
  REQUIRE(w.wait_for([&] { return w.edge->counters().connections == idle.size() + 1; }));
  for (size_t i = 0; i < idle.size(); i += 50) CHECK(idle[i]->get("/echo/y") == "y");
  idle.clear();
  CHECK(w.wait_for([&] { return w.edge->counters().connections == 1; }));
}
