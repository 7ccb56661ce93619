/// A reactor on a running loop with a sink that answers each route as its name says, and a blocking
/// client: for the reactor's tests.
#pragma once

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

namespace parley::http::reactor_world {

using namespace std::chrono_literals;

inline const route_table& routes() {
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

inline std::string answer_of(int status, std::string_view body, bool keep_alive) {
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

}  // namespace parley::http::reactor_world
