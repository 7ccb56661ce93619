#include "http/reactor.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <future>
#include <thread>

using namespace parley;
using namespace parley::http;
using namespace std::chrono_literals;

namespace {

const route_table& routes() {
  static const auto table = [] {
    auto made = route_table::make({{.verb = method::get, .pattern = "/echo/{text}"},
                                   {.verb = method::get, .pattern = "/later/{text}"},
                                   {.verb = method::get, .pattern = "/stream"},
                                   {.verb = method::post,
                                    .pattern = "/body",
                                    .body = body_mode::buffered,
                                    .body_bytes_max = 100'000}});
    REQUIRE(made);
    return std::move(*made);
  }();
  return table;
}

std::string answer_of(int status, std::string_view body, bool keep_alive) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) +
         (keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n") + std::string{body};
}

// Answers each route as its name says; what tests look at is touched on the loop's thread only.
struct world : exchange_sink {
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<io_loop> loop;
  std::unique_ptr<reactor> edge;
  std::thread thread;
  uint16_t port = 0;

  std::vector<exchange_ref> held;  ///< /later and /stream
  std::vector<int> refused;
  int gone = 0;
  int writable = 0;
  bool has_drained = false;
  bool admits = false;

  explicit world(reactor_settings settings = {}) {
    config.set("scheduler.max-threads", 1);
    system = std::make_unique<caf::actor_system>(config);
    loop = std::make_unique<io_loop>(*system);
    edge = std::make_unique<reactor>(*loop, routes(), *this, std::move(settings));
    REQUIRE(edge->listen("127.0.0.1", 0));
    port = edge->port();
    thread = std::thread{[this] { loop->run(); }};
  }
  ~world() override {
    loop->stop();
    thread.join();
    edge.reset();
  }

  void on_request(exchange_ref ref, clean_request&& request) override {
    if (admits) edge->admit(ref);
    auto keep = edge->is_keep_alive(ref);
    switch (request.route) {
      case 0:
        edge->answer(ref, answer_of(200, request.path_values[0], keep), keep);
        return;
      case 3:
        edge->answer(ref, answer_of(200, request.body, keep), keep);
        return;
      default:
        held.push_back(ref);
    }
  }
  void on_refused(exchange_ref ref, refusal&& why) override {
    refused.push_back(why.status);
    edge->answer(ref, answer_of(why.status, why.sentence, why.is_framed), true);
  }
  void on_gone(exchange_ref) override { ++gone; }
  void on_writable(exchange_ref) override { ++writable; }
  void on_drained() override { has_drained = true; }

  // Runs `task` on the loop and hands its result out.
  template <class F>
  auto on_loop(F task) {
    std::promise<decltype(task())> done;
    loop->post([&] {
      if constexpr (std::is_void_v<decltype(task())>) {
        task();
        done.set_value();
      } else {
        done.set_value(task());
      }
    });
    return done.get_future().get();
  }
  // Waits until `question` says yes, at most 10 s.
  template <class F>
  bool wait_for(F question) {
    for (int i = 0; i < 2000; ++i) {
      if (on_loop(question)) return true;
      std::this_thread::sleep_for(5ms);
    }
    return false;
  }
};

// A blocking client; gives up after 10 s.
struct client {
  int fd = -1;

  explicit client(uint16_t port, int receive_buffer = 0) {
    fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    timeval limit{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (receive_buffer > 0)
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0);
  }
  ~client() { close(); }
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  void close() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  void send(std::string_view bytes) {
    REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  // Until `bytes` have come or the connection ends.
  std::string read(size_t bytes) {
    std::string result;
    char buffer[65536];
    while (result.size() < bytes) {
      auto count = ::recv(fd, buffer, std::min(sizeof buffer, bytes - result.size()), 0);
      if (count <= 0) break;
      result.append(buffer, static_cast<size_t>(count));
    }
    return result;
  }
  std::string read_all() { return read(SIZE_MAX); }
  // Reads one answer with Content-Length; its status and body.
  std::pair<int, std::string> read_answer() {
    std::string head;
    while (head.find("\r\n\r\n") == std::string::npos) {
      auto byte = read(1);
      if (byte.empty()) return {0, head};
      head += byte;
    }
    auto at = head.find("Content-Length: ");
    auto size = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    return {std::stoi(head.substr(9, 3)), read(size)};
  }
  std::string get(std::string_view path) {
    send("GET " + std::string{path} + " HTTP/1.1\r\nHost: a\r\n\r\n");
    return read_answer().second;
  }
};

constexpr auto stream_request = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr auto stream_head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

}  // namespace

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

TEST_CASE("reactor: trusted proxies carry many strangers") {
  world w{
      {.strangers_per_address_max = 1, .trusted_proxies = {*address_range::parse("127.0.0.0/8")}}};
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

TEST_CASE("reactor: two thousand idle connections cost no attention") {
  world w{{.strangers_per_address_max = 5000}};
  std::vector<std::unique_ptr<client>> idle;
  for (int i = 0; i < 2000; ++i) idle.push_back(std::make_unique<client>(w.port));
  client c{w.port};
  CHECK(c.get("/echo/x") == "x");
  REQUIRE(w.wait_for([&] { return w.edge->counters().connections == idle.size() + 1; }));
  for (size_t i = 0; i < idle.size(); i += 50) CHECK(idle[i]->get("/echo/y") == "y");
  idle.clear();
  CHECK(w.wait_for([&] { return w.edge->counters().connections == 1; }));
}
