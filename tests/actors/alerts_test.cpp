#include <catch2/catch.hpp>

#include "actors/impl/alerts_actor.hpp"
#include "base/record_json.hpp"
#include "tests/support/actor_world.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

/// Takes what it is told, or refuses it; a silent one answers with what it takes next.
struct receiver {
  bool refuses = false;
  bool is_silent = false;
  std::vector<std::string> taken;  ///< "firing data_dir, resolved data_dir": one a message
  int tries = 0;
  caf::typed_response_promise<done> held;
};

alert_sender_actor::behavior_type receive(alert_sender_actor::pointer self, receiver* as) {
  return {[=](const deliver_alerts& told) -> caf::result<done> {
    ++as->tries;
    if (as->is_silent) {
      as->held = self->make_response_promise<done>();
      return as->held;
    }
    if (as->held.pending()) as->held.deliver(done{});
    if (as->refuses) return make_error(errc::provider_failed, "alert_undelivered", "It says no.");
    std::string text;
    for (const auto& one : told.items)
      text += (text.empty() ? "" : ", ") + to_string(one.state) + " " + one.subject;
    as->taken.push_back(text);
    return done{};
  }};
}

struct alerts_world : actor_world {
  temp_directory data;
  alert_samples samples;
  model_list models;
  channel_reports reports;
  receiver first;
  receiver second;
  alerts_parts parts;
  alerts_actor target;

  alerts_world() {
    samples.disks.push_back({"data_dir", "/data", 100, 100});
    parts.limits.disk_bytes = 10;
    parts.clock = &clock;
    parts.start_watch = [this] {
      return spawn_alert_watch(system, {[this] { return samples; }, file()}, watch_thread::shared);
    };
    parts.admin = caf::actor_cast<admin_actor>(
        own(system.spawn([this](caf::event_based_actor*) -> caf::behavior {
          return {[this](const list_system_models&) { return models; }};
        })));
    add(alert_receiver::webhook, first);
  }
  ~alerts_world() { end(); }

  std::filesystem::path file() const { return data.path() / "alerts.json"; }
  void add(alert_receiver kind, receiver& as) {
    parts.receivers.push_back({kind, [this, &as] { return system.spawn(receive, &as); }});
  }
  void begin() {
    target = spawn_alerts(system, parts);
    run();
  }
  void end() {
    if (target) stop(target);
    target = alerts_actor{};
  }
  alert_overview read() {
    auto found = ask<alert_overview>(target, read_alerts{});
    REQUIRE(found);
    return *found;
  }
  void make_low() { samples.disks.front().free_bytes = 1; }
  void make_well() { samples.disks.front().free_bytes = 100; }
};

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("an alert fires once and resolves once, at each receiver", "[alerts]") {
  alerts_world w;
  w.add(alert_receiver::mail, w.second);
  w.begin();
  w.advance(10min);
  CHECK(w.first.tries == 0);
  w.make_low();
  w.advance(10min);
  CHECK(w.first.taken == texts{"firing data_dir"});
  CHECK(w.second.taken == w.first.taken);
  auto all = w.read();
  REQUIRE(all.items.size() == 1);
  CHECK(all.items.front().kind == alert_kind::disk_low);
  REQUIRE(all.receivers.size() == 2);
  CHECK(all.receivers[1].receiver == alert_receiver::mail);
  CHECK(all.receivers[1].delivered_at);
  CHECK_FALSE(all.receivers[1].error);
  w.make_well();
  w.advance(10min);
  CHECK(w.first.taken == texts{"firing data_dir", "resolved data_dir"});
  CHECK(w.second.taken == w.first.taken);
  CHECK(w.read().items.empty());
}

TEST_CASE("a receiver that fails is tried again, holds up nobody, and is given up", "[alerts]") {
  alerts_world w;
  w.add(alert_receiver::feishu, w.second);
  w.first.refuses = true;
  w.parts.tries_max = 3;
  w.begin();
  w.make_low();
  w.advance(91s);
  CHECK(w.second.taken == texts{"firing data_dir"});
  CHECK(w.first.tries == 1);
  auto past = w.read().receivers.front();
  CHECK(past.error == "It says no.");
  CHECK(past.waiting == 1);
  w.advance(5s);
  CHECK(w.first.tries == 2);
  w.advance(20s);
  CHECK(w.first.tries == 3);
  CHECK(w.read().receivers.front().waiting == 0);
  w.advance(30min);
  CHECK(w.first.tries == 3);
  // What comes next is tried anew.
  w.first.refuses = false;
  w.make_well();
  w.advance(2min);
  CHECK(w.first.taken == texts{"resolved data_dir"});
  past = w.read().receivers.front();
  CHECK_FALSE(past.error);
  CHECK(past.failed_at);
}

TEST_CASE("what waits goes out together, and no more waits than may", "[alerts]") {
  alerts_world w;
  w.parts.queue_max = 3;
  w.parts.look = 10s;
  w.first.refuses = true;
  w.begin();
  auto tell = [&](const std::string& name) {
    budget_crossed told;
    told.username = name;
    told.is_above = true;
    caf::anon_send(w.target, told);
  };
  for (const auto* name : {"ada", "bob", "eve", "joe"}) tell(name);
  w.advance(11s);
  CHECK(w.first.tries == 1);
  CHECK(w.read().items.size() == 4);
  CHECK(w.read().receivers.front().waiting == 3);
  w.first.refuses = false;
  w.advance(10s);
  CHECK(w.first.taken ==
        texts{"firing ada/day/requests, firing bob/day/requests, firing eve/day/requests"});
}

TEST_CASE("a restart neither repeats what was told nor loses what was not", "[alerts]") {
  alerts_world w;
  w.begin();
  w.make_low();
  w.advance(2min);
  CHECK(w.first.taken == texts{"firing data_dir"});
  w.end();
  w.begin();
  w.advance(10min);
  CHECK(w.first.taken == texts{"firing data_dir"});
  CHECK(w.read().items.size() == 1);
  w.end();
  w.make_well();
  w.first.refuses = true;
  w.begin();
  w.advance(61s);
  CHECK(w.first.tries > 1);
  w.end();
  w.first.refuses = false;
  w.begin();
  w.advance(1s);
  CHECK(w.first.taken == texts{"firing data_dir", "resolved data_dir"});
  w.end();
  w.begin();
  w.advance(10min);
  CHECK(w.first.taken.size() == 2);
}

TEST_CASE("channels of the system's models are looked at once a PROVIDER is known", "[alerts]") {
  alerts_world w;
  auto& model = w.models.items.emplace_back();
  model.id = model_id::make();
  model.name = "fast";
  model.base_url = "https://a.example/v1";
  w.reports.items.push_back(
      {model.id, "", "https://a.example:443", channel_condition::open, std::nullopt});
  // A user's own.
  w.reports.items.push_back(
      {model_id::make(), "", "https://b.example:443", channel_condition::open, std::nullopt});
  w.begin();
  w.advance(5min);
  CHECK(w.first.tries == 0);
  auto provider = w.own(w.system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const read_channels&) { return w.reports; }};
  }));
  caf::anon_send(w.target, meet_provider{caf::actor_cast<provider_actor>(provider)});
  w.advance(5min);
  CHECK(w.first.taken == texts{"firing fast"});
  w.reports.items.front().condition = channel_condition::well;
  w.advance(5min);
  CHECK(w.first.taken == texts{"firing fast", "resolved fast"});
}

TEST_CASE("failing requests and a late backup are told apart from a disk", "[alerts]") {
  alerts_world w;
  w.parts.limits.backup_age = 48h;
  w.samples.backup_age_s = 3600;
  w.begin();
  for (int minute = 0; minute < 10; ++minute) {
    w.samples.requests += 100;
    w.samples.failures += 10;
    w.advance(1min);
  }
  CHECK(w.first.taken == texts{"firing requests"});
  for (int minute = 0; minute < 10; ++minute) {
    w.samples.requests += 100;
    w.advance(1min);
  }
  CHECK(w.first.taken == texts{"firing requests", "resolved requests"});
  w.samples.backup_age_s = 49 * 3600;
  w.advance(5min);
  CHECK(w.first.taken.back() == "firing backup_dir");
  CHECK(w.read().items.front().kind == alert_kind::backup_late);
}

TEST_CASE("a test goes to each receiver, and its answer says how it went", "[alerts]") {
  alerts_world w;
  w.add(alert_receiver::wecom, w.second);
  w.second.refuses = true;
  w.begin();
  auto made = w.ask<alert_trials>(w.target, test_receivers{});
  REQUIRE(made);
  REQUIRE(made->items.size() == 2);
  CHECK(made->items[0].delivered);
  CHECK_FALSE(made->items[0].error);
  CHECK_FALSE(made->items[1].delivered);
  CHECK(made->items[1].error == "It says no.");
  CHECK(w.first.taken == texts{"firing test"});
  CHECK(w.read().items.empty());

  w.first.is_silent = true;
  auto slow = w.ask_later(w.target, test_receivers{});
  w.run();
  auto busy = w.ask<alert_trials>(w.target, test_receivers{});
  REQUIRE_FALSE(busy);
  CHECK(detail_of(busy.error()).reason == "alerts_busy");
  w.first.is_silent = false;
  w.make_low();
  w.advance(2min);
  CHECK(w.answer_of<alert_trials>(slow));
}

TEST_CASE("without a receiver nothing is looked at", "[alerts]") {
  alerts_world w;
  w.parts.receivers.clear();
  w.begin();
  w.make_low();
  caf::anon_send(w.target, budget_crossed{"eve", {}, true});
  w.advance(10min);
  auto all = w.read();
  CHECK(all.items.empty());
  CHECK(all.receivers.empty());
  CHECK(w.ask<alert_trials>(w.target, test_receivers{})->items.empty());
  CHECK_FALSE(std::filesystem::exists(w.file()));
}

TEST_CASE("workers that crash are followed by others", "[alerts]") {
  alerts_world w;
  w.begin();
  fail_next<take_samples>("alert_watch");
  w.make_low();
  w.advance(5min);
  CHECK(w.first.taken == texts{"firing data_dir"});
}
