// USER: API keys, and what its replies may use.
#include <catch2/catch.hpp>

#include "base/api_key.hpp"
#include "tests/support/account_world.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

struct fixture : account_world {
  user account = add_user("ada");
  caller who = caller_of(log_in("ada"));
  user_actor actor = user_of(account.id);

  template <class R, class M>
  expected<R> ask_user(M message) {
    return ask<R>(actor, std::move(message));
  }
  api_key_ticket add_key(const std::function<void(patch_of<api_key>&)>& more = {}) {
    patch_of<api_key> patch;
    patch.set(&api_key::name, "robot");
    patch.set(&api_key::scopes, std::vector{key_scope::read});
    if (more) more(patch);
    auto made = ask_user<api_key_ticket>(add_api_key{who, patch, {}});
    if (!made) throw std::logic_error(describe(made.error()));
    return *made;
  }
  /// As EDGE makes it.
  caller caller_with(const api_key_ticket& ticket, std::optional<key_scope> scope) {
    auto key = api_key_text::parse(ticket.key.reveal());
    auto hash = key->stored_form();
    return {key->user, stream_login_of(hash), 0, role::user, "r", "", hash, scope};
  }
  std::string admitted(const caller& asks) {
    auto answer = ask_user<done>(admit{asks});
    return answer ? "yes" : detail_of(answer.error()).reason;
  }
  size_t touches() {
    size_t count = 0;
    for (const auto& one : store.commits)
      if (const auto* wanted = caf::get_if<change_metering>(&one.changes[0]))
        count += wanted->touch_key ? 1 : 0;
    return count;
  }
  session_id begin_turn(const caller& asks) {
    auto ticket = ask_user<reply_ticket>(post_message{asks, {}, {}});
    REQUIRE(ticket);
    return ticket->session;
  }
  static reserve_spend wish(message_id reply, int64_t tokens) {
    reserve_spend wanted;
    wanted.reply = reply;
    wanted.model = model_id::make();
    wanted.prompt_tokens = tokens;
    return wanted;
  }
  expected<spend_granted> reserve(message_id reply, int64_t tokens) {
    return ask_user<spend_granted>(wish(reply, tokens));
  }
  /// As the session says it, which is told how it stands.
  void reserve_for(session_id in, message_id reply, int64_t tokens) {
    auto sender = caf::actor_cast<caf::strong_actor_ptr>(sessions.records.at(in).holder);
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        sender, caf::make_message_id(), caf::make_message(wish(reply, tokens)), nullptr);
    run();
  }
  int64_t reserved() {
    auto limits = ask_user<limit_list>(list_limits{who});
    return limits ? limits->items.at(0).reserved.value_or(-1) : -1;
  }
  void limit_tokens(int64_t limit) {
    quota_settings quotas;
    auto& rule = quotas.items.emplace_back();
    rule.measure = quota_measure::tokens;
    rule.limit = limit;
    REQUIRE(ask<quota_settings>(admin(), change_quotas{quotas, 0}));
  }
};

}  // namespace

TEST_CASE("a key is admitted with its scopes until it is revoked") {
  fixture world;
  auto made = world.add_key();
  CHECK(made.entry.token_hash.empty());
  auto asks = world.caller_with(made, key_scope::read);
  CHECK(world.admitted(asks) == "yes");
  CHECK(world.admitted(world.caller_with(made, key_scope::chat)) == "scope_missing");
  CHECK(world.admitted(world.caller_with(made, std::nullopt)) == "login_needed");
  auto chief = asks;
  chief.needs = role::admin;
  CHECK(world.admitted(chief) == "role_needed");
  auto forged = asks;
  forged.key_hash = std::string(64, 'a');
  CHECK(world.admitted(forged) == "key_revoked");

  auto in = world.begin_turn(asks);
  CHECK(world.sessions.records.at(in).turns[0].by.label == "robot");
  CHECK(world.ask_user<done>(drop_api_key{world.who, made.entry.id}));
  CHECK(world.admitted(asks) == "key_revoked");
  // Streams that were opened with it end.
  CHECK(world.sessions.records.at(in).ended_logins == std::vector{asks.login});
}

TEST_CASE("a key expires") {
  fixture world;
  auto made = world.add_key([&](patch_of<api_key>& patch) {
    patch.set(&api_key::expires_at, std::optional{world.clock.now() + 1h});
  });
  auto asks = world.caller_with(made, key_scope::read);
  CHECK(world.admitted(asks) == "yes");
  world.clock.advance(1h);
  CHECK(world.admitted(asks) == "key_expired");
}

TEST_CASE("the use of a key is written once a minute") {
  fixture world;
  auto asks = world.caller_with(world.add_key(), key_scope::read);
  for (int i = 0; i < 5; ++i) CHECK(world.admitted(asks) == "yes");
  CHECK(world.touches() == 1);
  world.clock.advance(61s);
  for (int i = 0; i < 5; ++i) CHECK(world.admitted(asks) == "yes");
  CHECK(world.touches() == 2);
}

TEST_CASE("tokens are reserved, told and settled, and end replies when they are used up") {
  fixture world;
  world.limit_tokens(100);
  auto one = world.begin_turn(world.who);
  auto two = world.begin_turn(world.who);
  auto first = message_id::make();
  auto second = message_id::make();
  world.reserve_for(one, first, 10);
  world.reserve_for(two, second, 10);
  CHECK(world.reserved() == 22);
  caf::anon_send(world.actor, tokens_streamed{first, 40});
  world.run();
  auto& told = world.sessions.records.at(one).rulings;
  REQUIRE(told.size() == 1);
  CHECK(!told[0].is_over);
  CHECK(told[0].report_at > 40);
  caf::anon_send(world.actor, tokens_streamed{second, 41});
  world.run();
  // Both are over: what is left is not enough for either.
  REQUIRE(told.size() == 2);
  CHECK(told[1].is_over);
  CHECK(told[1].reply == first);
  auto refused = world.reserve(message_id::make(), 1);
  REQUIRE(!refused);
  CHECK(code_of(refused.error()) == errc::quota_exceeded);
  CHECK(detail_of(refused.error()).reason == "quota_tokens");
  CHECK(detail_of(refused.error()).retry_after_s > 0);

  usage_entry used;
  used.prompt_tokens = 10;
  used.completion_tokens = 40;
  caf::anon_send(world.actor, spend_settled{first, used});
  caf::anon_send(world.actor, spend_settled{second, std::nullopt});
  world.run();
  auto limits = world.ask_user<limit_list>(list_limits{world.who});
  REQUIRE(limits);
  REQUIRE(limits->items.size() == 1);
  CHECK(limits->items[0].used == 50);
  CHECK(limits->items[0].reserved == 0);
}

TEST_CASE("what was used before counts, and a session that ends gives back what it held") {
  fixture world;
  usage_entry before;
  before.owner_id = world.account.id;
  before.prompt_tokens = 60;
  world.store.tables.usage.push_back(before);
  world.limit_tokens(100);
  auto in = world.begin_turn(world.who);
  CHECK(!world.reserve(message_id::make(), 50));
  world.reserve_for(in, message_id::make(), 30);
  CHECK(world.reserved() == 31);
  CHECK(!world.reserve(message_id::make(), 30));
  world.stop(world.sessions.records.at(in).holder);
  CHECK(world.reserved() == 0);
  auto granted = world.reserve(message_id::make(), 30);
  REQUIRE(granted);
  CHECK(granted->is_metered);
}
