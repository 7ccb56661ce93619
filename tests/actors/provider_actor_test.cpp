#include "providers/provider_actor.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "tests/support/scripted_upstream.hpp"

using namespace parley;
using namespace parley::providers;
using namespace parley::test;
using namespace std::chrono_literals;

namespace {

/// What sinks heard, by call.
struct heard {
  struct call {
    std::string text;
    std::string reasoning;
    std::vector<reply_finished> finished;
    std::vector<reply_failed> failed;
    size_t deltas = 0;
    size_t ticks = 0;
    bool is_on_loop = true;

    size_t ends() const { return finished.size() + failed.size(); }
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::map<call_id, call> calls;

  bool wait_until(std::function<bool()> is_so) {
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, 20s, is_so);
  }
  call wait_for_end(call_id id) {
    CHECK(wait_until([&] { return calls[id].ends() > 0; }));
    return look(id);
  }
  call look(call_id id) {
    std::lock_guard guard{mutex};
    return calls[id];
  }
};

reply_sink_actor::behavior_type probe(reply_sink_actor::pointer self, heard* into, io_loop* loop) {
  harden(self);
  auto note = [into](call_id id, auto change) {
    std::lock_guard guard{into->mutex};
    change(into->calls[id]);
    into->changed.notify_all();
  };
  return {[=](const reply_delta& m) {
            note(m.call, [&](heard::call& call) {
              ++call.deltas;
              call.is_on_loop = call.is_on_loop && loop->is_on_thread();
              for (auto& delta : m.deltas)
                (delta.type == part_type::reasoning ? call.reasoning : call.text) += delta.text;
            });
          },
          [=](const reply_finished& m) {
            note(m.call, [&](heard::call& call) { call.finished.push_back(m); });
          },
          [=](const reply_failed& m) {
            note(m.call, [&](heard::call& call) { call.failed.push_back(m); });
          },
          [=](const reply_tick& m) { note(m.call, [](heard::call& call) { ++call.ticks; }); }};
}

std::string event(const std::string& delta, const std::string& reason = "null") {
  return "data: {\"choices\":[{\"index\":0,\"delta\":" + delta + ",\"finish_reason\":" + reason +
         "}]}\n\n";
}

script good_reply() {
  return {
      send_bytes(stream_head()),
      send_bytes(stream_chunk(event(R"({"reasoning_content":"hm"})"))),
      pause_for(5ms),
      send_bytes(stream_chunk(event(R"({"content":"Hello"})") + event(R"({"content":", you"})"))),
      pause_for(5ms),
      send_bytes(stream_chunk(event("{}", "\"stop\"") +
                              R"(data: {"choices":[],"usage":{"prompt_tokens":9,)"
                              R"("completion_tokens":4}})"
                              "\n\ndata: [DONE]\n\n")),
      send_bytes(stream_end())};
}

/// A loop with a PROVIDER actor and sinks.
struct provider_world {
  caf::actor_system_config config;
  caf::actor_system system{config};
  io_loop loop{system};
  std::shared_ptr<const sealer> keys = std::make_shared<sealer>(key_ring::make());
  heard ears;
  provider_actor provider;
  std::thread thread;

  explicit provider_world(upstream_limits limits = {}) {
    auto services = make_provider_services(settings{}, keys);
    REQUIRE(services);
    services->limits = limits;
    provider = spawn_provider(loop, *services);
    thread = std::thread{[this] { loop.run(); }};
  }
  ~provider_world() {
    caf::anon_send_exit(provider, caf::exit_reason::user_shutdown);
    caf::scoped_actor self{system};
    self->wait_for(provider);
    provider = nullptr;
    loop.stop();
    thread.join();
  }

  reply_sink_actor make_sink() { return system.spawn(probe, &ears, &loop); }

  complete order(const scripted_upstream& server, const reply_sink_actor& sink) {
    complete message;
    message.call = make_call_id();
    message.sink = sink;
    message.model.id = model_id::make();
    message.model.base_url = server.url() + "/v1";
    message.model.model = "m";
    message.model.sealed_key = sealed("sk-canary-0123456789", message.model, server.url());
    part hello;
    hello.text = "Hi";
    message.messages = {{message_role::user, {hello}}};
    return message;
  }
  std::string sealed(const std::string& key, const model_config& model, const std::string& origin) {
    auto text = keys->seal(secret_text{key}, key_binding(model, origin));
    REQUIRE(text);
    return *text;
  }
  heard::call run(const complete& message) {
    caf::anon_send(provider, message);
    return ears.wait_for_end(message.call);
  }
};

std::string reason_of(const heard::call& call) {
  return call.failed.empty() ? "" : detail_of(call.failed.front().cause).reason;
}

}  // namespace

TEST_CASE("a call becomes deltas and one end", "[provider]") {
  scripted_upstream server{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto call = w.run(w.order(server, w.make_sink()));
  CHECK(call.reasoning == "hm");
  CHECK(call.text == "Hello, you");
  CHECK(call.deltas == 2);
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
