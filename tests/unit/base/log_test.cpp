#include "base/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "base/json.hpp"

using namespace parley;
using namespace std::chrono_literals;

namespace {

/// Runs `calls` with the log in an unlinked file and returns what it wrote.
template <class Calls>
std::string logged(log_level level, log_format format, Calls calls) {
  auto* file = std::tmpfile();
  REQUIRE(file != nullptr);
  start_log({level, format, ::fileno(file)});
  calls();
  stop_log();
  std::string text;
  char buffer[4096];
  ::lseek(::fileno(file), 0, SEEK_SET);
  for (ssize_t count; (count = ::read(::fileno(file), buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  std::fclose(file);
  return text;
}

}  // namespace

TEST_CASE("a line in JSON carries its fields with their types") {
  auto user = user_id::make();
  auto failure = make_error(errc::timeout, "upstream_timeout", "Too slow.");
  auto text = logged(log_level::normal, log_format::automatic, [&] {
    log_info("session.loaded", {{"user", user},
                                {"messages", 3},
                                {"big", UINT64_MAX},
                                {"ratio", 0.5},
                                {"cold", true},
                                {"took", 1500us},
                                {"since", instant{0}},
                                {"cause", failure},
                                {"title", std::string{"a \"b\""}}});
  });
  json_reader reader;
  auto line = reader.parse(text);
  REQUIRE(line);
  CHECK(parse_instant(*line->string_at("at")));
  CHECK(line->string_at("level") == "info");
  CHECK(line->string_at("event") == "session.loaded");
  CHECK(line->string_at("user") == to_string(user));
  CHECK(line->integer_at("messages") == 3);
  CHECK(text.find("\"big\":18446744073709551615,\"ratio\":0.5,\"cold\":true,\"took_ms\":1.5,") !=
        std::string::npos);
  CHECK(line->string_at("since") == "1970-01-01T00:00:00.000Z");
  CHECK(line->string_at("cause") == "timeout/upstream_timeout: Too slow.");
  CHECK(line->string_at("title") == "a \"b\"");
}

TEST_CASE("a line of text quotes only what needs it") {
  auto text = logged(log_level::debug, log_format::text, [] {
    log_debug("server.started",
              {{"listen", "127.0.0.1:8080"}, {"motto", "two words"}, {"none", ""}});
    log_warning("disk.full");
  });
  CHECK(text.substr(24).find(
            " debug   server.started listen=127.0.0.1:8080 motto=\"two words\" none=\"\"\n") == 0);
  CHECK(text.find(" warning disk.full\n") != std::string::npos);
}

TEST_CASE("no value forges a line or reaches the terminal's controls") {
  const std::string evil = std::string{"a\n{\"event\":\"forged\"}\r\x1b[2J\x7f\0\xff", 28} +
                           "\xc2\x9b"
                           "31m\xe2\x80\xa8 end";
  for (auto format : {log_format::json, log_format::text}) {
    auto text = logged(log_level::normal, format, [&] {
      log_info("x", {{"name", evil}, {evil, 1}});
    });
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    for (auto c : text) CHECK((static_cast<uint8_t>(c) >= 0x20 || c == '\n'));
    CHECK(text.find('\x7f') == std::string::npos);
    CHECK(text.find("\xc2\x9b") == std::string::npos);
    CHECK(text.find("\\u009b") != std::string::npos);
    CHECK(text.find("\\u2028 end") != std::string::npos);
    if (format == log_format::json) CHECK(json_reader{json_limits{.strict = false}}.parse(text));
  }
  auto text = logged(log_level::normal, log_format::json, [] {
    log_info("x", {{"name", std::string(100'000, 'y')}});
  });
  CHECK(text.size() < 3000);
}

TEST_CASE("the level decides, also while running") {
  auto text = logged(log_level::warning, log_format::text, [] {
    log_info("first");
    log_error("second");
    set_log_level(log_level::off);
    log_error("third");
    set_log_level(log_level::debug);
    log_debug("fourth");
  });
  CHECK(text.find("first") == std::string::npos);
  CHECK(text.find("second") != std::string::npos);
  CHECK(text.find("third") == std::string::npos);
  CHECK(text.find("fourth") != std::string::npos);
  log_error("after the end");
  CHECK(parse_log_level("warning") == log_level::warning);
  CHECK_FALSE(parse_log_level("loud"));
  CHECK(parse_log_format("auto") == log_format::automatic);
}

TEST_CASE("a full disk, a closed pipe and a closed descriptor lose lines, not the server") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  ::close(pipe[0]);
  auto full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  for (auto fd : {full, pipe[1], -1}) {
    start_log({log_level::normal, log_format::json, fd});
    for (int i = 0; i < 10; ++i) log_info("x", {{"i", i}});
    stop_log();
    CHECK(log_lines_dropped() == 10);
  }
  ::close(full);
  ::close(pipe[1]);
}

TEST_CASE("a reader that does not read blocks nobody") {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  start_log({log_level::normal, log_format::json, pipe[1]});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([] {
      for (int i = 0; i < 5'000; ++i)
        log_info("x", {{"i", i}, {"text", "some text to fill the pipe"}});
    });
  for (auto& thread : threads) thread.join();
  stop_log();  // comes back although nobody reads
  CHECK(log_lines_dropped() > 0);
  CHECK(log_lines_dropped() < 20'000);
  ::close(pipe[0]);
  ::close(pipe[1]);
}
