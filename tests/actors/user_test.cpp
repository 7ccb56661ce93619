// USER: who may ask at all, logins, the account. Models and sessions have files of their own.
#include <crypt.h>

#include <catch2/catch.hpp>

#include "base/refresh_token.hpp"
#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : account_world {
  user account = add_user("ada", role::admin);
  login_ticket ticket = log_in("ada");
  caller who = caller_of(ticket);
  user_actor actor = user_of(account.id);

  template <class R, class M>
  expected<R> ask_user(M message) {
    return ask<R>(actor, std::move(message));
  }
  expected<login_ticket> refresh(const secret_text& token) {
    auto parsed = refresh_token::parse(token.reveal());
    return ask_user<login_ticket>(refresh_login{parsed->stored_form(), {"198.51.100.7", "phone"}});
  }
};

template <class R>
std::string refusal(const expected<R>& answer) {
  if (answer) return "none";
  auto reason = detail_of(answer.error()).reason;
  return to_string(code_of(answer.error())) + (reason.empty() ? "" : "/" + reason);
}

}  // namespace

TEST_CASE("a log-in gives tokens that admit, and is stored") {
  fixture world;
  CHECK(world.ticket.account.username == "ada");
  CHECK(world.ticket.account.password_hash.empty());
  CHECK(world.ticket.account.last_login_at == world.clock.now());
  CHECK(world.ticket.expires_in_s == 900);
  CHECK(world.ticket.refresh_expires_in_s == 30 * 24 * 3600);
  CHECK(world.ask_user<done>(admit{world.who}));
  REQUIRE(world.store.tables.logins.size() == 1);
  auto stored = world.store.tables.logins.begin()->second;
  CHECK(stored.id == world.who.login);
  CHECK(stored.address == "203.0.113.9");
  CHECK(stored.refresh_hash ==
        refresh_token::parse(world.ticket.refresh_token.reveal())->stored_form());
  auto claims = world.signer.verify(world.ticket.access_token.reveal(), world.clock.now());
  REQUIRE(claims);
  CHECK(claims->role == "ADMIN");
}

TEST_CASE("a caller is admitted by login, version, status, role and password duty") {
  fixture world;
  auto refused = [&](caller who) { return refusal(world.ask_user<done>(admit{who})); };
  CHECK(refused(world.who) == "none");
  auto other = world.who;
  other.login = login_id::make();
  CHECK(refused(other) == "unauthenticated/token_revoked");
  other = world.who;
  ++other.version;
  CHECK(refused(other) == "unauthenticated/token_revoked");
  other = world.who;
  other.user = user_id::make();
  CHECK(refused(other) == "unauthenticated/token_revoked");
  other = world.who;
  other.needs = role::admin;
  CHECK(refused(other) == "none");

  world.add_user("bob");
  auto bob = world.caller_of(world.log_in("bob"));
  bob.needs = role::admin;
  auto bob_actor = world.user_of(bob.user);
  CHECK(refusal(world.ask<done>(bob_actor, admit{bob})) == "forbidden/role_needed");

  world.clock.advance(30 * 24h);
  CHECK(refused(world.who) == "unauthenticated/token_expired");
}

TEST_CASE("who must change the password may do that, look at the account and leave the login") {
  fixture world;
  auto made = world.add_user("carl");
  world.store.tables.users[made.id].must_change_password = true;
  auto who = world.caller_of(world.log_in("carl"));
  auto actor = world.user_of(made.id);
  CHECK(refusal(world.ask<done>(actor, admit{who})) == "forbidden/password_change_needed");
  CHECK(refusal(world.ask<session>(actor, add_session{who, {}, {}})) ==
        "forbidden/password_change_needed");
  CHECK(world.ask<login_list>(actor, list_logins{who}));
  CHECK(world.ask<user>(actor, get_account{who}));
  CHECK(world.ask<done>(
      actor, change_password{who, secret_text{good_password}, secret_text{"another long phrase"}}));
  ++who.version;
  CHECK(world.ask<done>(actor, admit{who}));
  CHECK(world.ask<done>(actor, log_out{who}));
}

TEST_CASE("a refresh token is rotated, a repeated one is forgiven for a moment only") {
  fixture world;
  world.clock.advance(1h);
  auto next = world.refresh(world.ticket.refresh_token);
  REQUIRE(next);
  CHECK(next->refresh_token.reveal() != world.ticket.refresh_token.reveal());
  CHECK(world.caller_of(*next).login == world.who.login);
  CHECK(world.store.tables.logins[world.who.login].expires_at == world.clock.now() + 30 * 24h);
  CHECK(world.store.tables.logins[world.who.login].user_agent == "phone");

  world.clock.advance(10s);
  CHECK(refusal(world.refresh(world.ticket.refresh_token)) == "unauthenticated/token_spent");
  CHECK(world.ask_user<done>(admit{world.who}));
  world.clock.advance(1s);
  CHECK(refusal(world.refresh(world.ticket.refresh_token)) == "unauthenticated/token_reused");
  CHECK(refusal(world.ask_user<done>(admit{world.who})) == "unauthenticated/token_revoked");
  CHECK(refusal(world.refresh(next->refresh_token)) == "unauthenticated/token_invalid");
  CHECK(refusal(world.refresh(world.ticket.refresh_token)) == "unauthenticated/token_revoked");
  CHECK(world.store.tables.logins.empty());
}

TEST_CASE("a full disk keeps nobody out, and the login is stored when there is space") {
  fixture world;
  auto cause = GENERATE(errc::storage_full, errc::storage_failed);
  world.store.fail_commit = make_error(cause);
  auto late = world.log_in("ada");
  auto who = world.caller_of(late);
  CHECK(world.ask_user<done>(admit{who}));
  CHECK(world.store.tables.logins.size() == 1);
  // Both refresh, the one that is stored and the one that is not.
  auto early = world.refresh(world.ticket.refresh_token);
  REQUIRE(early);
  auto again = world.refresh(late.refresh_token);
  REQUIRE(again);
  CHECK(refusal(world.refresh(late.refresh_token)) == "unauthenticated/token_invalid");

  world.store.fail_commit = {};
  CHECK(world.refresh(early->refresh_token));
  auto kept = world.refresh(again->refresh_token);
  REQUIRE(kept);
  REQUIRE(world.store.tables.logins.count(who.login) == 1);
  CHECK(world.store.tables.logins[who.login].refresh_hash ==
        refresh_token::parse(kept->refresh_token.reveal())->stored_form());
  // Any other failure is one.
  world.store.fail_commit = make_error(errc::unavailable);
  CHECK(refusal(world.refresh(kept->refresh_token)) == "unavailable");
}

TEST_CASE("refresh fails without a known token, after its time, when disabled, when reads fail") {
  fixture world;
  auto refused = [&] { return refusal(world.refresh(world.ticket.refresh_token)); };
  CHECK(refusal(world.ask_user<login_ticket>(refresh_login{"00", {}})) ==
        "unauthenticated/token_invalid");
  world.store.fail_read = make_error(errc::unavailable);
  CHECK(refusal(world.ask_user<login_ticket>(refresh_login{"00", {}})) == "unavailable");
  world.store.fail_read = {};
  world.store.fail_commit = make_error(errc::timeout);
  CHECK(refused() == "timeout");
  world.store.fail_commit = {};
  CHECK(refused() == "none");
  world.clock.advance(31 * 24h);
  auto known = world.store.tables.logins[world.who.login].refresh_hash;
  CHECK(refusal(world.ask_user<login_ticket>(refresh_login{known, {}})) ==
        "unauthenticated/token_expired");
}

TEST_CASE("the oldest login goes when there are too many, expired ones first") {
  account_world world;
  world.limits.logins_max = 3;
  auto made = world.add_user("dora");
  std::vector<login_id> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(world.caller_of(world.log_in("dora")).login);
    world.clock.advance(1s);
  }
  CHECK(world.store.tables.logins.size() == 3);
  CHECK(world.store.tables.logins.count(ids[1]) == 0);
  CHECK(world.store.tables.logins.count(ids[2]) == 1);
  world.clock.advance(31 * 24h);
  auto who = world.caller_of(world.log_in("dora"));
  auto list = world.ask<login_list>(world.user_of(made.id), list_logins{who});
  REQUIRE(list);
  REQUIRE(list->items.size() == 1);
  CHECK(list->items[0].refresh_hash.empty());
  CHECK(world.store.tables.logins.size() == 1);
}

TEST_CASE("logins are ended by their owner, and streams with them") {
  fixture world;
  auto second = world.caller_of(world.log_in("ada"));
  auto chat = world.ask_user<session>(add_session{world.who, {}, {}});
  REQUIRE(world.ask_user<session>(patch_session{world.who, chat->id, {}}));
  CHECK(refusal(world.ask_user<done>(end_login{world.who, login_id::make()})) == "not_found");
  CHECK(world.ask_user<done>(end_login{world.who, second.login}));
  CHECK(refusal(world.ask_user<done>(admit{second})) == "unauthenticated/token_revoked");
  CHECK(world.ask_user<done>(log_out{world.who}));
  CHECK(refusal(world.ask_user<done>(admit{world.who})) == "unauthenticated/token_revoked");
  CHECK(world.sessions.records[chat->id].ended_logins ==
        std::vector<login_id>{second.login, world.who.login});
}

TEST_CASE("a new password ends all other logins and makes older access tokens void") {
  fixture world;
  auto second = world.log_in("ada");
  auto change = [&](const std::string& current, const std::string& next) {
    return refusal(
        world.ask_user<done>(change_password{world.who, secret_text{current}, secret_text{next}}));
  };
  CHECK(change(good_password, "short") == "invalid_input/password_refused");
  CHECK(change("not the password", "another long phrase") == "invalid_input/wrong_password");
  CHECK(change(good_password, "another long phrase") == "none");
  CHECK(refusal(world.ask_user<done>(admit{world.who})) == "unauthenticated/token_revoked");
  CHECK(refusal(world.refresh(second.refresh_token)) == "unauthenticated/token_invalid");
  auto kept = world.refresh(world.ticket.refresh_token);
  REQUIRE(kept);
  CHECK(world.ask_user<done>(admit{world.caller_of(*kept)}));
  CHECK_THROWS(world.log_in("ada"));
  CHECK_NOTHROW(world.log_in("ada", "another long phrase"));
}

TEST_CASE("the current password can't be guessed with a stolen access token") {
  fixture world;
  auto guess = [&] {
    return refusal(world.ask_user<done>(
        change_password{world.who, secret_text{"a guess"}, secret_text{"another long phrase"}}));
  };
  for (int i = 0; i < 5; ++i) CHECK(guess() == "invalid_input/wrong_password");
  CHECK(guess() == "rate_limited/wrong_passwords");
  world.clock.advance(901s);
  CHECK(guess() == "invalid_input/wrong_password");
}

TEST_CASE("the profile changes with its version") {
  fixture world;
  change_account wish{world.who, {}, 0};
  give(wish.patch, &user::display_name, std::optional<std::string>{"Ada L."});
  auto changed = world.ask_user<user>(wish);
  REQUIRE(changed);
  CHECK(changed->display_name == "Ada L.");
  CHECK(changed->version == world.account.version + 1);
  CHECK(changed->password_hash.empty());
  CHECK_FALSE(world.store.tables.users[world.account.id].password_hash.empty());
  wish.if_version = 1;
  CHECK(refusal(world.ask_user<user>(wish)) == "conflict/version_mismatch");
  wish.if_version = changed->version;
  CHECK(world.ask_user<user>(wish));
  world.store.fail_commit = make_error(errc::storage_full);
  give(wish.patch, &user::display_name, std::optional<std::string>{"lost"});
  wish.if_version = 0;
  CHECK(refusal(world.ask_user<user>(wish)) == "storage_full");
  CHECK(world.ask_user<user>(get_account{world.who})->display_name == "Ada L.");
}

TEST_CASE("settings are read and changed") {
  fixture world;
  CHECK_FALSE(world.ask_user<user_settings>(get_settings{world.who})->theme);
  change_settings wish{world.who, {}};
  give(wish.patch, &user_settings::theme, std::optional<std::string>{"dark"});
  CHECK(world.ask_user<user_settings>(wish)->theme == "dark");
  CHECK(world.store.tables.settings[world.account.id].theme == "dark");
  world.store.fail_commit = make_error(errc::storage_failed);
  give(wish.patch, &user_settings::theme, std::optional<std::string>{"light"});
  CHECK(refusal(world.ask_user<user_settings>(wish)) == "storage_failed");
  CHECK(world.ask_user<user_settings>(get_settings{world.who})->theme == "dark");
}

TEST_CASE("a change of role or status voids the tokens and ends the streams") {
  fixture world;
  auto made = world.add_user("eve");
  auto ticket = world.log_in("eve");
  auto who = world.caller_of(ticket);
  auto actor = world.user_of(made.id);
  auto chat = world.ask<session>(actor, add_session{who, {}, {}});
  world.ask<session>(actor, patch_session{who, chat->id, {}});
  CHECK(world.ask<user>(actor, alter_account{role::user, {}})->version == made.version);
  CHECK(world.ask<done>(actor, admit{who}));
  CHECK(world.ask<user>(actor, alter_account{role::admin, {}})->role == role::admin);
  CHECK(refusal(world.ask<done>(actor, admit{who})) == "unauthenticated/token_revoked");
  CHECK(world.sessions.records[chat->id].ended_logins == std::vector<login_id>{login_id{}});
  auto hash = refresh_token::parse(ticket.refresh_token.reveal())->stored_form();
  auto again = world.ask<login_ticket>(actor, refresh_login{hash, {}});
  REQUIRE(again);
  who = world.caller_of(*again);
  CHECK(world.ask<done>(actor, admit{who}));

  CHECK(world.ask<user>(actor, alter_account{{}, user_status::disabled}));
  CHECK(refusal(world.ask<done>(actor, admit{who})) == "unauthenticated/token_revoked");
  auto refused = world.ask<login_ticket>(
      actor, parley::log_in{secret_text{good_password}, {"203.0.113.9", ""}});
  CHECK(refusal(refused) == "forbidden/account_disabled");
  refused = world.ask<login_ticket>(actor, parley::log_in{secret_text{"wrong"}, {}});
  CHECK(refusal(refused) == "unauthenticated/invalid_credentials");
  CHECK(refusal(world.ask<login_ticket>(actor, open_login{})) == "forbidden/account_disabled");
}

TEST_CASE("the last administrator stays, a user who leaves is gone at once") {
  fixture world;
  CHECK(refusal(world.ask_user<done>(leave{world.who})) == "conflict/last_admin");
  CHECK(refusal(world.ask_user<done>(remove_account{})) == "conflict/last_admin");
  CHECK(refusal(world.ask_user<user>(alter_account{role::user, {}})) == "conflict/last_admin");
  CHECK(world.ask_user<done>(admit{world.who}));

  auto made = world.add_user("fred");
  auto who = world.caller_of(world.log_in("fred"));
  auto actor = world.user_of(made.id);
  CHECK(world.ask<done>(actor, leave{who}));
  CHECK(world.store.tables.users.count(made.id) == 0);
  CHECK(refusal(world.ask<done>(actor, admit{who})) == "unauthenticated/token_revoked");
  CHECK_THROWS(world.log_in("fred"));
  world.advance(5s);
  auto successor = world.user_of(made.id);
  CHECK(successor != actor);
  CHECK(refusal(world.ask<done>(successor, admit{who})) == "unauthenticated/token_revoked");
}

TEST_CASE("an absent account refuses everything for a while, then its actor ends") {
  account_world world;
  auto actor = world.user_of(user_id::make());
  CHECK(refusal(world.ask<done>(actor, admit{})) == "unauthenticated/token_revoked");
  CHECK(refusal(world.ask<user>(actor, alter_account{role::admin, {}})) == "not_found");
  CHECK(refusal(world.ask<login_ticket>(actor, refresh_login{"00", {}})) ==
        "unauthenticated/token_invalid");
  CHECK(refusal(world.ask<login_ticket>(actor, parley::log_in{secret_text{good_password}, {}})) ==
        "unauthenticated/invalid_credentials");
  world.advance(5s);
  CHECK(world.ask<done>(actor, admit{}).error() == caf::sec::request_receiver_down);
}

TEST_CASE("a failed load refuses as unavailable, the next request loads anew") {
  fixture world;
  auto made = world.add_user("gus");
  world.store.fail_read = make_error(errc::storage_failed);
  auto found = world.ask_later(world.directory(), locate{made.id});
  while (!world.has_answer()) world.scheduler.run_once();
  auto actor = world.answer_of<located>(found)->holder;
  auto refused = world.ask<login_ticket>(actor, open_login{});
  CHECK(code_of(refused.error()) == errc::unavailable);
  world.store.fail_read = {};
  CHECK(world.ask<login_ticket>(world.user_of(made.id), open_login{}));
}

TEST_CASE("a weaker hash is replaced at the next log-in") {
  account_world world;
  auto made = world.add_user("hal");
  // As another system stored it: no pepper.
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  REQUIRE(::crypt_gensalt_rn("$2b$", 4, nullptr, 0, setting, sizeof setting) != nullptr);
  auto foreign = adopt_bcrypt_hash(::crypt(good_password, setting));
  REQUIRE(foreign);
  auto stored = [&]() -> std::string& { return world.store.tables.users[made.id].password_hash; };
  stored() = *foreign;
  world.log_in("hal");
  CHECK(stored().substr(0, 2) == "v2");
  auto renewed = stored();
  world.log_in("hal");
  CHECK(stored() == renewed);
}
