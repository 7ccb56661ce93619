// ADMIN, DIRECTORY and USER: invitations, one-time codes, and what the audit log is told.
#include <catch2/catch.hpp>

#include "actors/impl/account_rules.hpp"
#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

struct fixture : account_world {
  fixture() {
    ada = add_user("ada", role::admin);
    by.user = ada.id;
    by.address = "203.0.113.7";
    by.request_id = "request-7";
  }
  void set_registration(registration rule) {
    change_system wish;
    give(wish.patch, &system_settings::registration, rule);
    REQUIRE(ask<system_settings>(admin(), wish));
  }
  made_invitation invite(int32_t uses_max = 1, role as = role::user) {
    add_invitation wish;
    wish.wanted.uses_max = uses_max;
    wish.wanted.role = as;
    wish.by = by;
    auto made = ask<made_invitation>(admin(), wish);
    REQUIRE(made);
    return *made;
  }
  register_user entrant(const std::string& name, const secret_text& code) {
    register_user wish{user_patch(name), secret_text{good_password}, {}, {"203.0.113.9", "test"}};
    wish.invite_code = code;
    return wish;
  }
  expected<login_ticket> sign_up(const std::string& name, const secret_text& code) {
    return ask<login_ticket>(admin(), entrant(name, code));
  }
  reset_ticket enrol(const std::string& name) {
    auto made = ask<reset_ticket>(admin(), enrol_user{user_patch(name), role::user, {}, by});
    REQUIRE(made);
    return *made;
  }
  expected<login_ticket> redeem(const std::string& name, const secret_text& code,
                                const std::string& next = "another good one") {
    return ask<login_ticket>(directory(),
                             reset_by_name{name, code, secret_text{next}, {"203.0.113.9", "test"}});
  }
  std::vector<std::string> told() const {
    std::vector<std::string> actions;
    for (const auto& entry : store.tables.audit) actions.push_back(entry.action);
    return actions;
  }

  user ada;
  caller by;
};

template <class R>
std::string refusal(const expected<R>& answer) {
  if (answer) return "none";
  return to_string(code_of(answer.error())) + "/" + detail_of(answer.error()).reason;
}

}  // namespace

TEST_CASE("an invitation lets somebody register with its role, as often as it says") {
  fixture world;
  world.set_registration(registration::invite);
  CHECK(refusal(world.sign_up("bob", {})) == "forbidden/invitation_needed");
  CHECK(refusal(world.sign_up("bob", secret_text{"wrong"})) == "forbidden/invitation_spent");
  auto made = world.invite(1, role::admin);
  CHECK(made.made.code_hash.empty());
  auto bob = world.sign_up("bob", made.code);
  REQUIRE(bob);
  CHECK(bob->account.role == role::admin);
  CHECK(refusal(world.sign_up("eve", made.code)) == "forbidden/invitation_spent");
  // The code itself is nowhere.
  CHECK(world.store.tables.invitations.begin()->second.code_hash != made.code.reveal());

  auto late = world.invite();
  world.clock.advance(std::chrono::hours{169});
  CHECK(refusal(world.sign_up("eve", late.code)) == "forbidden/invitation_spent");
  world.set_registration(registration::closed);
  CHECK(refusal(world.sign_up("eve", world.invite().code)) == "forbidden/registration_closed");
}

TEST_CASE("of two who take the last use of an invitation one gets it") {
  fixture world;
  world.set_registration(registration::invite);
  auto made = world.invite();
  auto first = world.ask_later(world.admin(), world.entrant("bob", made.code));
  auto second = world.ask_later(world.admin(), world.entrant("eve", made.code));
  world.run();
  auto a = world.answer_of<login_ticket>(first);
  auto b = world.answer_of<login_ticket>(second);
  CHECK(bool(a) != bool(b));
  CHECK(refusal(a ? b : a) == "forbidden/invitation_spent");
  CHECK(world.store.tables.users.size() == 2);
}

TEST_CASE("an account is made with a code that chooses its password once") {
  fixture world;
  auto made = world.enrol("bob");
  CHECK(made.account.status == user_status::invited);
  CHECK(made.account.reset_hash.empty());
  CHECK_THROWS(world.log_in("bob", ""));
  CHECK(refusal(world.redeem("bob", secret_text{"wrong"})) == "unauthenticated/invalid_code");
  CHECK(refusal(world.redeem("nobody", made.code)) == "unauthenticated/invalid_code");
  CHECK(refusal(world.redeem("bob", made.code, "password")) == "invalid_input/password_refused");
  auto opened = world.redeem("bob", made.code);
  REQUIRE(opened);
  CHECK(opened->account.status == user_status::active);
  CHECK_FALSE(opened->account.must_change_password);
  CHECK(refusal(world.redeem("bob", made.code)) == "unauthenticated/invalid_code");
  CHECK_NOTHROW(world.log_in("bob", "another good one"));
}

TEST_CASE("a code expires, and a new one voids password, logins and the code before") {
  fixture world;
  auto bob = world.add_user("bob");
  auto who = world.caller_of(world.log_in("bob"));
  auto first = world.ask<reset_ticket>(world.admin(), issue_reset_code{bob.id, world.by});
  REQUIRE(first);
  CHECK(first->account.must_change_password);
  CHECK_FALSE(world.ask<done>(world.user_of(bob.id), admit{who}));
  CHECK_THROWS(world.log_in("bob"));
  auto second = world.ask<reset_ticket>(world.admin(), issue_reset_code{bob.id, world.by});
  REQUIRE(second);
  CHECK(refusal(world.redeem("bob", first->code)) == "unauthenticated/invalid_code");
  world.clock.advance(reset_code_life);
  CHECK(refusal(world.redeem("bob", second->code)) == "unauthenticated/invalid_code");
  auto third = world.ask<reset_ticket>(world.admin(), issue_reset_code{bob.id, world.by});
  REQUIRE(third);
  CHECK(world.redeem("bob", third->code));
}

TEST_CASE("codes are guessed as seldom as passwords") {
  fixture world;
  world.enrol("bob");
  std::string last;
  for (int i = 0; i < 7; ++i) last = refusal(world.redeem("bob", secret_text{"wrong"}));
  CHECK(last == "rate_limited/login_limited");
}

TEST_CASE("labels are texts, and changing them ends nothing") {
  fixture world;
  auto bob = world.add_user("bob");
  auto who = world.caller_of(world.log_in("bob"));
  alter_account change;
  change.labels = json_text{R"({"team":"blue"})"};
  change.by = world.by;
  auto changed = world.ask<user>(world.admin(), change_user{bob.id, change});
  REQUIRE(changed);
  CHECK(changed->labels.text == R"({"team":"blue"})");
  CHECK(world.ask<done>(world.user_of(bob.id), admit{who}));
  change.if_version = 1;
  CHECK(refusal(world.ask<user>(world.admin(), change_user{bob.id, change})) ==
        "conflict/version_mismatch");
  change.if_version = 0;
  change.labels = json_text{R"({"team":{"a":1}})"};
  CHECK(refusal(world.ask<user>(world.admin(), change_user{bob.id, change})) ==
        "invalid_input/invalid_fields");
}

TEST_CASE("the audit log is told in the commit of what it tells of, without secrets") {
  fixture world;
  auto key = "sk-secret-0123456789-wxyz";
  REQUIRE(world.ask<model_config>(
      world.admin(), add_system_model{model_patch("one", "https://a.example", key), {}, world.by}));
  auto made = world.enrol("bob");
  REQUIRE(world.redeem("bob", made.code));
  world.ask<login_ticket>(world.directory(), log_in_by_name{"bob", secret_text{"wrong"}, {}});
  world.ask<login_ticket>(world.directory(), log_in_by_name{"hunter2", secret_text{"x"}, {}});
  alter_account change;
  change.role = role::admin;
  change.by = world.by;
  REQUIRE(world.ask<user>(world.admin(), change_user{made.account.id, change}));
  REQUIRE(world.ask<done>(world.admin(), drop_user{made.account.id, world.by}));
  CHECK(world.told() == std::vector<std::string>{"model.created", "user.created",
                                                 "user.password_reset", "login.failed",
                                                 "login.failed", "user.changed", "user.deleted"});
  const auto& log = world.store.tables.audit;
  CHECK(log[1].actor_id == world.ada.id);
  CHECK(log[1].address == "203.0.113.7");
  CHECK(log[1].request_id == "request-7");
  CHECK(log[1].target_name == "bob");
  CHECK(log[3].result == audit_result::refused);
  CHECK(log[3].target_name == "bob");
  CHECK(log[4].target_name.empty());  // what was typed may have been a password
  CHECK(log[5].detail.text == R"({"role":"ADMIN"})");
  for (const auto& entry : log) {
    CHECK(entry.detail.text.find("secret") == std::string::npos);
    CHECK(entry.detail.text.find(made.code.reveal()) == std::string::npos);
  }
  // Refused, nothing is told: the change and its entry are one commit.
  auto before = log.size();
  world.store.fail_commit = make_error(errc::storage_failed);
  CHECK_FALSE(world.ask<made_invitation>(world.admin(), add_invitation{{}, {}, world.by}));
  CHECK(log.size() == before);
}

TEST_CASE("a flood of failures is told as a number") {
  fixture world;
  world.guess_limits.failures_free = 1'000;
  world.guess_limits.parallel_max = 1'000;
  world.guess_limits.parallel_max = 1'000;
  world.guess_limits.address_failures_max = 1'000;
  world.guess_limits.address_failures_ceiling = 10'000;
  auto fail = [&](int times) {
    for (int i = 0; i < times; ++i)
      world.ask<login_ticket>(world.directory(), log_in_by_name{"nobody", secret_text{"x"}, {}});
  };
  fail(65);
  CHECK(world.store.tables.audit.size() == 60);
  world.clock.advance(std::chrono::minutes{1});
  fail(1);
  REQUIRE(world.store.tables.audit.size() == 61);
  CHECK(world.store.tables.audit.back().detail.text == R"({"untold":5})");
}

TEST_CASE("system settings take effect while the system runs") {
  fixture world;
  auto bob = world.add_user("bob");
  auto who = world.caller_of(world.log_in("bob"));
  auto put = [&](auto member, auto value) {
    change_system wish;
    give(wish.patch, member, value);
    return world.ask<system_settings>(world.admin(), wish);
  };
  auto begin = [&](const caller& by) {
    post_message turn;
    turn.who = by;
    turn.turn.content.parts.emplace_back().text = "Hi";
    return refusal(world.ask<reply_ticket>(world.user_of(by.user), turn));
  };
  REQUIRE(put(&system_settings::maintenance, std::optional<std::string>{"Back at ten."}));
  CHECK(begin(who) == "unavailable/maintenance");
  CHECK(world.ask<login_methods>(world.admin(), get_methods{})->maintenance == "Back at ten.");
  CHECK(begin(world.caller_of(world.log_in("ada"))) != "unavailable/maintenance");
  REQUIRE(put(&system_settings::maintenance, std::optional<std::string>{}));
  CHECK(begin(who) == "none");

  REQUIRE(put(&system_settings::models_per_user_max, std::optional<int32_t>{0}));
  auto refused = world.ask<model_config>(world.user_of(bob.id),
                                         add_model{who, model_patch("m", "https://a.example"), {}});
  CHECK(refusal(refused) == "quota_exceeded/models_max");
  auto zone = put(&system_settings::time_zone, std::string{"Nowhere/Land"});
  REQUIRE_FALSE(zone);
  CHECK(detail_of(zone.error()).fields.at(0).path == "/timeZone");
}

TEST_CASE("a system model is found by those it is open to") {
  fixture world;
  auto bob = world.add_user("bob");
  auto eve = world.add_user("eve");
  auto patch = model_patch("one", "https://a.example");
  give(patch, &model_config::access,
       std::vector<model_access>{{access_type::user, to_string(bob.id)}});
  auto made = world.ask<model_config>(world.admin(), add_system_model{patch, {}});
  REQUIRE(made);
  auto find = [&](const user& whose, model_id id) {
    world.caller_of(world.log_in(whose.username));
    return refusal(world.ask<model_config>(world.user_of(whose.id), find_model{id}));
  };
  CHECK(find(bob, made->id) == "none");
  CHECK(find(eve, made->id) == "not_found/model_gone");
  // The only one there is, but not for everybody.
  CHECK(find(bob, {}) == "none");
  CHECK(find(eve, {}) == "not_found/model_gone");

  patch_of<model_config> open;
  give(open, &model_config::access, std::vector<model_access>{{access_type::role, "USER"}});
  REQUIRE(world.ask<model_config>(world.admin(), change_system_model{made->id, open, 0}));
  CHECK(find(eve, made->id) == "none");
  give(open, &model_config::access, std::vector<model_access>{{access_type::role, "GUEST"}});
  auto wrong = world.ask<model_config>(world.admin(), change_system_model{made->id, open, 0});
  REQUIRE_FALSE(wrong);
  CHECK(detail_of(wrong.error()).fields.at(0).path == "/access/0/id");
}
