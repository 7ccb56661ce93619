// providers/alert_sender at a real socket.
#include "providers/alert_sender.hpp"

#include <catch2/catch.hpp>

#include "tests/support/actor_world.hpp"
#include "tests/support/scripted_upstream.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::tests;
using namespace parley::providers;
using namespace std::chrono_literals;

namespace {

constexpr auto token = "canary-token";

struct sender_world : actor_world {
  std::string answer = whole_response(200, "application/json", R"({"errcode":0})");
  script steps{};
  scripted_upstream server{
      [this](const std::string&) { return steps.empty() ? script{send_bytes(answer)} : steps; }};
  alert_sender_parts parts;

  sender_world() {
    parts.host = "chat-1";
    parts.patience = 2s;
    parts.clock = &clock;
    parts.address = {alert_receiver::wecom,
                     secret_text{server.url() + "/send?key=" + std::string{token}}};
  }

  expected<done> deliver() {
    alert one;
    one.kind = alert_kind::disk_low;
    one.subject = "data_dir";
    one.summary = "Little is free.";
    auto sender = own(spawn_alert_sender(system, parts, sender_thread::shared));
    return ask<done>(sender, deliver_alerts{{one}});
  }
  /// The sentence of a delivery that fails.
  std::string fault() {
    auto result = deliver();
    REQUIRE_FALSE(result);
    auto sentence = sentence_of(result.error());
    CHECK(detail_of(result.error()).reason == "alert_undelivered");
    CHECK(sentence.find(token) == sentence.npos);
    CHECK(sentence.find("127.0.0.1") == sentence.npos);
    return sentence;
  }
};

}  // namespace

TEST_CASE("a delivery is one POST of JSON", "[alerts]") {
  sender_world w;
  CHECK(w.deliver());
  REQUIRE(w.server.requests().size() == 1);
  auto request = w.server.requests().front();
  CHECK(request.starts_with("POST /send?key=canary-token HTTP/1.1\r\n"));
  CHECK(request.find("\r\nContent-Type: application/json; charset=utf-8\r\n") != request.npos);
  CHECK(request.find(R"({"msgtype":"text")") != request.npos);
}

TEST_CASE("a delivery that fails says why, without the URL", "[alerts]") {
  sender_world w;
  w.answer = whole_response(200, "application/json", R"({"errcode":93000,"errmsg":"x"})");
  CHECK(w.fault().find("93000") != std::string::npos);
  w.answer = whole_response(404, "text/plain", "no");
  CHECK(w.fault() == "It answered with status 404.");
  // Not followed: the token would go elsewhere.
  w.answer = whole_response(302, "text/plain", "", "Location: " + w.server.url() + "/other\r\n");
  CHECK(w.fault() == "It answered with status 302.");
  w.steps = {send_bytes("HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n"),
             send_endlessly("xxxxxxxxxxxxxxxx")};
  CHECK_FALSE(w.fault().empty());
  w.steps = {reset_now()};
  CHECK_FALSE(w.fault().empty());
  w.parts.patience = 100ms;
  w.steps = {hang()};
  CHECK(w.fault().find("imeout") != std::string::npos);
  w.parts.address.url = secret_text{"http://127.0.0.1:1/?key=canary-token"};
  CHECK(w.fault().find("connect") != std::string::npos);
}

TEST_CASE("a delivery ends when the node stops", "[alerts]") {
  sender_world w;
  w.parts.patience = 60s;
  w.parts.is_stopping = std::make_shared<std::atomic<bool>>(true);
  w.steps = {hang()};
  CHECK_FALSE(w.fault().empty());
}

TEST_CASE("the settings name the receivers", "[alerts]") {
  settings values;
  CHECK(alert_addresses_of(values, {})->empty());
  values.alert_webhook_url = secret_text{"https://hooks.example.org/x"};
  values.alert_dingtalk_url = secret_text{"https://oapi.dingtalk.com/robot/send?access_token=t"};
  values.alert_dingtalk_secret = secret_text{"SEC"};
  values.alert_smtp_url = "smtp://mail.example.org:587";
  values.alert_mail_from = "parley@example.org";
  values.alert_mail_to = {"ada@example.org"};
  proxy_rule proxy;
  proxy.proxy = std::make_shared<const upstream_proxy>(upstream_proxy{"http://p:1", {}});
  proxy.except = {"example.org"};
  auto all = alert_addresses_of(values, proxy);
  REQUIRE(all);
  REQUIRE(all->size() == 3);
  CHECK(all->at(0).receiver == alert_receiver::webhook);
  CHECK(all->at(0).proxy == nullptr);
  CHECK(all->at(1).key.reveal() == "SEC");
  CHECK(all->at(1).proxy == proxy.proxy);
  CHECK(all->at(2).receiver == alert_receiver::mail);
  CHECK(all->at(2).needs_tls);
  values.alert_wecom_url = secret_text{"https://169.254.169.254/token"};
  auto refused = alert_addresses_of(values, {});
  REQUIRE_FALSE(refused);
  CHECK(sentence_of(refused.error()) == "alert_wecom_url: this URL is no good.");
}
