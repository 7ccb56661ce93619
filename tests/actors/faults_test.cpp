// A handler that throws costs the request it served: its asker gets an error, the next one is
// served. Tried for each row of the tables.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "actors/impl/session_state.hpp"
#include "actors/numerous.hpp"
#include "base/io_loop.hpp"
#include "tests/support/account_world.hpp"
#include "tests/support/table_rows.hpp"

using namespace parley;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

/// Sends M so that its handler throws; whoever asked gets an error.
template <class Row, class Handle>
void fail_row(actor_world& world, const Handle& actor, std::string_view name) {
  using message_type = typename Row::message;
  INFO(typeid(message_type).name());
  fail_next<message_type>(name);
  if constexpr (std::is_void_v<typename Row::answer>) {
    world.self->send(actor, message_type{});
    world.run();
  } else {
    auto answer = world.ask<typename Row::answer>(actor, message_type{});
    REQUIRE_FALSE(answer);
    auto code = code_of(answer.error());
    CHECK((code == errc::internal || code == errc::unavailable));
  }
  CHECK(handler_fault_hook.load() == nullptr);
}

bool is_memory_short = false;

struct heavy_question {
  heavy_question() = default;
  heavy_question(const heavy_question&) {
    if (is_memory_short) throw std::bad_alloc{};
  }
  heavy_question(heavy_question&&) = default;
  heavy_question& operator=(const heavy_question&) = default;
  heavy_question& operator=(heavy_question&&) = default;
};
PARLEY_INSPECT_HERE(heavy_question)

using heavy_actor = caf::typed_actor<ask<heavy_question, done>>;

// What cannot be run any more must not be waited for: see actors/floating.hpp.
template <class Actor>
constexpr bool ends_without_memory =
    noexcept(std::declval<Actor&>().enqueue(caf::mailbox_element_ptr{}, nullptr));
static_assert(ends_without_memory<numerous_actor<session_actor, session_state>>);
static_assert(ends_without_memory<floating<heavy_actor::base>>);
static_assert(ends_without_memory<pinned<heavy_actor::base>>);
static_assert(!ends_without_memory<heavy_actor::base>);

}  // namespace

TEST_CASE("a question that there is no memory to hand on is answered with an error") {
  actor_world world;
  auto last = world.own(world.system.spawn([]() -> heavy_actor::behavior_type {
    return {[](const heavy_question&) { return done{}; }};
  }));
  auto first =
      world.own(world.system.spawn([last](heavy_actor::pointer self) -> heavy_actor::behavior_type {
        harden(self);
        return {[self, last](const heavy_question& asked) -> caf::result<done> {
          return hand_on(self, last, asked);
        }};
      }));
  CHECK(world.ask<done>(first, heavy_question{}));
  is_memory_short = true;
  auto answer = world.ask<done>(first, heavy_question{});
  is_memory_short = false;
  CHECK_FALSE(answer);
}

TEST_CASE("an asker that there is no memory to answer is not left waiting: the process ends") {
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGABRT, SIG_DFL);
    actor_world world;
    auto asked =
        world.own(world.system.spawn([](heavy_actor::pointer self) -> heavy_actor::behavior_type {
          harden(self);
          return {[self](const heavy_question&) -> caf::result<done> {
            auto promise = self->make_response_promise<done>();
            throw std::bad_alloc{};
          }};
        }));
    (void)world.ask<done>(asked, heavy_question{});
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGABRT);
}

TEST_CASE("USER: an exception in any row costs one request") {
  account_world world;
  auto account = world.add_user("ada", role::admin);
  auto who = world.caller_of(world.log_in("ada"));
  each_row<user_actor>([&](auto row) {
    fail_row<decltype(row)>(world, world.user_of(account.id), "user");
    CHECK(world.ask<done>(world.user_of(account.id), admit{who}));
  });
}

TEST_CASE("DIRECTORY: an exception in any row costs one request") {
  account_world world;
  auto account = world.add_user("ada", role::admin);
  each_row<directory_actor>([&](auto row) {
    auto before = world.user_of(account.id);
    fail_row<decltype(row)>(world, world.directory(), "directory");
    world.advance(61s);
    auto after = world.user_of(account.id);
    CHECK(after != before);
    CHECK_NOTHROW(world.log_in("ada"));
  });
}

TEST_CASE("ADMIN: an exception in any row costs one request") {
  account_world world;
  world.add_user("ada", role::admin);
  each_row<admin_actor>([&](auto row) {
    fail_row<decltype(row)>(world, world.admin(), "admin");
    world.advance(61s);
    CHECK_FALSE(world.ask<login_methods>(world.admin(), get_methods{})->needs_setup);
    // It has met the DIRECTORY again.
    auto absent = world.ask<user>(world.admin(), change_user{user_id::make(), {}});
    CHECK(code_of(absent.error()) == errc::not_found);
  });
}

TEST_CASE("HASHER: an exception in any row, of pool or worker, costs one request") {
  account_world world;
  auto name = GENERATE("hasher", "hash_worker");
  each_row<hasher_actor>([&](auto row) {
    fail_row<decltype(row)>(world, world.hasher(), name);
    world.advance(61s);
    CHECK(world.ask<hashed_password>(world.hasher(), hash_password{secret_text{"a password"}}));
  });
}
