// Proxies: only where one is set, only for whom, and what they are told.
#include "providers/provider_actor.hpp"
#include "tests/unit/providers/upstream_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

upstream_request through(const std::string& proxy, const std::string& url,
                         const std::string& login = {}) {
  auto request = request_to(url);
  request.proxy = std::make_shared<const upstream_proxy>(upstream_proxy{proxy, secret_text{login}});
  return request;
}

struct environment_entry {
  std::string name;
  environment_entry(const std::string& key, const std::string& value) : name(key) {
    ::setenv(key.c_str(), value.c_str(), 1);
  }
  ~environment_entry() { ::unsetenv(name.c_str()); }
};

}  // namespace

TEST_CASE("the environment sets no proxy", "[proxy]") {
  scripted_upstream proxy{[](const std::string&) { return stream_of({"data: proxy\n\n"}); }};
  scripted_upstream server{[](const std::string&) { return stream_of({"data: x\n\n"}); }};
  environment_entry http{"http_proxy", proxy.url()};
  environment_entry all{"all_proxy", proxy.url()};
  upstream_world w;
  CHECK(w.run(request_to(server.url())).bytes == "data: x\n\n");
  CHECK(proxy.counts().accepted == 0);
}

TEST_CASE("a proxy that is set is asked, and resolves the names", "[proxy]") {
  scripted_upstream proxy{[](const std::string&) { return stream_of({"data: x\n\n"}); }};
  // It would be called directly if the environment counted.
  environment_entry none{"no_proxy", "*"};
  upstream_world w;
  auto call = w.run(through(proxy.url(), "http://llm.invalid:8000/api", "user:canary"));
  CHECK(call.reason().empty());
  CHECK(call.bytes == "data: x\n\n");
  auto request = proxy.requests().at(0);
  CHECK(request.substr(0, request.find("\r\n")) ==
        "POST http://llm.invalid:8000/api/v1/chat HTTP/1.1");
  CHECK(request.find("\r\nProxy-Authorization: Basic dXNlcjpjYW5hcnk=\r\n") != request.npos);
}

TEST_CASE("a proxy sees neither key nor body of a call over TLS", "[proxy]") {
  scripted_upstream proxy{[](const std::string&) {
    return script{send_bytes(whole_response(403, "text/html", "<html>canary"))};
  }};
  upstream_world w;
  auto call = w.run(through(proxy.url(), "https://llm.invalid/api"));
  CHECK(call.reason() == "upstream_unreachable");
  CHECK_FALSE(call.end->was_sent);
  CHECK(call.heads == 0);
  auto request = proxy.requests().at(0);
  CHECK(request.substr(0, request.find("\r\n")) == "CONNECT llm.invalid:443 HTTP/1.1");
  CHECK(request.find("canary") == request.npos);
  CHECK(request.find("Proxy-Authorization") == request.npos);
}

TEST_CASE("a proxy that is not there", "[proxy]") {
  std::string nowhere;
  {
    scripted_upstream gone{[](const std::string&) { return script{}; }};
    nowhere = gone.url();
  }
  scripted_upstream server{[](const std::string&) { return stream_of({"data: x\n\n"}); }};
  upstream_world w;
  CHECK(w.run(through(nowhere, server.url())).reason() == "upstream_unreachable");
  CHECK(server.counts().accepted == 0);
}

TEST_CASE("who is called through the proxy", "[proxy]") {
  settings values;
  values.upstream_proxy = "http://proxy.example:3128";
  values.upstream_proxy_except = {"lan.example", "8.8.4.4"};
  auto rule_of = [&] {
    auto services = make_provider_services(values, std::make_shared<sealer>(key_ring::make()));
    REQUIRE(services);
    return services->proxy;
  };
  auto is_proxied = [](const proxy_rule& rule, const std::string& url, model_owner owner) {
    auto parsed = upstream_url::parse(url, {model_owner::admin, {}, {}});
    REQUIRE(parsed);
    return rule.of(*parsed, owner) != nullptr;
  };
  auto rule = rule_of();
  for (auto url : {"https://api.example.com", "http://llm.example:8000", "https://8.8.8.8",
                   "https://[2606:4700::1]", "https://notlan.example"}) {
    INFO(url);
    CHECK(is_proxied(rule, url, model_owner::admin));
    CHECK_FALSE(is_proxied(rule, url, model_owner::user));
  }
  for (auto url : {"http://127.0.0.1:11434", "http://localhost:8000", "http://10.1.2.3:8000",
                   "http://[::1]:8000", "http://[fd00::1]:8000", "https://lan.example",
                   "https://a.lan.example", "https://8.8.4.4"}) {
    INFO(url);
    CHECK_FALSE(is_proxied(rule, url, model_owner::admin));
  }
  values.upstream_proxy_for = proxy_reach::everyone;
  CHECK(is_proxied(rule_of(), "https://api.example.com", model_owner::user));
  values.upstream_proxy.clear();
  CHECK_FALSE(is_proxied(rule_of(), "https://api.example.com", model_owner::admin));
}
