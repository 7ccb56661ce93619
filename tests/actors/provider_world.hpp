/// A PROVIDER on a loop of its own thread, sinks that note what they hear, and orders for it.
#pragma once

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "providers/provider_actor.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace parley::test {

using namespace parley::providers;
using namespace std::chrono_literals;

/// What sinks heard, by call.
struct heard {
  struct call {
    std::string text;
    std::string reasoning;
    std::vector<reply_finished> finished;
    std::vector<reply_failed> failed;
    std::vector<reply_source> sources;
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

inline reply_sink_actor::behavior_type probe(reply_sink_actor::pointer self, heard* into,
                                             io_loop* loop) {
  harden(self);
  auto note = [into](call_id id, auto change) {
    std::lock_guard guard{into->mutex};
    change(into->calls[id]);
    into->changed.notify_all();
  };
  return {[=](const reply_delta& m) {
            note(m.call, [&](heard::call& call) {
              ++call.deltas;
              if (m.source) call.sources.push_back(*m.source);
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

inline std::string event(const std::string& delta, const std::string& reason = "null") {
  return "data: {\"choices\":[{\"index\":0,\"delta\":" + delta + ",\"finish_reason\":" + reason +
         "}]}\n\n";
}

inline script good_reply(const std::string& text = "Hello") {
  return {send_bytes(stream_head()),
          send_bytes(stream_chunk(event(R"({"reasoning_content":"hm"})"))),
          pause_for(5ms),
          send_bytes(stream_chunk(event("{\"content\":\"" + text + "\"}") +
                                  event(R"({"content":", you"})"))),
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

  explicit provider_world(upstream_limits limits = {}, health_rules health = {}) {
    auto services = make_provider_services(settings{}, keys);
    REQUIRE(services);
    services->limits = limits;
    services->health = health;
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

inline std::string reason_of(const heard::call& call) {
  return call.failed.empty() ? "" : detail_of(call.failed.front().cause).reason;
}

}  // namespace parley::test
