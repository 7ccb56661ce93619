// API keys, quotas and usage as they are stored.
#include "tests/storage/stored.hpp"

using namespace parley;
using namespace parley::storage;

namespace {

usage_entry used(const user_id& owner, const model_id& model, instant at, int64_t tokens) {
  usage_entry entry;
  entry.owner_id = owner;
  entry.slot = usage_slot_of(at);
  entry.model_id = model;
  entry.model_name = "m";
  entry.prompt_tokens = tokens;
  entry.completion_tokens = 2;
  return entry;
}

usage_range year(usage_group group, const std::string& zone = "UTC") {
  return {
      {start_of_test.ms - 86'400'000}, {start_of_test.ms + 300 * int64_t{86'400'000}}, group, zone};
}

}  // namespace

TEST_CASE("an API key is stored whole and erased by its owner alone") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  api_key key;
  key.id = api_key_id::make();
  key.owner_id = ada.id;
  key.created_at = start_of_test;
  key.name = "k";
  key.scopes = {key_scope::read, key_scope::chat};
  key.models = {model_id::make()};
  key.budget = key_budget{quota_window::month, quota_measure::money, {}, "2.50", "USD"};
  key.token_hash = "hash";
  db.put(change_metering{create_api_key{key}});
  db.put(change_metering{touch_api_key{key.id, db.now}});
  auto loaded = db.get(load_user{ada.id}).keys;
  REQUIRE(loaded.size() == 1);
  key.last_used_at = db.now;
  CHECK(json_of(loaded[0]) == json_of(key));
  CHECK(loaded[0].token_hash == "hash");
  CHECK(db.get(load_user{eve.id}).keys.empty());
  CHECK(is_fault(db.store(change_metering{erase_api_key{eve.id, key.id}}), errc::not_found));
  db.put(change_metering{erase_api_key{ada.id, key.id}});
  CHECK(db.get(load_user{ada.id}).keys.empty());
  db.put(change_metering{touch_api_key{key.id, db.now}});
}

TEST_CASE("quotas are replaced as a whole") {
  stored db;
  CHECK(db.get(load_system{}).quotas.items.empty());
  quota_settings quotas;
  quotas.version = 7;
  quotas.items.emplace_back().limit = 5;
  db.put(change_metering{put_quotas{quotas}});
  db.put(change_metering{put_quotas{quotas}});
  CHECK(json_of(db.get(load_system{}).quotas) == json_of(quotas));
}

TEST_CASE("usage of one slot is one row, and a year of it is summed up by day") {
  stored db;
  auto ada = db.add_user("ada");
  auto model = model_id::make();
  for (int i = 0; i < 3; ++i)
    db.put(change_metering{add_usage{used(ada.id, model, start_of_test, 10)}});
  CHECK(db.count("usage_slots") == 1);
  auto priced = used(ada.id, model, start_of_test, 10);
  priced.currency = "USD";
  priced.cost = 5;
  db.put(change_metering{add_usage{priced}});
  auto days = db.get(read_usage{ada.id, year(usage_group::day)}).items;
  REQUIRE(days.size() == 2);
  CHECK(days[0].day == "2023-11-14");
  CHECK(days[0].requests == 3);
  CHECK(days[0].prompt_tokens == 30);
  CHECK(days[0].completion_tokens == 6);
  CHECK(!days[0].cost);
  REQUIRE(days[1].cost);
  CHECK(days[1].cost->amount == "0.000000005");
  // 22:13 in UTC is the next day in Tokyo.
  CHECK(db.get(read_usage{ada.id, year(usage_group::day, "Asia/Tokyo")}).items[0].day ==
        "2023-11-15");
}

TEST_CASE("usage is grouped by model, user and label, with the latest names") {
  stored db;
  auto ada = db.add_user("ada");
  auto eve = db.add_user("eve");
  auto model = model_id::make();
  auto first = used(ada.id, model, start_of_test, 10);
  first.model_name = "old";
  db.put(change_metering{add_usage{first}});
  auto later = used(ada.id, model, start_of_test + std::chrono::hours{1}, 10);
  later.model_name = "new";
  later.key_id = api_key_id::make();
  later.label = "night";
  db.put(change_metering{add_usage{later}});
  db.put(change_metering{add_usage{used(eve.id, model_id::make(), start_of_test, 1)}});
  auto models = db.get(read_usage{ada.id, year(usage_group::model)}).items;
  REQUIRE(models.size() == 1);
  CHECK(models[0].model_name == "new");
  CHECK(models[0].requests == 2);
  auto labels = db.get(read_usage{ada.id, year(usage_group::label)}).items;
  REQUIRE(labels.size() == 2);
  auto users = db.get(read_usage{std::nullopt, year(usage_group::user)}).items;
  REQUIRE(users.size() == 2);
  CHECK(users[0].username == "ada");
  CHECK(users[1].user_id == eve.id);
  CHECK(db.get(read_usage{eve.id, year(usage_group::user)}).items.size() == 1);
  db.put(erase_user{eve.id});
  CHECK(db.get(read_usage{std::nullopt, year(usage_group::user)}).items.size() == 1);
}

TEST_CASE("a user's windows are summed up from their beginnings") {
  stored db;
  auto ada = db.add_user("ada");
  auto model = model_id::make();
  db.put(change_metering{add_usage{used(ada.id, model, start_of_test, 10)}});
  db.put(
      change_metering{add_usage{used(ada.id, model, start_of_test + std::chrono::hours{48}, 20)}});
  auto sums = db.get(sum_windows{ada.id, start_of_test + std::chrono::hours{24},
                                 start_of_test - std::chrono::hours{1}});
  REQUIRE(sums.items.size() == 3);
  CHECK(sums.items[0].window == quota_window::day);
  CHECK(sums.items[0].tokens == 22);
  CHECK(sums.items[1].tokens == 34);
  CHECK(sums.items[2].requests == 2);
  CHECK(sums.items[2].model == model);
}
