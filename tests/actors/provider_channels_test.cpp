// PROVIDER among several ways to a model: channels, fallback models, and what is remembered.
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include "tests/actors/provider_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

/// A port where nobody listens.
std::string refusing_url() {
  scripted_upstream gone{[](const std::string&) { return script{}; }};
  return gone.url();
}

script silence() {
  return {hang()};
}

/// An address whose packets are dropped: the queue of those to be accepted is full.
class deaf_port {
 public:
  deaf_port() : listener_(socket_to()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listener_, 0) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    for (int tries = 0; tries < 16; ++tries) {
      fillers_.push_back(socket_to());
      static_cast<void>(::connect(fillers_.back(), reinterpret_cast<sockaddr*>(&address), size));
      pollfd waiting{fillers_.back(), POLLOUT, 0};
      if (::poll(&waiting, 1, 100) == 0) return;  // it waits for an answer as others will
    }
    FAIL("the queue does not fill");
  }
  ~deaf_port() {
    for (auto each : fillers_) ::close(each);
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  static int socket_to() { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0); }
  int listener_;
  uint16_t port_ = 0;
  std::vector<int> fillers_;
};

/// A model of two addresses; the calls go to the first, the other is the reserve.
complete order_for_two(provider_world& w, const std::string& first, const std::string& second) {
  complete message;
  message.call = make_call_id();
  message.sink = w.make_sink();
  message.model.id = model_id::make();
  message.model.name = "Two";
  message.model.model = "m";
  message.model.base_url = first + "/v1";
  message.model.sealed_key = w.sealed("sk-first-key-0123456789", message.model, first);
  message.model.channels = {{"second", second + "/v1", {}, true, {}, 0}};
  message.model.channel_keys = {w.sealed("sk-second-key-0123456789", message.model, second)};
  part hello;
  hello.text = "Hi";
  message.messages = {{message_role::user, {hello}}};
  return message;
}

heard::call run_again(provider_world& w, complete& message) {
  message.call = make_call_id();
  return w.run(message);
}

std::string source_of(const heard::call& call) {
  if (call.sources.size() != 1) return std::to_string(call.sources.size()) + " sources";
  auto& source = call.sources.front();
  return source.model_name + "/" + source.channel + "/" + std::to_string(source.attempts);
}

}  // namespace

TEST_CASE("a channel that refuses costs no reply, and then no time", "[provider]") {
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto order = order_for_two(w, refusing_url(), good.url());
  auto began = std::chrono::steady_clock::now();
  auto call = w.run(order);
  CHECK(std::chrono::steady_clock::now() - began < 1s);
  CHECK(call.text == "Hello, you");
  CHECK(call.failed.empty());
  CHECK(source_of(call) == "Two/second/2");
  // Its circuit is open now: nobody tries it first.
  CHECK(source_of(run_again(w, order)) == "Two/second/1");
  auto requests = good.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].find("Bearer sk-second-key-0123456789\r\n") != std::string::npos);
  CHECK(requests[0].find("first-key") == std::string::npos);
  CHECK(requests[0].substr(requests[0].find("\r\n\r\n")) ==
        requests[1].substr(requests[1].find("\r\n\r\n")));
  CHECK(requests[0].find(R"("content":"Hi")") != std::string::npos);
}

TEST_CASE("a channel that drops packets costs the limit of connecting once", "[provider]") {
  deaf_port deaf;
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  upstream_limits limits;
  limits.connect_ms = 400;
  provider_world w{limits};
  auto order = order_for_two(w, deaf.url(), good.url());
  for (std::string source : {"Two/second/2", "Two/second/1"}) {
    auto began = std::chrono::steady_clock::now();
    CHECK(source_of(run_again(w, order)) == source);
    auto took = std::chrono::steady_clock::now() - began;
    CHECK(took < 400ms + 1s);
    CHECK((took >= 400ms) == (source == "Two/second/2"));
  }
}

TEST_CASE("a silent channel costs its limit once", "[provider]") {
  scripted_upstream silent{[](const std::string&) { return silence(); }};
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  upstream_limits limits;
  limits.first_byte_ms = 300;
  provider_world w{limits};
  auto order = order_for_two(w, silent.url(), good.url());
  CHECK(source_of(w.run(order)) == "Two/second/2");
  CHECK(source_of(run_again(w, order)) == "Two/second/1");
  CHECK(silent.counts().requests == 1);
  CHECK(silent.wait_for_no_connection());
}

TEST_CASE("before the first token whatever is the channel's fault goes elsewhere", "[provider]") {
  std::string bad;
  auto answer = GENERATE(as<std::string>{}, "401", "429", "500", "html", "reset", "empty");
  INFO(answer);
  scripted_upstream first{[&](const std::string&) -> script {
    if (answer == "html") return {send_bytes(whole_response(200, "text/html", "<html>canary"))};
    if (answer == "reset") return {send_bytes(stream_head()), reset_now()};
    if (answer == "empty") return {send_bytes(stream_head()), send_bytes(stream_end())};
    return {send_bytes(whole_response(std::stoi(answer), "application/json", "{}"))};
  }};
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto order = order_for_two(w, first.url(), good.url());
  auto call = w.run(order);
  CHECK(call.text == "Hello, you");
  CHECK(call.ends() == 1);
  CHECK(source_of(call) == "Two/second/2");
  CHECK(first.counts().requests == 1);
}

TEST_CASE("what is wrong with the request, or comes after a token, stays where it is",
          "[provider]") {
  auto is_late = GENERATE(false, true);
  scripted_upstream first{[&](const std::string&) -> script {
    if (!is_late) return {send_bytes(whole_response(400, "application/json", R"({"error":{}})"))};
    return {send_bytes(stream_head()), send_bytes(stream_chunk(event(R"({"content":"par"})"))),
            pause_for(10ms), reset_now()};
  }};
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto call = w.run(order_for_two(w, first.url(), good.url()));
  CHECK(call.failed.size() == 1);
  CHECK(call.text == (is_late ? "par" : ""));
  CHECK(first.counts().requests == 1);
  CHECK(good.counts().requests == 0);
}

TEST_CASE("three calls at most, whatever there is to try", "[provider]") {
  scripted_upstream bad{[](const std::string&) {
    return script{send_bytes(whole_response(500, "text/plain", "canary"))};
  }};
  provider_world w;
  auto order = order_for_two(w, bad.url(), bad.url());
  for (std::string name : {"c", "d", "e"}) {
    order.model.channels.push_back({name, bad.url() + "/v1", {}, false, {}, 1});
    order.model.channel_keys.emplace_back();
  }
  auto call = w.run(order);
  CHECK(reason_of(call) == "upstream_error");
  CHECK(call.ends() == 1);
  CHECK(bad.counts().requests == 3);
}

TEST_CASE("the fallback answers when no channel does, in its own words", "[provider]") {
  scripted_upstream other{[](const std::string&) { return good_reply("Salut"); }};
  provider_world w;
  auto order = order_for_two(w, refusing_url(), refusing_url());
  fallback_model fallback;
  fallback.model.id = model_id::make();
  fallback.model.name = "Other";
  fallback.model.model = "m2";
  fallback.model.base_url = other.url() + "/v1";
  fallback.model.sealed_key = w.sealed("sk-other-0123456789", fallback.model, other.url());
  fallback.params.max_tokens = 77;
  order.fallback = fallback;
  auto call = w.run(order);
  CHECK(call.text == "Salut, you");
  CHECK(source_of(call) == "Other//3");
  CHECK(call.sources.front().model_id == fallback.model.id);
  auto requests = other.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].find(R"("model":"m2")") != std::string::npos);
  CHECK(requests[0].find("\"max_completion_tokens\":77") != std::string::npos);
  CHECK(requests[0].find(R"("content":"Hi")") != std::string::npos);
  CHECK(requests[0].find("Bearer sk-other-0123456789\r\n") != std::string::npos);
}

TEST_CASE("the channel of a stolen key is passed over", "[provider]") {
  scripted_upstream first{[](const std::string&) { return good_reply(); }};
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto order = order_for_two(w, first.url(), good.url());
  order.model.sealed_key = w.sealed("sk-first", order.model, "http://127.0.0.1:1");
  CHECK(source_of(w.run(order)) == "Two/second/2");
  CHECK(first.counts().accepted == 0);
}

TEST_CASE("what another thread learnt counts here", "[provider]") {
  scripted_upstream first{[](const std::string&) { return good_reply(); }};
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  provider_world w;
  auto order = order_for_two(w, first.url(), good.url());
  caf::anon_send(w.provider, channel_changed{order.model.id, "", first.url(), 1, 60'000});
  CHECK(source_of(w.run(order)) == "Two/second/1");
  caf::anon_send(w.provider, channel_changed{order.model.id, "", first.url(), 0, 0});
  CHECK(source_of(run_again(w, order)) == "Two//1");
}

TEST_CASE("others are told of a channel that fails", "[provider]") {
  scripted_upstream good{[](const std::string&) { return good_reply(); }};
  provider_world w;
  provider_world other;
  auto order = order_for_two(w, refusing_url(), good.url());
  caf::anon_send(w.provider,
                 meet_providers{{caf::actor_cast<channel_listener_actor>(other.provider)}});
  CHECK(source_of(w.run(order)) == "Two/second/2");
  auto elsewhere = order;
  elsewhere.sink = other.make_sink();
  elsewhere.model.channel_keys = {
      other.sealed("sk-second-key-0123456789", order.model, good.url())};
  CHECK(source_of(run_again(other, elsewhere)) == "Two/second/1");
}

TEST_CASE("texts become vectors, by another channel if need be", "[provider]") {
  scripted_upstream good{[](const std::string&) {
    return script{send_bytes(
        whole_response(200, "application/json",
                       R"({"data":[{"index":1,"embedding":[3,4]},{"index":0,"embedding":[1,2]}],)"
                       R"("usage":{"prompt_tokens":5}})"))};
  }};
  provider_world w;
  auto order = order_for_two(w, refusing_url(), good.url());
  caf::scoped_actor self{w.system};
  expected<embedded> answer{make_error(errc::internal)};
  auto ask = [&](const model_config& model, std::vector<std::string> texts) {
    self->request(w.provider, 20s, embed{{}, model, std::move(texts), 2})
        .receive([&](const embedded& found) { answer = found; },
                 [&](error& cause) { answer = std::move(cause); });
  };
  ask(order.model, {"one", "two"});
  REQUIRE(answer);
  CHECK(answer->vectors == std::vector<std::vector<float>>{{1, 2}, {3, 4}});
  CHECK(answer->prompt_tokens == 5);
  REQUIRE(answer->source);
  CHECK(answer->source->channel == "second");
  auto requests = good.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].substr(0, 20) == "POST /v1/embeddings ");
  CHECK(requests[0].find(R"("input":["one","two"])") != std::string::npos);
  CHECK(requests[0].find(R"("dimensions":2)") != std::string::npos);

  auto reason = [&] { return answer ? "none" : detail_of(answer.error()).reason; };
  ask(order.model, {});
  CHECK(reason() == "embedding_texts");
  ask(order.model, std::vector<std::string>(embedded_texts_max + 1, "x"));
  CHECK(reason() == "embedding_texts");
  auto lying = order_for_two(w, good.url(), good.url());
  ask(lying.model, {"one"});  // two vectors for one text
  CHECK(reason() == "upstream_broken");
  auto mute = order.model;
  mute.provider = "anthropic";
  ask(mute, {"one"});
  CHECK(reason() == "embedding_unsupported");
}

TEST_CASE("embeddings that never end are given up, and draining ends them", "[provider]") {
  scripted_upstream endless{[](const std::string&) {
    return script{send_bytes(stream_head()), send_endlessly(stream_chunk(std::string(4096, ' ')))};
  }};
  scripted_upstream silent{[](const std::string&) { return silence(); }};
  provider_world w;
  model_config model;
  model.model = "m";
  model.base_url = endless.url();
  caf::scoped_actor self{w.system};
  auto reason_at = [&](const model_config& asked, auto meanwhile) {
    std::string reason;
    auto pending = self->request(w.provider, 20s, embed{{}, asked, {"one"}, 0});
    meanwhile();
    pending.receive([](const embedded&) {},
                    [&](const error& cause) { reason = detail_of(cause).reason; });
    return reason;
  };
  CHECK(reason_at(model, [] {}) == "upstream_too_large");
  model.base_url = silent.url();
  CHECK(reason_at(model, [&] {
          while (silent.counts().requests == 0) std::this_thread::sleep_for(2ms);
          caf::anon_send(w.provider, fail_calls{});
        }) == "draining");
  CHECK(silent.wait_for_no_connection());
}
