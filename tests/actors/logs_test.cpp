#include <catch2/catch.hpp>

#include "actors/impl/logs_actor.hpp"
#include "tests/support/actor_world.hpp"
#include "tests/support/log_lines.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;
using namespace parley::test;
using namespace parley::tests;
using namespace std::chrono_literals;

namespace {

constexpr instant noon{1'699'963'200'000};

struct logs_world : actor_world {
  temp_directory data;
  std::vector<log_worker_actor> workers;
  logs_parts parts;
  logs_actor target;

  logs_world() {
    parts.start_worker = [this] {
      workers.push_back(spawn_log_worker(system, {data.path(), 10'000}, log_thread::shared));
      return workers.back();
    };
  }
  ~logs_world() {
    caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
    run();
  }

  void start() {
    target = spawn_logs(system, parts);
    run();
  }
};

}  // namespace

TEST_CASE("LOGS has its worker read and sum", "[logs]") {
  logs_world w;
  write_log_file(w.data.path(), 1, request_line(noon, {"r", "/x", 500, 3}));
  write_log_file(w.data.path(), 2, request_line(noon, {"r", "/x", 200, 3}));
  w.start();
  // Made ahead, before anybody asked.
  CHECK(std::filesystem::exists(w.data.path() / "log-00000001.sums"));
  read_logs wanted;
  wanted.page.limit = 1;
  auto page = w.ask<log_page>(w.target, wanted);
  REQUIRE(page);
  CHECK(page->lines.size() == 1);
  REQUIRE(page->next_cursor);
  wanted.page.cursor = *page->next_cursor;
  page = w.ask<log_page>(w.target, wanted);
  REQUIRE(page);
  CHECK(page->lines.size() == 1);
  CHECK_FALSE(page->next_cursor);
  wanted.page.cursor = "odd";
  page = w.ask<log_page>(w.target, wanted);
  REQUIRE_FALSE(page);
  CHECK(detail_of(page.error()).reason == "cursor_mismatch");
  auto summary = w.ask<log_summary>(w.target, sum_logs{{log_group::status, noon, noon + 1h}});
  REQUIRE(summary);
  CHECK(summary->all.count == 2);
  CHECK(summary->all.errors == 1);
}

TEST_CASE("files that became whole get their sums now and then", "[logs]") {
  logs_world w;
  write_log_file(w.data.path(), 1, request_line(noon, {"r", "/x", 200, 3}));
  w.start();
  write_log_file(w.data.path(), 2, request_line(noon, {"r", "/x", 200, 3}));
  CHECK_FALSE(std::filesystem::exists(w.data.path() / "log-00000001.sums"));
  w.wait(w.parts.sums_each);
  CHECK(std::filesystem::exists(w.data.path() / "log-00000001.sums"));
}

TEST_CASE("more questions than LOGS holds are refused", "[logs]") {
  logs_world w;
  w.parts.questions_max = 2;
  w.start();
  auto first = w.ask_later(w.target, read_logs{});
  auto second = w.ask_later(w.target, sum_logs{{log_group::route, noon, noon + 1h}});
  auto third = w.ask_later(w.target, read_logs{});
  w.run();
  auto refused = w.answer_of<log_page>(third);
  REQUIRE_FALSE(refused);
  CHECK(code_of(refused.error()) == errc::unavailable);
  CHECK(detail_of(refused.error()).reason == "logs_busy");
  CHECK(w.answer_of<log_page>(first));
  CHECK(w.answer_of<log_summary>(second));
  CHECK(w.ask<log_page>(w.target, read_logs{}));
}

TEST_CASE("a worker that crashed is followed by another", "[logs]") {
  logs_world w;
  w.start();
  fail_next<read_logs>("log_worker");
  CHECK_FALSE(w.ask<log_page>(w.target, read_logs{}));
  CHECK(w.workers.size() == 2);
  CHECK(w.ask<log_page>(w.target, read_logs{}));
}
