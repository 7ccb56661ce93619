// Names whose answers change, name servers that hang: where calls really go. 300 names, or as many
// as PARLEY_REBINDINGS says.
#include "tests/support/fake_network.hpp"

#include "tests/unit/providers/upstream_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

upstream_request request_of_a_user(const std::string& host, uint16_t port) {
  auto policy = std::make_shared<address_policy>();
  policy->ports = {port};
  auto url = upstream_url::parse("https://" + host + ":" + std::to_string(port), *policy);
  REQUIRE(url);
  auto request = request_to("http://127.0.0.1:8000");
  request.base = *url;
  request.policy = policy;
  return request;
}

size_t names_to_try() {
  auto* wanted = std::getenv("PARLEY_REBINDINGS");
  return wanted ? std::strtoul(wanted, nullptr, 10) : 300;
}

/// What must never be called for a user's model, in the forms that a name server can give.
const std::vector<std::string> forbidden{
    "127.0.0.1",       "127.99.0.7",      "10.0.0.1",    "172.16.3.4",
    "192.168.1.1",     "169.254.169.254", "100.64.1.1",  "0.0.0.0",
    "224.0.0.1",       "255.255.255.255", "::1",         "::",
    "fd00::1",         "fe80::1",         "ff02::1",     "::ffff:127.0.0.1",
    "64:ff9b::7f00:1", "2002:7f00:1::",   "::127.0.0.1", "::ffff:169.254.169.254"};

}  // namespace

TEST_CASE("a name that leads elsewhere each time never leads inwards", "[rebinding]") {
  scripted_upstream server{[](const std::string&) { return stream_of({"data: secret\n\n"}); }};
  std::atomic<size_t> asked{0};
  fake_network network{[&](const std::string& name) -> std::vector<std::string> {
    auto bad = forbidden[++asked % forbidden.size()];
    // The one public first, and then what it is about; or that alone.
    if (name.substr(0, 5) == "mixed") return {"8.8.8.8", bad};
    if (name.substr(0, 6) == "inward") return {bad};
    return {bad, "1.1.1.1", bad};
  }};
  upstream_limits limits;
  limits.lookups_per_host_max = 64;
  upstream_world w{limits};
  std::vector<std::pair<std::string, upstream_call_id>> calls;
  auto count = names_to_try();
  for (size_t i = 0; i < count; ++i) {
    auto kind = i % 3 == 0 ? "mixed" : i % 3 == 1 ? "inward" : "both";
    auto host = kind + std::to_string(i) + ".test";
    calls.emplace_back(host, w.start(request_of_a_user(host, server.port())));
  }
  for (auto& [host, id] : calls) {
    auto call = w.wait_for_end(id);
    INFO(host);
    CHECK(call.reason() == "upstream_not_allowed");
    CHECK_FALSE(call.end->was_sent);
  }
  CHECK(network.lookups() == count);
  // Else nothing had been tried: the public address of the mixed ones and of "both".
  CHECK(network.outward_connects() >= count / 3);
  CHECK(network.loopback_connects() == 0);
  CHECK(server.counts().accepted == 0);
}

TEST_CASE("a name that was public and is private now is not called", "[rebinding]") {
  scripted_upstream server{[](const std::string&) { return stream_of({"data: x\n\n"}); }};
  std::atomic<bool> is_inward{false};
  fake_network network{[&](const std::string&) -> std::vector<std::string> {
    return {is_inward ? "127.0.0.1" : "8.8.8.8"};
  }};
  for (auto inward : {false, true}) {
    is_inward = inward;
    upstream_world w;  // libcurl itself would keep the first answer for a minute
    auto call = w.run(request_of_a_user("turning.test", server.port()));
    CHECK(call.reason() == (inward ? "upstream_not_allowed" : "upstream_unreachable"));
  }
  CHECK(network.outward_connects() == 1);
  CHECK(network.loopback_connects() == 0);
}

TEST_CASE("name servers that hang hold up nobody else", "[rebinding]") {
  scripted_upstream server{[](const std::string&) { return stream_of({"data: x\n\n"}); }};
  std::mutex mutex;
  std::condition_variable changed;
  auto is_over = false;
  fake_network network{[&](const std::string&) -> std::vector<std::string> {
    std::unique_lock guard{mutex};
    changed.wait(guard, [&] { return is_over; });
    return {};
  }};
  upstream_limits limits;
  limits.connect_ms = 400;
  {
    upstream_world w{limits};
    std::vector<upstream_call_id> stuck;
    for (int i = 0; i < 100; ++i)
      stuck.push_back(
          w.start(request_of_a_user("h" + std::to_string(i % 5) + ".test", server.port())));
    auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; ++i) CHECK(w.run(request_to(server.url())).reason().empty());
    // None of them waited for a look-up: they would have taken 400 ms or more.
    CHECK(std::chrono::steady_clock::now() - began < 5s);
    for (auto id : stuck) CHECK(w.wait_for_end(id).reason() == "upstream_timeout");
    began = std::chrono::steady_clock::now();
    w.on_loop([&] { w.calls.reset(); });
    // Libcurl joins no thread of its resolver.
    CHECK(std::chrono::steady_clock::now() - began < 1s);
    CHECK(network.lookups_now() > 0);
  }
  CHECK(network.lookups() <= 100);
  std::lock_guard guard{mutex};
  is_over = true;
  changed.notify_all();
}
