#include "chat/reply_log.hpp"

#include <catch2/catch.hpp>

#include "base/record_json.hpp"

using namespace parley;

namespace {

reply_start some_start() {
  reply_start start;
  start.session_id = session_id::make();
  start.message_id = message_id::make();
  return start;
}

// What a client shows after these slices.
struct client {
  int64_t position = 0;
  std::vector<std::string> parts;
  std::optional<message_status> status;
  int starts = 0, snapshots = 0, ends = 0, errors = 0;

  void take(const slice& got) {
    auto rise = [&](int64_t to) {
      REQUIRE(to > position);
      position = to;
    };
    if (got.start) ++starts, rise(1);
    if (got.snapshot) {
      ++snapshots;
      parts.clear();
      for (auto& p : got.snapshot->parts) parts.push_back(p.text.value_or(""));
      position = got.snapshot->position;
    }
    for (auto& event : got.events) {
      rise(event.position);
      if (event.is_opening) {
        REQUIRE(event.part == static_cast<int32_t>(parts.size()));
        parts.emplace_back();
      } else {
        parts[static_cast<size_t>(event.part)] += event.text;
      }
    }
    if (got.error) ++errors, rise(got.error_position);
    if (got.status) ++ends, status = got.status, rise(got.status_position);
  }
};

reply_log sample_log() {
  reply_log log{some_start()};
  log.append(part_type::reasoning, "let me think: ");
  log.append(part_type::reasoning, "你好");
  log.append(part_type::text, "Grüße, 世界 🌍");
  log.append(part_type::text, "!");
  return log;
}

const std::vector<std::string> sample_parts{"let me think: 你好", "Grüße, 世界 🌍!"};

}  // namespace

TEST_CASE("positions follow api.md") {
  reply_log log{some_start()};
  CHECK(log.position() == 1);
  log.append(part_type::text, "abc");
  CHECK(log.position() == 5);
  log.append(part_type::text, "é");
  CHECK(log.position() == 7);
  log.append(part_type::reasoning, "x");
  CHECK(log.position() == 9);
  log.finish(message_status::error, message_error{"timeout", "upstream_timeout", "."});
  CHECK(log.position() == 11);
}

TEST_CASE("a reader with any credit gets the same reply") {
  for (int64_t credit = 4; credit < 60; ++credit) {
    auto log = sample_log();
    log.finish(message_status::complete, {});
    client reader;
    int64_t after = 0;
    for (int rounds = 0; !reader.status && rounds < 100; ++rounds)
      reader.take(log.cut(after, credit));
    INFO(credit);
    CHECK(reader.parts == sample_parts);
    CHECK(reader.starts == 1);
    CHECK(reader.ends == 1);
    CHECK(after == log.position());
  }
}

TEST_CASE("a reader resumes at every position it was given, from memory and from the stored row") {
  auto live = sample_log();
  message stored;
  stored.parts = live.parts();
  stored.status = message_status::complete;
  live.finish(message_status::complete, {});
  reply_log again{live.start(), stored};
  CHECK(again.position() == live.position());
  for (auto* log : {&live, &again}) {
    client whole;
    int64_t after = 0;
    std::vector<std::pair<int64_t, client>> stops{{0, whole}};
    while (!whole.status) {
      whole.take(log->cut(after, 4));
      stops.emplace_back(after, whole);
    }
    for (auto& [position, reader] : stops) {
      if (reader.status) continue;
      auto resumed_at = position;
      auto resumed = reader;
      resumed.take(log->cut(resumed_at, 1'000'000));
      CHECK(resumed.snapshots == 0);
      CHECK(resumed.parts == sample_parts);
      CHECK(resumed.ends == 1);
    }
  }
}

TEST_CASE("a position that is lost or made up is answered by a snapshot") {
  auto log = sample_log();
  for (int64_t position : {int64_t{1000}, int64_t{-1}, int64_t{18}}) {  // 18: inside a character
    INFO(position);
    client reader;
    auto after = position;
    reader.take(log.cut(after, 100));
    CHECK(reader.snapshots == 1);
    CHECK(reader.parts == sample_parts);
    CHECK(after == log.position());
  }
}

TEST_CASE("no credit, no text, the end comes after all text") {
  auto log = sample_log();
  log.finish(message_status::complete, {});
  int64_t after = 0;
  auto first = log.cut(after, 0);
  CHECK(first.start);
  CHECK_FALSE(first.status);
  CHECK(log.bytes_behind(after) == log.text_bytes());
  auto rest = log.cut(after, log.text_bytes());
  CHECK(rest.status == message_status::complete);
  CHECK(log.bytes_behind(after) == 0);
}

TEST_CASE("an error comes once, before done, also when resumed between the two") {
  auto log = sample_log();
  log.finish(message_status::interrupted, message_error{"provider_failed", "upstream_broke", "."});
  client reader;
  int64_t after = 0;
  reader.take(log.cut(after, 1000));
  CHECK(reader.errors == 1);
  auto at_error = log.position() - 1;
  auto last = log.cut(at_error, 1000);
  CHECK_FALSE(last.error);
  CHECK(last.status == message_status::interrupted);
}

TEST_CASE("checkpoints add up to the reply") {
  reply_log log{some_start()};
  std::vector<std::string> parts;
  int64_t at = 0;
  auto checkpoint = [&] {
    for (auto& added : log.added_since(at)) {
      if (added.is_opening) parts.emplace_back();
      parts[static_cast<size_t>(added.part)] += added.text;
      at = added.position;
    }
  };
  log.append(part_type::reasoning, "a");
  checkpoint();
  log.append(part_type::reasoning, "b");
  log.append(part_type::text, "c");
  checkpoint();
  checkpoint();
  log.append(part_type::text, "d");
  checkpoint();
  CHECK(parts == std::vector<std::string>{"ab", "cd"});
}

TEST_CASE("a stored reply that streams goes on behind its parts") {
  message row;
  row.status = message_status::streaming;
  row.parts.emplace_back().text = "ab";
  reply_log log{some_start(), row};
  CHECK_FALSE(log.is_finished());
  auto at = log.position();
  CHECK(at == 4);
  log.append(part_type::text, "c");
  CHECK(log.position() == 5);
  CHECK(log.added_since(at).size() == 1);
  CHECK(content_of(log.parts()) == "abc");
}
