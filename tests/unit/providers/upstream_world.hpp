/// An upstream on a loop of its own thread, and all that its calls reported: for the tests beside
/// it.
#pragma once

#include <catch2/catch.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>

#include "providers/upstream.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace parley::test {

using namespace parley::providers;
using namespace std::chrono_literals;

inline std::shared_ptr<const address_policy> admin_policy() {
  return std::make_shared<address_policy>(address_policy{model_owner::admin, {}, {}});
}

inline upstream_url admin_url(const std::string& text) {
  auto url = upstream_url::parse(text, *admin_policy());
  REQUIRE(url);
  return *url;
}

inline upstream_request request_to(const std::string& url, std::string body = "{}") {
  return {admin_url(url),
          "/v1/chat",
          {"Content-Type: application/json", "Accept: text/event-stream"},
          secret_text{"Authorization: Bearer sk-canary-0123456789"},
          std::make_shared<const std::string>(std::move(body)),
          admin_policy()};
}

/// What one call's owner saw.
struct seen_call {
  response_head head;
  int heads = 0;
  std::string bytes;
  size_t rounds = 0;
  std::optional<upstream_end> end;
  int ends = 0;

  std::string reason() const {
    if (!end) return "running";
    return end->fault ? detail_of(end->fault).reason : "";
  }
};

/// A loop on a thread of its own with an upstream on it.
struct upstream_world : upstream_listener {
  caf::actor_system_config config;
  caf::actor_system system{config};
  io_loop loop{system};
  std::unique_ptr<upstream> calls;
  std::thread thread;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<upstream_call_id, seen_call> seen;
  std::function<void(upstream_call_id)> on_bytes_hook;

  explicit upstream_world(upstream_limits limits = {}) {
    thread = std::thread{[this] { loop.run(); }};
    on_loop([&] { calls = std::make_unique<upstream>(loop, limits); });
  }

  ~upstream_world() override {
    on_loop([&] { calls.reset(); });
    loop.stop();
    thread.join();
  }

  template <class F>
  auto on_loop(F f) -> decltype(f()) {
    std::promise<decltype(f())> result;
    auto run = [&] {
      if constexpr (std::is_void_v<decltype(f())>) {
        f();
        result.set_value();
      } else {
        result.set_value(f());
      }
    };
    // No REQUIRE: `f` may assert, and Catch2 does so on one thread at a time.
    if (!loop.post(run)) throw std::logic_error("the loop has ended");
    return result.get_future().get();
  }

  upstream_call_id start(upstream_request request) {
    auto id = on_loop([&] { return calls->start(std::move(request), *this); });
    REQUIRE(id);
    return *id;
  }

  void on_head(upstream_call_id id, const response_head& head) override {
    std::lock_guard guard{mutex};
    seen[id].head = head;
    ++seen[id].heads;
    changed.notify_all();
  }
  void on_bytes(upstream_call_id id, std::string_view bytes) override {
    {
      std::lock_guard guard{mutex};
      seen[id].bytes += bytes;
      ++seen[id].rounds;
      changed.notify_all();
    }
    if (on_bytes_hook) on_bytes_hook(id);
  }
  void on_end(upstream_call_id id, const upstream_end& end) override {
    std::lock_guard guard{mutex};
    seen[id].end = end;
    ++seen[id].ends;
    changed.notify_all();
  }

  bool wait_until(std::function<bool()> is_so) {
    std::unique_lock guard{mutex};
    return changed.wait_for(guard, 20s, is_so);
  }
  seen_call wait_for_end(upstream_call_id id) {
    CHECK(wait_until([&] { return seen[id].end.has_value(); }));
    std::lock_guard guard{mutex};
    return seen[id];
  }
  seen_call look(upstream_call_id id) const {
    std::lock_guard guard{mutex};
    auto found = seen.find(id);
    return found == seen.end() ? seen_call{} : found->second;
  }
  seen_call run(upstream_request request) { return wait_for_end(start(std::move(request))); }
  size_t running() {
    return on_loop([&] { return calls->calls(); });
  }
};

inline script stream_of(const std::vector<std::string>& chunks) {
  script result{send_bytes(stream_head())};
  for (auto& chunk : chunks) result.push_back(send_bytes(stream_chunk(chunk)));
  result.push_back(send_bytes(stream_end()));
  return result;
}

}  // namespace parley::test
