// Mode `single`: one account, no login on this machine, and nobody from elsewhere.
#include <filesystem>

#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

/// A node of one user; it may be started again with other settings.
struct single_world {
  single_world() { start(); }
  ~single_world() { stop(); }

  settings values(setting_list more = {}) const {
    setting_sources sources;
    sources.flags = {{"data-dir", directory.path().string()},
                     {"listen", "127.0.0.1:0"},
                     {"mode", "single"},
                     {"vocabulary-dir", "none"},
                     {"bcrypt-cost", "4"},
                     {"io-threads", "1"},
                     {"scheduler-threads", "1"},
                     {"hashing-threads", "1"}};
    for (auto& [name, value] : more) {
      std::erase_if(sources.flags, [&, name = name](auto& flag) { return flag.first == name; });
      sources.flags.emplace_back(name, value);
    }
    auto loaded = load_settings(std::move(sources));
    if (!loaded) throw std::runtime_error(sentence_of(loaded.error()));
    return loaded->values;
  }
  void start(setting_list more = {}) {
    auto started = app::node::start(values(std::move(more)));
    if (!started) throw std::runtime_error(sentence_of(started.error()));
    node = std::move(*started);
  }
  void stop() {
    if (!node) return;
    std::atomic<bool> is_urgent = true;
    node->stop(std::chrono::milliseconds{0}, is_urgent);
    node.reset();
  }
  http_answer ask(http_request request) { return http_client{node->port()}.ask(request); }
  http_answer log_in(header_list headers = {}) {
    return ask({"POST", "/api/auth/login", {}, std::move(headers)});
  }

  temp_directory directory;
  std::unique_ptr<app::node> node;
};

}  // namespace

TEST_CASE("who is on this machine needs no login, and is ADMIN") {
  single_world world;
  auto methods = world.ask({"GET", "/api/auth/methods", {}, {}});
  CHECK(methods.at("/mode") == "single");
  CHECK(methods.at("/registration") == "closed");
  CHECK(methods.at("/setupRequired") == "false");
  CHECK(methods.at("/passwordRequired") == "false");
  for (auto body : {"", "{}"}) {
    auto tickets = world.ask({"POST", "/api/auth/login", body, {}});
    REQUIRE(tickets.status == 200);
    CHECK(tickets.at("/user/username") == "owner");
    CHECK(tickets.at("/user/role") == "ADMIN");
    auto who = account::from(tickets);
    CHECK(world.ask({"GET", "/api/settings/system", {}, {authorization(who)}}).status == 200);
  }
  auto closed = world.ask({"POST",
                           "/api/auth/register",
                           R"({"username":"eve","password":"correct horse battery"})",
                           {}});
  CHECK(closed.status == 403);
  CHECK(closed.at("/error/reason") == "registration_closed");
}

TEST_CASE("pages of other sites and proxies get nothing") {
  single_world world;
  for (const auto& [header, value] :
       {std::pair{"Host", "evil.example"}, std::pair{"Host", "localhost.evil.example:80"},
        std::pair{"Origin", "http://evil.example"}, std::pair{"Origin", "null"},
        std::pair{"X-Forwarded-For", "127.0.0.1"}, std::pair{"Forwarded", "for=127.0.0.1"}}) {
    INFO(header << ": " << value);
    auto refused = world.log_in({{header, value}});
    CHECK(refused.status == 403);
    CHECK(refused.at("/error/reason") == "loopback_only");
  }
  CHECK(world.log_in({{"Host", "localhost:1"}, {"Origin", "http://127.0.0.1:3000"}}).status == 200);
}

TEST_CASE("with a password mode single asks for it, and mode multi keeps everything") {
  single_world world;
  auto owner = account::from(world.log_in());
  auto chat = world.ask({"POST", "/api/sessions", R"({"title":"kept"})", {authorization(owner)}});
  REQUIRE(chat.status == 201);
  auto changed = world.ask({"PUT",
                            "/api/auth/password",
                            R"({"currentPassword":"","newPassword":"correct horse battery"})",
                            {authorization(owner)}});
  REQUIRE(changed.status == 204);
  auto refused = world.log_in();
  CHECK(refused.status == 401);
  CHECK(refused.at("/error/reason") == "password_needed");
  CHECK(world.ask({"GET", "/api/auth/methods", {}, {}}).at("/passwordRequired") == "true");

  world.stop();
  world.start({{"mode", "multi"}});
  CHECK(world.log_in().status == 400);
  auto tickets = world.ask({"POST",
                            "/api/auth/login",
                            R"({"username":"owner","password":"correct horse battery"})",
                            {}});
  REQUIRE(tickets.status == 200);
  auto same = account::from(tickets);
  auto found = world.ask({"GET", "/api/sessions/" + chat.at("/id"), {}, {authorization(same)}});
  CHECK(found.at("/title") == "kept");
}

TEST_CASE("beyond loopback mode single starts only with a password") {
  single_world world;
  world.stop();
  auto refused = app::node::start(world.values({{"listen", "0.0.0.0:0"}}));
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::invalid_input);
  CHECK(sentence_of(refused.error()).find("parley user passwd") != std::string::npos);
  world.start();
  auto owner = account::from(world.log_in());
  REQUIRE(world
              .ask({"PUT",
                    "/api/auth/password",
                    R"({"currentPassword":"","newPassword":"correct horse battery"})",
                    {authorization(owner)}})
              .status == 204);
  world.stop();
  world.start({{"listen", "0.0.0.0:0"}});
  CHECK(world.log_in({{"Host", "parley.example"}}).status == 401);
}

TEST_CASE("secrets made anew beside a database are known to be lost") {
  single_world world;
  CHECK_FALSE(world.node->has_lost_secrets());
  world.stop();
  world.start();
  CHECK_FALSE(world.node->has_lost_secrets());
  world.stop();
  std::filesystem::remove(world.directory.path() / "secrets.json");
  world.start();
  CHECK(world.node->has_lost_secrets());
}
