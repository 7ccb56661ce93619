// A disk that takes nothing: turns are refused, the rest goes on, and it recovers by itself.
#include <sys/resource.h>

#include <csignal>
#include <thread>

#include "tests/support/node_world.hpp"

using namespace parley::test;

namespace {

/// While it lives no file of this process grows.
class full_disk {
 public:
  full_disk() {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    auto none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_FSIZE, &none);
  }
  ~full_disk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  full_disk(const full_disk&) = delete;
  full_disk& operator=(const full_disk&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("a database that takes nothing refuses turns before the call, and recovers") {
  node_world world;
  world.add_model();
  auto session = world.add_session(world.ada());
  auto turn = R"({"sessionId":")" + session + R"(","content":"Hi"})";
  auto health = [&] { return world.ask({"GET", "/api/health", {}, {}}); };
  {
    full_disk disk;
    // The first to meet it: stored nothing, told so.
    CHECK(world.post(world.ada(), "/api/chat/stream", turn, {{"Accept", "application/json"}})
              .status >= 500);
    auto refused =
        world.post(world.ada(), "/api/chat/stream", turn, {{"Accept", "application/json"}});
    CHECK((refused.status == 503 || refused.status == 507));
    CHECK(refused.at("/error/reason").starts_with("storage_"));
    CHECK(refused.header("Retry-After") == "1");
    CHECK(health().status == 200);
    CHECK(health().at("/status") == "degraded");
    CHECK(world.get(world.ada(), "/api/sessions/" + session).status == 200);
  }
  for (int i = 0; i < 100 && health().at("/status") != "ok"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK(health().at("/status") == "ok");
  auto reply = world.post(world.ada(), "/api/chat/stream", turn, {{"Accept", "application/json"}});
  CHECK(reply.status == 200);
  CHECK(reply.at("/status") == "complete");
}
