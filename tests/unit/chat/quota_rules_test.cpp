#include "chat/quota_rules.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

quota_rule rule(quota_subject subject, std::optional<std::string> id, int64_t limit,
                quota_window window = quota_window::day) {
  quota_rule made;
  made.subject = subject;
  made.subject_id = std::move(id);
  made.window = window;
  made.measure = quota_measure::tokens;
  made.limit = limit;
  return made;
}

std::vector<int64_t> values(const std::vector<quota_limit>& limits) {
  std::vector<int64_t> all;
  for (const auto& limit : limits) all.push_back(limit.limit);
  return all;
}

}  // namespace

TEST_CASE("the most specific rule of the account replaces the others") {
  quota_applicant who;
  who.user = user_id::make();
  std::vector<quota_rule> rules{rule(quota_subject::user, to_string(who.user), 3),
                                rule(quota_subject::everyone, {}, 1),
                                rule(quota_subject::role, "USER", 2)};
  CHECK(values(limits_of(rules, who)) == std::vector<int64_t>{3});
  auto other = who;
  other.user = user_id::make();
  CHECK(values(limits_of(rules, other)) == std::vector<int64_t>{2});
  other.role = role::admin;
  CHECK(values(limits_of(rules, other)) == std::vector<int64_t>{1});
  // Another window is another limit, and both hold.
  rules.push_back(rule(quota_subject::everyone, {}, 9, quota_window::month));
  CHECK(values(limits_of(rules, who)) == std::vector<int64_t>{3, 9});
}

TEST_CASE("rules of a key and a model hold beside the account's") {
  quota_applicant who;
  who.user = user_id::make();
  who.key = api_key_id::make();
  who.model = model_id::make();
  std::vector<quota_rule> rules{rule(quota_subject::everyone, {}, 1),
                                rule(quota_subject::key, to_string(who.key), 20),
                                rule(quota_subject::model, to_string(who.model), 30),
                                rule(quota_subject::model, to_string(model_id::make()), 40)};
  who.budget = key_budget{};
  who.budget->limit = 50;
  auto limits = limits_of(rules, who);
  CHECK(values(limits) == std::vector<int64_t>{1, 20, 30, 50});
  CHECK(limits[0].key.is_none());
  CHECK(limits[1].key == who.key);
  CHECK(limits[2].model == who.model);
  who.key = {};
  who.model = {};
  CHECK(values(limits_of(rules, who)) == std::vector<int64_t>{1});
}

TEST_CASE("money is limited in its currency, in whole numbers") {
  auto made = rule(quota_subject::everyone, {}, 0);
  made.measure = quota_measure::money;
  made.limit.reset();
  made.amount = "2.50";
  made.currency = "USD";
  fault_list faults;
  check_rules({made}, faults);
  CHECK(faults.is_empty());
  CHECK(values(limits_of({made}, {})) == std::vector<int64_t>{2'500'000'000});
  check_rules({made, made}, faults);
  CHECK(detail_of(std::move(faults).to_error()).fields[0].path == "/items/1");
}

TEST_CASE("periods lie around now") {
  auto now = *parse_instant("2026-07-25T09:30:15.500Z");
  auto periods = periods_around(now, {});
  CHECK(periods[0].begin == *parse_instant("2026-07-25T09:30:00Z"));
  CHECK(periods[0].end == *parse_instant("2026-07-25T09:31:00Z"));
  CHECK(periods[1].begin == *parse_instant("2026-07-25T00:00:00Z"));
  CHECK(periods[2].end == *parse_instant("2026-08-01T00:00:00Z"));
  CHECK(periods[3].begin.ms == 0);
}
