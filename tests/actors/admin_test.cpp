#include <catch2/catch.hpp>

#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

struct fixture : account_world {
  expected<login_ticket> sign_up(const std::string& name, const std::string& password,
                                 const std::string& code = {}) {
    return ask<login_ticket>(
        admin(),
        register_user{
            user_patch(name), secret_text{password}, secret_text{code}, {"203.0.113.9", "test"}});
  }
  void open_registration() {
    change_system wish;
    give(wish.patch, &system_settings::registration, registration::open);
    REQUIRE(ask<system_settings>(admin(), wish));
  }
};

template <class R>
std::string refusal(const expected<R>& answer) {
  if (answer) return "none";
  auto reason = detail_of(answer.error()).reason;
  return to_string(code_of(answer.error())) + (reason.empty() ? "" : "/" + reason);
}

}  // namespace

TEST_CASE("the first account becomes ADMIN, then registration is closed") {
  fixture world;
  auto methods = world.ask<login_methods>(world.admin(), get_methods{});
  CHECK(methods->needs_setup);
  CHECK(methods->registration == registration::closed);
  auto first = world.sign_up("ada", good_password);
  REQUIRE(first);
  CHECK(first->account.role == role::admin);
  CHECK(first->account.password_hash.empty());
  auto who = world.caller_of(*first);
  CHECK(world.ask<done>(world.user_of(who.user), admit{who}));
  CHECK_FALSE(world.ask<login_methods>(world.admin(), get_methods{})->needs_setup);
  CHECK(refusal(world.sign_up("bob", good_password)) == "forbidden/registration_closed");
  world.open_registration();
  CHECK(world.sign_up("bob", good_password)->account.role == role::user);
  CHECK(refusal(world.sign_up("BOB", good_password)) == "conflict/name_taken");
  CHECK_NOTHROW(world.log_in("bob"));
}

TEST_CASE("beyond the loopback the first account needs the setup code") {
  fixture world;
  world.setup_code = secret_text{"code-123"};
  CHECK(refusal(world.sign_up("ada", good_password)) == "forbidden/setup_code_needed");
  CHECK(refusal(world.sign_up("ada", good_password, "code-124")) == "forbidden/setup_code_needed");
  CHECK(world.sign_up("ada", good_password, "code-123"));
}

TEST_CASE("of two who would both be the first account one passes") {
  fixture world;
  auto question = [&](const std::string& name) {
    return world.ask_later(
        world.admin(),
        register_user{user_patch(name), secret_text{good_password}, {}, {"203.0.113.9", ""}});
  };
  auto a = question("ada");
  auto b = question("bob");
  world.run();
  auto first = world.answer_of<login_ticket>(a);
  auto second = world.answer_of<login_ticket>(b);
  CHECK(bool(first) != bool(second));
  CHECK(world.store.tables.users.size() == 1);
  CHECK(world.store.tables.users.begin()->second.role == role::admin);

  // Another node was faster: STORAGE decides.
  fixture late;
  late.admin();
  late.add_user("eve", role::admin);
  CHECK(refusal(late.sign_up("ada", good_password)) == "conflict/not_first");
  CHECK_FALSE(late.ask<login_methods>(late.admin(), get_methods{})->needs_setup);
}

TEST_CASE("bad names and passwords are refused with their fields") {
  fixture world;
  auto spaced = world.sign_up("a da", good_password);
  CHECK(detail_of(spaced.error()).fields.at(0).path == "/username");
  auto weak = world.sign_up("ada", "password");
  CHECK(refusal(weak) == "invalid_input/password_refused");
  CHECK(detail_of(weak.error()).fields.at(0).path == "/password");
  world.store.fail_commit = make_error(errc::storage_full);
  CHECK(refusal(world.sign_up("ada", good_password)) == "storage_full");
  CHECK(world.ask<login_methods>(world.admin(), get_methods{})->needs_setup);
}

TEST_CASE("ADMIN makes, lists, changes and drops accounts") {
  fixture world;
  auto admin = world.sign_up("ada", good_password)->account;
  auto made = world.ask<user>(
      world.admin(),
      make_user{user_patch("bob"), secret_text{good_password}, role::user, false, {}});
  REQUIRE(made);
  CHECK(made->password_hash.empty());
  CHECK_NOTHROW(world.log_in("bob"));
  CHECK(refusal(world.ask<user>(
            world.admin(),
            make_user{user_patch("bob"), secret_text{good_password}, role::user, false, {}})) ==
        "conflict/name_taken");
  CHECK(refusal(world.ask<user>(
            world.admin(),
            make_user{user_patch("eve"), secret_text{"short"}, role::user, false, {}})) ==
        "invalid_input/password_refused");
  CHECK(world.ask<page_of<user>>(world.admin(), list_users{{}, ""})->items.size() == 2);
  CHECK(world.ask<page_of<user>>(world.admin(), list_users{{}, "bo"})->items.size() == 1);
  auto read = world.ask<user>(world.admin(), get_user{made->id});
  CHECK(read->username == "bob");
  CHECK(read->password_hash.empty());
  CHECK(refusal(world.ask<user>(world.admin(), get_user{user_id::make()})) == "not_found");

  auto changed = world.ask<user>(world.admin(), change_user{made->id, {role::admin, {}}});
  CHECK(changed->role == role::admin);
  CHECK(world.ask<done>(world.admin(), drop_user{admin.id}));
  CHECK(refusal(world.ask<done>(world.admin(), drop_user{made->id})) == "conflict/last_admin");
  CHECK(
      refusal(world.ask<user>(world.admin(), change_user{made->id, {{}, user_status::disabled}})) ==
      "conflict/last_admin");
  CHECK(refusal(world.ask<user>(world.admin(), change_user{user_id::make(), {role::user, {}}})) ==
        "not_found");
  CHECK(refusal(world.ask<done>(world.admin(), drop_user{admin.id})) == "not_found");
}

TEST_CASE("system settings change with their version") {
  fixture world;
  CHECK(world.ask<system_settings>(world.admin(), get_system{})->version == 1);
  change_system wish;
  give(wish.patch, &system_settings::banner, std::optional<std::string>{"Hello"});
  wish.if_version = 1;
  CHECK(world.ask<system_settings>(world.admin(), wish)->version == 2);
  CHECK(refusal(world.ask<system_settings>(world.admin(), wish)) == "conflict/version_mismatch");
  CHECK(world.store.tables.system.banner == "Hello");
  wish.if_version = 0;
  give(wish.patch, &system_settings::default_model_id, std::optional{model_id::make()});
  auto refused = world.ask<system_settings>(world.admin(), wish);
  REQUIRE_FALSE(refused);
  CHECK(detail_of(refused.error()).fields.at(0).path == "/defaultModelId");
  world.store.fail_commit = make_error(errc::storage_failed);
  change_system banner;
  give(banner.patch, &system_settings::banner, std::optional<std::string>{"lost"});
  CHECK(refusal(world.ask<system_settings>(world.admin(), banner)) == "storage_failed");
  CHECK(world.ask<system_settings>(world.admin(), get_system{})->banner == "Hello");
}

TEST_CASE("system models have no owner, and their keys are sealed without one") {
  fixture world;
  auto key = "sk-system-0123456789-wxyz";
  auto add = [&](const std::string& name) {
    return world.ask<model_config>(
        world.admin(), add_system_model{model_patch(name, "http://10.0.0.5:11434", key), {}});
  };
  auto made = add("local");
  REQUIRE(made);
  CHECK(made->is_system());
  std::vector<std::string> place{"model", to_string(made->id), "system", "http://10.0.0.5:11434"};
  CHECK(world.keys.open(made->sealed_key, place)->reveal() == key);
  CHECK(refusal(add("local")) == "conflict/name_taken");
  auto find = [&](model_id id) {
    return refusal(world.ask<model_config>(world.admin(), find_system_model{id}));
  };
  CHECK(find(made->id) == "none");
  CHECK(find({}) == "none");
  CHECK(find(model_id::make()) == "not_found/model_gone");
  patch_of<model_config> off;
  give(off, &model_config::enabled, false);
  auto changed = world.ask<model_config>(world.admin(), change_system_model{made->id, off, 1});
  CHECK(changed->version == 2);
  CHECK(changed->sealed_key == made->sealed_key);
  CHECK(find(made->id) == "not_found/model_gone");
  CHECK(find({}) == "not_found/model_gone");
  CHECK(world.ask<model_list>(world.admin(), list_system_models{})->items.size() == 1);
  CHECK(refusal(world.ask<model_config>(world.admin(), change_system_model{made->id, off, 1})) ==
        "conflict/version_mismatch");
  CHECK(refusal(world.ask<model_config>(world.admin(),
                                        change_system_model{model_id::make(), off, 0})) ==
        "not_found/model_gone");
  CHECK(refusal(world.ask<done>(world.admin(), drop_system_model{made->id, 1})) ==
        "conflict/version_mismatch");
  CHECK(world.ask<done>(world.admin(), drop_system_model{made->id, 2}));
  CHECK(refusal(world.ask<done>(world.admin(), drop_system_model{made->id, 0})) ==
        "not_found/model_gone");
}

TEST_CASE("a dropped model is no longer the default") {
  fixture world;
  auto made = world.ask<model_config>(
      world.admin(), add_system_model{model_patch("one", "https://a.example"), {}});
  change_system wish;
  give(wish.patch, &system_settings::default_model_id, std::optional{made->id});
  REQUIRE(world.ask<system_settings>(world.admin(), wish));
  REQUIRE(world.ask<done>(world.admin(), drop_system_model{made->id, 0}));
  CHECK_FALSE(world.ask<system_settings>(world.admin(), get_system{})->default_model_id);
}

TEST_CASE("ADMIN ends when it can't load: its supervisor tries again") {
  fixture world;
  world.store.fail_read = make_error(errc::storage_failed);
  auto refused = world.ask<login_methods>(world.admin(), get_methods{});
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
}

TEST_CASE("the setting `registration` goes before what an ADMIN has set") {
  account_world world;
  world.add_user("ada", role::admin);
  auto attempt = [&](account_world& in) {
    register_user message{user_patch("bob"), secret_text{good_password}, {}, {"::1", "test"}};
    return in.ask<login_ticket>(in.admin(), message);
  };
  SECTION("open") {
    world.registration_setting = registration_rule::open;
    CHECK(world.ask<login_methods>(world.admin(), get_methods{})->registration ==
          registration::open);
    CHECK(attempt(world));
  }
  SECTION("closed") {
    world.registration_setting = registration_rule::closed;
    world.store.tables.system.registration = registration::open;
    CHECK(world.ask<login_methods>(world.admin(), get_methods{})->registration ==
          registration::closed);
    CHECK(refusal(attempt(world)) == "forbidden/registration_closed");
  }
}

TEST_CASE("mode single: one ADMIN without a password, and nobody else") {
  account_world world;
  world.is_single = true;
  auto known = world.ask<login_methods>(world.admin(), get_methods{});
  REQUIRE(known);
  CHECK_FALSE(known->needs_setup);
  CHECK_FALSE(known->needs_password);
  CHECK(known->registration == registration::closed);
  REQUIRE(world.store.tables.users.size() == 1);
  auto owner = world.store.tables.users.begin()->second;
  CHECK(owner.username == "owner");
  CHECK(owner.role == role::admin);

  register_user another{user_patch("bob"), secret_text{good_password}, {}, {"::1", "test"}};
  CHECK(refusal(world.ask<login_ticket>(world.admin(), another)) ==
        "forbidden/registration_closed");
  CHECK(world.ask<login_ticket>(world.directory(), log_in_alone{{"::1", "test"}}));
  // No password is not an empty password.
  CHECK(refusal(world.ask<login_ticket>(world.directory(),
                                        log_in_by_name{"owner", secret_text{}, {"::1", "test"}})) ==
        "unauthenticated/invalid_credentials");

  CHECK(world.ask<user>(world.admin(),
                        reset_password{owner.id, {secret_text{good_password}, false}}));
  CHECK(world.store.tables.logins.empty());
  CHECK(refusal(world.ask<login_ticket>(world.directory(), log_in_alone{{"::1", "test"}})) ==
        "unauthenticated/password_needed");
  CHECK(world.ask<login_methods>(world.admin(), get_methods{})->needs_password);
  world.log_in("owner");
}

TEST_CASE("in mode multi nobody logs in without a password") {
  account_world world;
  auto owner = world.add_user("owner", role::admin);
  world.store.tables.users[owner.id].password_hash.clear();
  CHECK(refusal(world.ask<login_ticket>(world.directory(), log_in_alone{{"::1", "test"}})) ==
        "unauthenticated/password_needed");
}

TEST_CASE("an account and a system model are made once for each key of an ADMIN") {
  account_world world;
  auto ada = world.add_user("ada", role::admin);
  auto key = owned_key{ada.id, {"POST /api/users", "k", "body"}};
  make_user bob{user_patch("bob"), secret_text{good_password}, role::user, true, key};
  auto made = world.ask<user>(world.admin(), bob);
  REQUIRE(made);
  CHECK(made->must_change_password);
  CHECK(made->password_hash.empty());
  auto again = world.ask<user>(world.admin(), bob);
  REQUIRE(again);
  CHECK(again->id == made->id);
  CHECK(again->password_hash.empty());
  CHECK(world.store.tables.users.size() == 2);
  bob.key->key.body_sha256 = "other";
  CHECK(refusal(world.ask<user>(world.admin(), bob)) == "invalid_input/idempotency_mismatch");

  key.key.route = "POST /api/models/system";
  add_system_model wanted{model_patch("one", "https://a.example"), key};
  auto model = world.ask<model_config>(world.admin(), wanted);
  REQUIRE(model);
  auto same = world.ask<model_config>(world.admin(), wanted);
  REQUIRE(same);
  CHECK(same->id == model->id);
  CHECK(world.store.tables.models.size() == 1);
}

TEST_CASE("of two who make an account with one key at once both get the same one") {
  account_world world;
  auto ada = world.add_user("ada", role::admin);
  make_user bob{user_patch("bob"), secret_text{good_password}, role::user, true,
                owned_key{ada.id, {"POST /api/users", "k", "body"}}};
  auto first = world.ask_later(world.admin(), bob);
  caf::scoped_actor other{world.system};
  auto second = other->request(world.admin(), caf::infinite, bob);
  world.run();
  std::vector<user_id> ids;
  second.receive([&](const user& made) { ids.push_back(made.id); },
                 [&](const error& cause) { FAIL(describe(cause)); });
  first.receive([&](const user& made) { ids.push_back(made.id); },
                [&](const error& cause) { FAIL(describe(cause)); });
  REQUIRE(ids.size() == 2);
  CHECK(ids[0] == ids[1]);
}
