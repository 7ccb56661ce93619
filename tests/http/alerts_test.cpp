// http/routes/admin.cpp: what an ADMIN sees of alerts, and how he tries them.
#include <unistd.h>

#include <fstream>

#include "tests/support/node_world.hpp"

using namespace parley;
using namespace parley::test;

namespace {

/// A webhook that takes everything, and a mail server that is not there.
struct hooked {
  temp_directory folder;
  scripted_upstream hook{[](const std::string&) {
    return script{send_bytes(whole_response(200, "application/json", "{}"))};
  }};

  setting_list settings(setting_list more = {}) {
    auto path = (folder.path() / "parley.toml").string();
    std::ofstream{path} << "alert_webhook_url = \"" << hook.url() << "/canary-token\"\n"
                        << "alert_webhook_secret = \"canary-key\"\n";
    more.insert(more.end(), {{"config", path},
                             {"alert-look-s", "1"},
                             {"alert-hold-s", "0"},
                             {"alert-smtp-url", "smtp://127.0.0.1:1"},
                             {"alert-mail-from", "parley@example.org"},
                             {"alert-mail-to", "ada@example.org"}});
    return more;
  }
};

}  // namespace

TEST_CASE("without a receiver there are no alerts") {
  node_world world;
  auto found = world.get(world.ada(), "/api/admin/alerts");
  CHECK(found.status == 200);
  CHECK(found.body == R"({"items":[],"receivers":[]})");
  auto tried = world.post(world.ada(), "/api/admin/alerts/test", "");
  CHECK(tried.status == 200);
  CHECK(tried.body == R"({"items":[]})");
  auto eve = world.add_user("eve");
  CHECK(world.get(eve, "/api/admin/alerts").status == 403);
  CHECK(world.post(eve, "/api/admin/alerts/test", "").status == 403);
}

TEST_CASE("a test says of each receiver whether it took the message") {
  hooked receivers;
  node_world world{receivers.settings({{"alert-disk-percent", "0"}, {"alert-disk-bytes", "0"}})};
  auto tried = world.post(world.ada(), "/api/admin/alerts/test", "");
  REQUIRE(tried.status == 200);
  CHECK(tried.at("/items/0/receiver") == "webhook");
  CHECK(tried.at("/items/0/delivered") == "true");
  CHECK(tried.at("/items/0/error") == "null");
  CHECK(tried.at("/items/1/receiver") == "mail");
  CHECK(tried.at("/items/1/delivered") == "false");
  CHECK(tried.at("/items/1/error") != "null");
  CHECK(tried.body.find("canary") == std::string::npos);
  REQUIRE(receivers.hook.requests().size() == 1);
  auto request = receivers.hook.requests().front();
  CHECK(request.find("\r\nX-Parley-Signature: sha256=") != request.npos);
  CHECK(request.find(R"("kind":"test")") != request.npos);
  CHECK(world.get(world.ada(), "/api/admin/alerts").at("/items/0") == "(absent)");
}

TEST_CASE("an ADMIN sees what fires, and how the deliveries go") {
  hooked receivers;
  node_world world{receivers.settings({{"alert-disk-percent", "100"}})};
  http_answer found;
  for (int tries = 0; tries < 1000; ++tries) {
    found = world.get(world.ada(), "/api/admin/alerts");
    if (found.at("/receivers/1/failedAt") != "null" &&
        found.at("/receivers/0/deliveredAt") != "null")
      break;
    ::usleep(10'000);
  }
  CHECK(found.at("/items/0/kind") == "disk_low");
  CHECK(found.at("/items/0/subject") == "data_dir");
  CHECK(found.at("/items/0/state") == "firing");
  CHECK(found.at("/items/1") == "(absent)");
  CHECK(found.at("/receivers/0/receiver") == "webhook");
  CHECK(found.at("/receivers/0/waiting") == "0");
  CHECK(found.at("/receivers/0/error") == "null");
  CHECK(found.at("/receivers/1/receiver") == "mail");
  CHECK(found.at("/receivers/1/waiting") == "1");
  CHECK(found.at("/receivers/1/error") != "null");
  CHECK(found.body.find("canary") == std::string::npos);
  auto shown = world.ask("GET", nullptr, "/metrics", "").body;
  CHECK(shown.find("parley_alerts_fired_total{kind=\"disk_low\"}") != shown.npos);
  CHECK(shown.find("parley_alert_failures_total{receiver=\"mail\"}") != shown.npos);
}
