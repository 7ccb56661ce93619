#include <catch2/catch.hpp>

#include "actors/impl/account_rules.hpp"
#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

constexpr auto long_key = "sk-test-0123456789-wxyz";

struct fixture : account_world {
  fixture() { limits.models_max = 3; }
  user account = add_user("ada", role::admin);
  user bob = add_user("bob");

  void begin() {
    who = caller_of(log_in("bob"));
    actor = user_of(bob.id);
  }
  template <class R, class M>
  expected<R> ask_user(M message) {
    return ask<R>(actor, std::move(message));
  }
  expected<model_config> add(const std::string& name, const std::string& url = "https://a.example",
                             const std::string& key = {}) {
    return ask_user<model_config>(add_model{who, model_patch(name, url, key), {}});
  }
  expected<model_config> add_system(const std::string& name, bool enabled = true) {
    auto patch = model_patch(name, "https://b.example");
    give(patch, &model_config::enabled, enabled);
    return ask<model_config>(admin(), add_system_model{patch, {}});
  }
  std::string found(model_id id = {}) {
    auto model = ask_user<model_config>(find_model{id});
    return model ? model->name : detail_of(model.error()).reason;
  }
  expected<user_settings> prefer(std::optional<model_id> id) {
    change_settings wish{who, {}};
    give(wish.patch, &user_settings::default_model_id, id);
    return ask_user<user_settings>(wish);
  }

  caller who;
  user_actor actor;
};

template <class R>
std::string refusal(const expected<R>& answer) {
  if (answer) return "none";
  return to_string(code_of(answer.error())) + "/" + detail_of(answer.error()).reason;
}

}  // namespace

TEST_CASE("a personal model is made with its key sealed to row, owner and origin") {
  fixture world;
  world.begin();
  auto made = world.add("mine", "https://A.example/v1", long_key);
  REQUIRE(made);
  CHECK(made->owner_id == world.bob.id);
  CHECK(made->api_key.empty());
  CHECK(made->key_hint == "…wxyz");
  auto& stored = world.store.tables.models[made->id];
  CHECK(stored.sealed_key == made->sealed_key);
  std::vector<std::string> place{"model", to_string(made->id), to_string(world.bob.id),
                                 "https://a.example:443"};
  CHECK(world.keys.open(stored.sealed_key, place)->reveal() == long_key);
  CHECK(key_binding(stored, "https://a.example:443") == place);
}

TEST_CASE("names are unique, models are counted, and the base URL is checked") {
  fixture world;
  world.begin();
  auto made = world.add("mine");
  REQUIRE(made);
  CHECK(refusal(world.add("mine")) == "conflict/name_taken");
  world.refuse_url = make_error(errc::invalid_input, "upstream_not_allowed", "No.");
  CHECK(refusal(world.add("other")) == "invalid_input/upstream_not_allowed");
  auto patch = model_patch("mine", "https://169.254.169.254");
  CHECK(refusal(world.ask_user<model_config>(change_model{world.who, made->id, patch, 0})) ==
        "invalid_input/upstream_not_allowed");
  world.refuse_url = {};
  CHECK(world.add("two"));
  CHECK(world.add("three"));
  CHECK(refusal(world.add("four")) == "quota_exceeded/models_max");
  CHECK(refusal(world.ask_user<model_config>(
            change_model{world.who, made->id, model_patch("two", "https://a.example"), 0})) ==
        "conflict/name_taken");
}

TEST_CASE("a provider and a key are enough for a model") {
  fixture world;
  world.begin();
  patch_of<model_config> wish;
  give(wish, &model_config::provider, std::string{"anthropic"});
  give(wish, &model_config::api_key, secret_text{long_key});
  auto made = world.ask_user<model_config>(add_model{world.who, wish, {}});
  REQUIRE(made);
  CHECK(made->base_url == "https://api.anthropic.com/v1");
  CHECK(made->name == made->model);
  CHECK(made->prices);
  CHECK(made->key_hint == "…wxyz");

  give(wish, &model_config::provider, std::string{"telepathy"});
  CHECK(refusal(world.ask_user<model_config>(add_model{world.who, wish, {}})) ==
        "invalid_input/provider_unknown");
}

TEST_CASE("what no preset fills in is needed, and prices are decimals") {
  fixture world;
  world.begin();
  auto paths_of = [&](const patch_of<model_config>& wish) {
    auto made = world.ask_user<model_config>(add_model{world.who, wish, {}});
    std::string paths;
    if (made) return paths;
    for (auto& fault : detail_of(made.error()).fields) paths += fault.path + " ";
    return paths;
  };
  patch_of<model_config> wish;
  give(wish, &model_config::provider, std::string{"openai-compatible"});
  CHECK(paths_of(wish) == "/name /baseUrl /model ");
  wish = model_patch("priced", "https://a.example");
  give(wish, &model_config::prices, std::optional{model_prices{"usd", "1.5", "-1", "x"}});
  CHECK(paths_of(wish) == "/prices/outputPerMTok /prices/cachedPerMTok /prices/currency ");
  give(wish, &model_config::prices, std::optional{model_prices{"EUR", "1.5", "0", {}}});
  CHECK(paths_of(wish).empty());
}

TEST_CASE("another origin without another key clears the key") {
  fixture world;
  world.begin();
  auto made = world.add("mine", "https://a.example/v1", long_key);
  auto change = [&](const patch_of<model_config>& patch, int64_t version = 0) {
    return world.ask_user<model_config>(change_model{world.who, made->id, patch, version});
  };
  patch_of<model_config> patch;
  give(patch, &model_config::base_url, std::string{"https://A.example:443/v2"});
  auto same = change(patch);
  REQUIRE(same);
  CHECK(same->version == 2);
  CHECK(world.keys.open(same->sealed_key, key_binding(*same, "https://a.example:443")));
  CHECK(refusal(change(patch, 1)) == "conflict/version_mismatch");

  give(patch, &model_config::base_url, std::string{"https://evil.example/v2"});
  auto with_key = patch;
  give(with_key, &model_config::api_key, secret_text{"sk-another-key-0123456789"});
  SECTION("without a key") {
    auto moved = change(patch);
    REQUIRE(moved);
    CHECK(moved->sealed_key.empty());
    CHECK(moved->key_hint.empty());
    CHECK(world.store.tables.models[made->id].sealed_key.empty());
  }
  SECTION("another port is another origin") {
    give(patch, &model_config::base_url, std::string{"https://a.example:443/v1"});
    CHECK_FALSE(change(patch)->sealed_key.empty());
    world.allowed_ports = {8443};
    give(patch, &model_config::base_url, std::string{"https://a.example:8443/v1"});
    CHECK(change(patch)->sealed_key.empty());
  }
  SECTION("with a new key") {
    auto moved = change(with_key);
    REQUIRE(moved);
    CHECK(world.keys.open(moved->sealed_key, key_binding(*moved, "https://evil.example:443"))
              ->reveal() == "sk-another-key-0123456789");
  }
  SECTION("an empty key clears it") {
    patch_of<model_config> clear;
    give(clear, &model_config::api_key, secret_text{});
    CHECK(change(clear)->sealed_key.empty());
  }
}

TEST_CASE("models are listed, shown and dropped, and foreign ones are not there") {
  fixture world;
  world.begin();
  auto made = world.add("mine");
  auto shown = world.add_system("shared");
  auto hidden = world.add_system("resting", false);
  auto list = world.ask_user<model_list>(list_models{world.who});
  REQUIRE(list);
  CHECK(list->items.size() == 2);
  CHECK(world.ask_user<model_config>(get_model{world.who, made->id})->name == "mine");
  CHECK(world.ask_user<model_config>(get_model{world.who, shown->id})->name == "shared");
  auto absent = world.ask_user<model_config>(get_model{world.who, model_id::make()});
  auto closed = world.ask_user<model_config>(get_model{world.who, hidden->id});

  auto ada = world.caller_of(world.log_in("ada"));
  auto ada_actor = world.user_of(ada.user);
  CHECK(world.ask<model_list>(ada_actor, list_models{ada})->items.size() == 2);
  CHECK(world.ask<model_config>(ada_actor, get_model{ada, hidden->id})->name == "resting");
  auto foreign = world.ask<model_config>(ada_actor, get_model{ada, made->id});
  for (const auto& refused : {absent, closed, foreign}) {
    REQUIRE_FALSE(refused);
    CHECK(describe(refused.error()) == describe(model_gone()));
  }
  CHECK(refusal(world.ask<done>(ada_actor, drop_model{ada, made->id, 0})) ==
        "not_found/model_gone");
  CHECK(refusal(world.ask<model_config>(ada_actor, change_model{ada, made->id, {}, 0})) ==
        "not_found/model_gone");
  CHECK(refusal(world.ask_user<done>(drop_model{world.who, made->id, 9})) ==
        "conflict/version_mismatch");
  CHECK(world.ask_user<done>(drop_model{world.who, made->id, 1}));
  CHECK(world.store.tables.models.count(made->id) == 0);
  CHECK(refusal(world.ask_user<model_config>(get_model{world.who, made->id})) ==
        "not_found/model_gone");
}

TEST_CASE("a turn uses the model asked for, else the user's default, the system's, the only one") {
  fixture world;
  world.begin();
  CHECK(world.found() == "model_gone");
  auto mine = world.add("mine");
  CHECK(world.found() == "mine");
  CHECK(world.found(mine->id) == "mine");
  auto shared = world.add_system("shared");
  CHECK(world.found() == "shared");
  CHECK(world.found(shared->id) == "shared");
  auto second = world.add_system("second");
  auto resting = world.add_system("resting", false);
  world.add("other");
  CHECK(world.found() == "model_gone");
  CHECK(world.found(resting->id) == "model_gone");
  CHECK(world.found(model_id::make()) == "model_gone");

  change_system wish;
  give(wish.patch, &system_settings::default_model_id, std::optional{second->id});
  REQUIRE(world.ask<system_settings>(world.admin(), wish));
  CHECK(world.found() == "second");
  REQUIRE(world.prefer(mine->id));
  CHECK(world.found() == "mine");
  REQUIRE(world.prefer(shared->id));
  CHECK(world.found() == "shared");
  CHECK(refusal(world.prefer(model_id::make())) == "not_found/model_gone");
  CHECK(refusal(world.prefer(resting->id)) == "not_found/model_gone");
  CHECK(world.found() == "shared");
  auto leaving = world.add("leaving");
  REQUIRE(world.prefer(leaving->id));
  CHECK(world.found() == "leaving");
  REQUIRE(world.ask_user<done>(drop_model{world.who, leaving->id, 0}));
  CHECK(world.found() == "second");
  patch_of<model_config> off;
  give(off, &model_config::enabled, false);
  REQUIRE(world.ask_user<model_config>(change_model{world.who, mine->id, off, 0}));
  CHECK(world.found(mine->id) == "model_gone");
  CHECK(refusal(world.prefer(mine->id)) == "not_found/model_gone");
  CHECK(world.found() == "second");
}

TEST_CASE("a model that could not be stored is not there") {
  fixture world;
  world.begin();
  auto made = world.add("mine");
  world.store.fail_commit = make_error(errc::storage_full);
  CHECK(refusal(world.add("lost")) == "storage_full/");
  CHECK(refusal(world.ask_user<done>(drop_model{world.who, made->id, 0})) == "storage_full/");
  CHECK(refusal(world.ask_user<model_config>(
            change_model{world.who, made->id, model_patch("renamed", "https://a.example"), 0})) ==
        "storage_full/");
  auto list = world.ask_user<model_list>(list_models{world.who});
  REQUIRE(list->items.size() == 1);
  CHECK(list->items[0].name == "mine");
}
