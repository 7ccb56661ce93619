// Messages between USER, SESSION and STORAGE must be able to cross the wire to another node: each
// row of their tables goes through CAF's binary form and comes back the same.
#include <catch2/catch.hpp>

#include "actors/admin.hpp"
#include "actors/alerts.hpp"
#include "actors/counter.hpp"
#include "actors/hasher.hpp"
#include "actors/jobs.hpp"
#include "actors/logs.hpp"
#include "actors/upkeep.hpp"
#include "tests/support/actor_world.hpp"
#include "tests/support/filled.hpp"
#include "tests/support/table_rows.hpp"

using namespace parley;
using namespace parley::tests;

namespace {

std::vector<char> bytes_of(caf::actor_system& system, const caf::message& message) {
  std::vector<char> bytes;
  caf::binary_serializer sink{system, bytes};
  auto copy = message;
  INFO(caf::to_string(message));
  if (auto fault = sink(copy)) FAIL(caf::to_string(fault));
  return bytes;
}

// Without templates but for its callers: the rows are many, and each would be compiled anew.
void check_crossing(caf::actor_system& system, const caf::message& sent,
                    const caf::message& untouched) {
  INFO(caf::to_string(sent));
  auto bytes = bytes_of(system, sent);
  caf::message received;
  caf::binary_deserializer source{system, bytes};
  if (auto fault = source(received)) FAIL(caf::to_string(fault));
  // The bytes begin with the type's name: an unregistered one would come back as ().
  REQUIRE(received.size() == 1);
  CHECK(bytes_of(system, received) == bytes);
  CHECK(caf::to_string(received) == caf::to_string(sent));
  // Filled indeed, unless there is nothing to fill.
  if (!untouched.empty()) CHECK(bytes != bytes_of(system, untouched));
}

template <class T>
void check_crossing(caf::actor_system& system) {
  constexpr auto holds_handles =
      std::is_same_v<T, located> || std::is_same_v<T, meet_directory> ||
      std::is_same_v<T, make_summary> || std::is_same_v<T, call_ticket> ||
      std::is_same_v<T, meet_providers> || std::is_same_v<T, meet_provider>;
  caf::message untouched;
  if constexpr (!std::is_empty_v<T> && !holds_handles) untouched = caf::make_message(T{});
  check_crossing(system, caf::make_message(filled<T>()), untouched);
}

template <class Table>
size_t check_table() {
  actor_world world;
  size_t rows = 0;
  each_row<Table>([&](auto row) {
    using row_type = decltype(row);
    check_crossing<typename row_type::message>(world.system);
    if constexpr (!std::is_void_v<typename row_type::answer>)
      check_crossing<typename row_type::answer>(world.system);
    ++rows;
  });
  return rows;
}

}  // namespace

TEST_CASE("all messages of USER cross the wire") {
  CHECK(check_table<user_actor>() == 75);
}

TEST_CASE("all messages of SESSION cross the wire") {
  CHECK(check_table<session_actor>() == 27);
}

TEST_CASE("all messages of STORAGE and READER cross the wire") {
  CHECK(check_table<storage_actor>() == 5);
  CHECK(check_table<reader_actor>() == 27);
}

TEST_CASE("all messages of CALL cross the wire") {
  CHECK(check_table<call_actor>() == 10);
  CHECK(check_table<call_reader_actor>() == 1);
}

TEST_CASE("all messages of PROVIDER cross the wire") {
  CHECK(check_table<provider_actor>() == 10);
}

TEST_CASE("all messages of COUNTER cross the wire") {
  CHECK(check_table<counter_actor>() == 4);
}

TEST_CASE("all messages of DIRECTORY and ADMIN cross the wire") {
  CHECK(check_table<directory_actor>() == 6);
  CHECK(check_table<admin_actor>() == 27);
}

TEST_CASE("all messages of JOBS cross the wire") {
  CHECK(check_table<jobs_actor>() == 18);
  CHECK(check_table<file_worker_actor>() == 4);
}

TEST_CASE("all messages of LOGS cross the wire") {
  CHECK(check_table<logs_actor>() == 3);
  CHECK(check_table<log_worker_actor>() == 3);
}

TEST_CASE("all messages of ALERTS cross the wire") {
  CHECK(check_table<alerts_actor>() == 6);
  CHECK(check_table<alert_watch_actor>() == 3);
  CHECK(check_table<alert_sender_actor>() == 1);
}

TEST_CASE("each kind of change is among the filled ones") {
  auto message = filled<commit>();
  std::vector<size_t> kinds;
  for (const auto& wanted : message.changes) kinds.push_back(wanted.index());
  std::vector<size_t> all(caf::detail::tl_size<change::types>::value);
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  CHECK(kinds == all);
}

TEST_CASE("all messages of UPKEEP cross the wire") {
  CHECK(check_table<upkeep_actor>() == 2);
}

TEST_CASE("a secret does not cross the wire") {
  actor_world world;
  verify_password message{secret_text{"canary-password"}, "hash"};
  auto bytes = bytes_of(world.system, caf::make_message(message));
  CHECK(std::string(bytes.begin(), bytes.end()).find("canary") == std::string::npos);
  CHECK(caf::to_string(caf::make_message(message)).find("canary") == std::string::npos);
}
