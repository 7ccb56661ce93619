#include "actors/impl/alert_rules.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace std::chrono_literals;

namespace {

const steady_time start{std::chrono::hours{100}};

model_config model_at(std::string name, std::string base_url) {
  model_config model;
  model.id = model_id::make();
  model.name = std::move(name);
  model.base_url = std::move(base_url);
  return model;
}

}  // namespace

TEST_CASE("failures are counted over a span, and few requests say nothing") {
  request_window recent{300s};
  alert_limits limits;
  recent.add(start, 10, 10);
  CHECK(finding_of(recent, limits).sign == alert_sign::well);
  recent.add(start + 30s, 100, 10);
  auto found = finding_of(recent, limits);
  CHECK(found.sign == alert_sign::bad);
  CHECK(found.subject == "requests");
  CHECK(found.summary == "10 of 100 requests within 300 s were answered with 5xx.");
  CHECK_FALSE(found.mend.empty());
  // Between four fifths of the bound and the bound: neither.
  recent.add(start + 60s, 220, 10);
  CHECK(finding_of(recent, limits).sign == alert_sign::unclear);
  recent.add(start + 90s, 300, 10);
  CHECK(finding_of(recent, limits).sign == alert_sign::well);
  // What lies before the span does not count any more.
  recent.add(start + 390s, 400, 11);
  CHECK(recent.requests() == 100);
  CHECK(recent.failures() == 1);
}

TEST_CASE("a window keeps few points however often it is asked") {
  request_window recent{300s};
  for (int i = 0; i < 100'000; ++i) recent.add(start + i * 10ms, static_cast<uint64_t>(i), 0);
  // 100 requests a second, within the step between two points.
  CHECK(recent.requests() >= 29'900);
  CHECK(recent.requests() <= 30'200);
}

TEST_CASE("a disk is low by share or by bytes, and well with some room beyond") {
  alert_limits limits;
  limits.disk_percent = 10;
  limits.disk_bytes = 100;
  auto sign_of_free = [&](uint64_t free, uint64_t bytes) {
    alert_samples taken;
    taken.disks.push_back({"data_dir", "/var/lib/parley", free, bytes});
    return findings_of(taken, limits).front().sign;
  };
  CHECK(sign_of_free(999, 10'000) == alert_sign::bad);
  CHECK(sign_of_free(1'000, 10'000) == alert_sign::unclear);
  CHECK(sign_of_free(1'100, 10'000) == alert_sign::well);
  CHECK(sign_of_free(99, 500) == alert_sign::bad);
  CHECK(sign_of_free(110, 500) == alert_sign::well);
  alert_samples taken;
  taken.disks.push_back({"data_dir", "/var/lib/parley", 5 << 20, 50 << 20});
  limits.disk_bytes = 10 << 20;
  auto found = findings_of(taken, limits).front();
  CHECK(found.kind == alert_kind::disk_low);
  CHECK(found.subject == "data_dir");
  CHECK(found.summary == "5 MiB of 50 MiB are free on the disk of data_dir (/var/lib/parley).");
}

TEST_CASE("a backup is late by its age, unless nobody makes any") {
  alert_limits limits;
  alert_samples taken;
  CHECK(findings_of(taken, limits).empty());
  taken.backup_age_s = 49 * 3600;
  CHECK(findings_of(taken, limits).empty());
  limits.backup_age = 48h;
  auto found = findings_of(taken, limits);
  REQUIRE(found.size() == 1);
  CHECK(found.front().sign == alert_sign::bad);
  CHECK(found.front().summary == "There has been no whole backup for 49 hours.");
  taken.backup_age_s = 48 * 3600;
  CHECK(findings_of(taken, limits).front().sign == alert_sign::well);
}

TEST_CASE("each channel of an enabled model is a subject of its own") {
  auto model = model_at("fast", "https://a.example/v1");
  model.channels.emplace_back().name = "second";
  model.channels.back().base_url = "https://b.example/v1";
  auto idle = model_at("idle", "https://c.example");
  auto disabled = model_at("old", "https://a.example");
  disabled.enabled = false;
  channel_reports reports;
  reports.items.push_back(
      {model.id, "", "https://a.example:443", channel_condition::open, std::nullopt});
  reports.items.push_back(
      {model.id, "second", "https://b.example:443", channel_condition::well, std::nullopt});
  reports.items.push_back(
      {disabled.id, "", "https://a.example:443", channel_condition::open, std::nullopt});
  auto found = findings_of(model_list{{model, idle, disabled}}, reports);
  REQUIRE(found.size() == 3);
  CHECK(found[0].subject == "fast");
  CHECK(found[0].sign == alert_sign::bad);
  CHECK(found[0].summary == "The model fast does not answer at https://a.example:443.");
  CHECK(found[1].subject == "fast/second");
  CHECK(found[1].sign == alert_sign::well);
  CHECK(found[2].sign == alert_sign::unclear);
  // One that asks for patience answers.
  reports.items[0].condition = channel_condition::resting;
  CHECK(findings_of(model_list{{model}}, reports)[0].sign == alert_sign::unclear);
  reports.items[0].condition = channel_condition::half_open;
  CHECK(findings_of(model_list{{model}}, reports)[0].sign == alert_sign::bad);
}

TEST_CASE("a budget says who, of what, and until when") {
  budget_crossed told;
  told.username = "eve";
  told.is_above = true;
  told.state.window = quota_window::month;
  told.state.measure = quota_measure::tokens;
  told.state.limit = 100'000;
  told.state.used = 79'000;
  told.state.reserved = 1'000;
  told.state.resets_at = instant{5};
  auto found = finding_of(told);
  CHECK(found.kind == alert_kind::budget);
  CHECK(found.subject == "eve/month/tokens");
  CHECK(found.sign == alert_sign::bad);
  CHECK(found.summary ==
        "eve has used 80000 of 100000 tokens of the month; the quota is that of everyone.");
  CHECK(found.ends_at == instant{5});

  told.state.subject = quota_subject::key;
  told.state.subject_id = "k";
  told.state.window = quota_window::total;
  told.state.measure = quota_measure::money;
  told.state.amount = "5";
  told.state.used_amount = "4.1";
  told.state.reserved_amount = "0.2";
  told.state.currency = "USD";
  told.is_above = false;
  found = finding_of(told);
  CHECK(found.subject == "eve/total/money/key k/USD");
  CHECK(found.sign == alert_sign::well);
  CHECK(found.summary == "eve has used 4.3 of 5 USD in total; the quota is that of key k.");
}
