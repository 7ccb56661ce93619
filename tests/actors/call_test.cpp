// CALL: one call without a session, among a scripted USER, PROVIDER and reader.
#include "actors/impl/call_actor.hpp"

#include <catch2/catch.hpp>

#include "tests/support/actor_world.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

/// What the neighbours were told; outlives them.
struct notes {
  std::vector<complete> calls;
  std::vector<call_id> cancelled;
  std::vector<pause_call> pauses;
  std::vector<embed> embeds;
  std::vector<call_slice> slices;
  std::vector<call_ended> ended;
  std::optional<model_config> fallback;
  std::vector<reserve_spend> reserved;
  std::vector<tokens_streamed> streamed;
  error fail_spend;  ///< while set, nothing may be spent
  bool is_metered = false;
};

call_parent_actor::behavior_type run_user(call_parent_actor::pointer self, notes* seen) {
  harden(self);
  return {[=](const find_model&) -> caf::result<model_config> {
            if (seen->fallback) return *seen->fallback;
            return make_error(errc::not_found);
          },
          [=](const call_ended& told) { seen->ended.push_back(told); },
          [=](const reserve_spend& wanted) -> caf::result<spend_granted> {
            seen->reserved.push_back(wanted);
            if (seen->fail_spend) return seen->fail_spend;
            return spend_granted{seen->is_metered};
          },
          [=](const tokens_streamed& told) { seen->streamed.push_back(told); }};
}

provider_actor::behavior_type run_provider(provider_actor::pointer self, notes* seen) {
  harden(self);
  return {[=](const complete& call) { seen->calls.push_back(call); },
          [=](const cancel_call& cancel) { seen->cancelled.push_back(cancel.call); },
          [=](const pause_call& told) { seen->pauses.push_back(told); },
          [=](const embed& asked) -> caf::result<embedded> {
            seen->embeds.push_back(asked);
            embedded found;
            for (size_t i = 0; i < asked.texts.size(); ++i)
              found.vectors.push_back({static_cast<float>(asked.texts[i].size())});
            found.prompt_tokens = static_cast<int64_t>(asked.texts.size());
            return found;
          },
          [](const try_model&) -> caf::result<model_trial> { return make_error(errc::internal); },
          [](const list_offers&) -> caf::result<offer_list> { return make_error(errc::internal); },
          [](const read_channels&) { return channel_reports{}; },
          [](const channel_changed&) {},
          [](const meet_providers&) {},
          [](const fail_calls&) {}};
}

call_reader_actor::behavior_type run_reader(call_reader_actor::pointer self, notes* seen) {
  harden(self);
  return {[=](const call_slice& news) { seen->slices.push_back(news); }};
}

/// What the actors note outlives the world, which runs them until they have ended.
struct noted {
  notes seen;
  token_counter counter;
};

struct fixture : noted, actor_world {
  login_id login = login_id::make();
  model_config model;
  call_parent_actor user = own(system.spawn(run_user, &seen));
  provider_actor provider = own(system.spawn(run_provider, &seen));
  call_reader_actor reader = own(system.spawn(run_reader, &seen));
  call_actor target;

  void spawn() {
    model.id = model_id::make();
    model.name = "m";
    target = own(spawn_call(system, {user, user_id::make(), login, model, reader, 7}, counter));
  }
  void begin(int64_t credit) {
    spawn();
    start_call asked;
    asked.provider = provider;
    asked.messages.push_back({message_role::user, {}});
    asked.messages.back().parts.emplace_back().text = "How are you?";
    asked.credit = credit;
    tell(std::move(asked));
    REQUIRE(seen.calls.size() == 1);
  }
  template <class M>
  void tell(M message) {
    caf::anon_send(target, std::move(message));
    run();
  }
  void say(const std::string& text, part_type type = part_type::text) {
    tell(reply_delta{seen.calls.back().call, {{type, text}}});
  }
  void finish(std::optional<usage> used = usage{5, 6, {}, {}, usage_source::provider}) {
    tell(reply_finished{seen.calls.back().call, finish_reason::stop, used, {}});
  }
  std::string text() const {
    std::string all;
    for (const auto& slice : seen.slices)
      for (const auto& delta : slice.deltas) all += delta.text;
    return all;
  }
};

}  // namespace

TEST_CASE("a call is told as it comes, within the credit, and then its end") {
  fixture world;
  world.begin(8);
  world.say("Hello, ");
  CHECK(world.text() == "Hello, ");
  world.say("world!");
  CHECK(world.text() == "Hello, w");
  world.say(" And on.");
  world.finish();
  CHECK(world.text() == "Hello, w");
  CHECK_FALSE(world.seen.slices.back().end);
  // The upstream is done: the user's stream is free, whoever still reads.
  REQUIRE(world.seen.ended.size() == 1);
  world.tell(grant_call{6});
  CHECK(world.text() == "Hello, world! ");
  world.tell(grant_call{100});
  CHECK(world.text() == "Hello, world! And on.");
  REQUIRE(world.seen.slices.back().end);
  CHECK(world.seen.slices.back().end->used.completion_tokens == 6);
  CHECK(world.seen.slices.back().stream == 7);
  CHECK(world.seen.ended.size() == 1);
  CHECK(world.seen.ended.front().model == world.model.id);
  CHECK(world.seen.ended.front().login == world.login);
  CHECK(world.seen.ended.front().used->prompt_tokens == 5);
}

TEST_CASE("a credit cuts no character") {
  fixture world;
  world.begin(4);
  world.say("ab\xE2\x82\xAC.");
  CHECK(world.text() == "ab");
  world.tell(grant_call{4});
  CHECK(world.text() == "ab\xE2\x82\xAC.");
}

TEST_CASE("a call far ahead of its reader waits") {
  fixture world;
  world.begin(1000);
  auto& pauses = world.seen.pauses;
  for (int i = 0; i < 9; ++i) world.say(std::string(1024, 'a'));
  REQUIRE(pauses.size() == 1);
  CHECK(pauses[0].is_paused);
  CHECK(pauses[0].call == world.seen.calls.back().call);
  world.tell(grant_call{4096 + 23});
  CHECK(pauses.size() == 1);
  world.tell(grant_call{1});
  REQUIRE(pauses.size() == 2);
  CHECK_FALSE(pauses[1].is_paused);
  for (int i = 0; i < 5; ++i) world.say(std::string(1024, 'a'));
  CHECK(pauses.size() == 3);
  world.finish();
  world.tell(grant_call{100 << 10});
  CHECK(world.text().size() == 14 << 10);
  CHECK(pauses.size() == 3);
}

TEST_CASE("a call that is wanted whole is told once") {
  fixture world;
  world.begin(0);
  world.say("Hm.", part_type::reasoning);
  world.say("Hello");
  world.say(" there");
  CHECK(world.seen.slices.empty());
  world.finish();
  REQUIRE(world.seen.slices.size() == 1);
  REQUIRE(world.seen.slices.front().deltas.size() == 2);
  CHECK(world.seen.slices.front().deltas.back().text == "Hello there");
  CHECK(world.seen.slices.front().end);
}

TEST_CASE("usage that no provider tells is estimated") {
  fixture world;
  world.begin(100);
  world.say("I am fine, thank you very much.");
  world.finish(std::nullopt);
  REQUIRE(world.seen.slices.back().end);
  auto& used = world.seen.slices.back().end->used;
  CHECK(used.source == usage_source::estimated);
  CHECK(used.prompt_tokens > 5);
  CHECK(used.completion_tokens > 5);
}

TEST_CASE("a fault is told at once, with what was used so far for the user alone") {
  fixture world;
  world.begin(3);
  world.say("Hello, world!");
  world.tell(reply_failed{world.seen.calls.back().call,
                          make_error(errc::provider_failed, "upstream_broken", "Broken.")});
  CHECK(detail_of(world.seen.slices.back().fault).reason == "upstream_broken");
  CHECK(world.text() == "Hel");
  REQUIRE(world.seen.ended.size() == 1);
  CHECK(world.seen.ended.front().used->completion_tokens > 0);
}

TEST_CASE("a reader that leaves, a login that ends and a USER that goes end the call") {
  fixture world;
  auto how = GENERATE(0, 1, 2);
  world.begin(100);
  world.tell(end_streams{login_id::make()});
  CHECK(world.seen.cancelled.empty());
  if (how == 0) world.tell(leave_call{});
  if (how == 1) world.tell(end_streams{world.login});
  if (how == 2) world.stop(world.user);
  REQUIRE(world.seen.cancelled.size() == 1);
  CHECK(world.seen.cancelled.front() == world.seen.calls.front().call);
  CHECK(world.seen.slices.size() == (how == 0 ? 0 : 1));
  if (how == 1) CHECK(detail_of(world.seen.slices.front().fault).reason == "token_revoked");
  if (how != 2) {
    REQUIRE(world.seen.ended.size() == 1);
    CHECK_FALSE(world.seen.ended.front().used);
  }
}

TEST_CASE("a call that nobody begins ends by itself") {
  fixture world;
  world.spawn();
  world.advance(std::chrono::seconds{60});
  CHECK(world.seen.ended.size() == 1);
  CHECK(world.seen.calls.empty());
}

TEST_CASE("a fallback goes along, one that is gone is none") {
  fixture world;
  world.model.fallback_model_id = model_id::make();
  if (GENERATE(false, true)) {
    world.seen.fallback.emplace().name = "other";
    world.begin(100);
    REQUIRE(world.seen.calls.front().fallback);
    CHECK(world.seen.calls.front().fallback->model.name == "other");
  } else {
    world.begin(100);
    CHECK_FALSE(world.seen.calls.front().fallback);
  }
}

TEST_CASE("texts are embedded in pieces, in their order") {
  fixture world;
  world.spawn();
  start_embedding asked;
  asked.provider = world.provider;
  for (size_t i = 1; i <= 300; ++i) asked.texts.emplace_back(i, 'x');
  auto found = world.ask<embedded>(world.target, asked);
  REQUIRE(found);
  REQUIRE(found->vectors.size() == 300);
  for (size_t i = 0; i < 300; ++i) CHECK(found->vectors[i].front() == static_cast<float>(i + 1));
  CHECK(found->prompt_tokens == 300);
  CHECK(world.seen.embeds.size() == 3);
  REQUIRE(world.seen.ended.size() == 1);
  CHECK(world.seen.ended.front().used->prompt_tokens == 300);
}

TEST_CASE("a call without a budget asks no model") {
  fixture world;
  world.seen.fail_spend = make_error(errc::quota_exceeded, "quota_tokens", "Used up.");
  world.spawn();
  start_call asked;
  asked.provider = world.provider;
  world.tell(std::move(asked));
  CHECK(world.seen.calls.empty());
  REQUIRE(world.seen.slices.size() == 1);
  CHECK(code_of(world.seen.slices[0].fault) == errc::quota_exceeded);
  REQUIRE(world.seen.ended.size() == 1);
  CHECK(world.seen.ended[0].reply == world.seen.reserved[0].reply);
  CHECK_FALSE(world.seen.ended[0].spent);
}

TEST_CASE("a budget that runs out ends a call with what came") {
  fixture world;
  world.seen.is_metered = true;
  world.model.prices = model_prices{"USD", "3", "15", {}};
  world.begin(1'000);
  world.say("Hello");
  REQUIRE(world.seen.streamed.size() == 1);
  auto reply = world.seen.streamed[0].reply;
  world.tell(spend_ruled{reply, 0, true});
  CHECK(world.seen.cancelled.size() == 1);
  CHECK(world.text() == "Hello");
  REQUIRE(world.seen.slices.back().end);
  CHECK(world.seen.slices.back().end->reason == finish_reason::length);
  REQUIRE(world.seen.ended.size() == 1);
  REQUIRE(world.seen.ended[0].spent);
  CHECK(world.seen.ended[0].spent->completion_tokens > 0);
  CHECK(world.seen.ended[0].spent->cost > 0);
}

TEST_CASE("a budget that runs out before anything came is a refusal") {
  fixture world;
  world.seen.is_metered = true;
  world.begin(1'000);
  world.tell(spend_ruled{world.seen.reserved[0].reply, 0, true});
  REQUIRE(world.seen.slices.size() == 1);
  CHECK(code_of(world.seen.slices[0].fault) == errc::quota_exceeded);
  CHECK_FALSE(world.seen.ended[0].spent);
}
