#include "base/log_line.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("a line of the log is taken apart as it was put together") {
  auto line = parse_log_line(
      R"({"at":"2026-07-25T09:30:00.000Z","level":"info","event":"http.request","request":"r-1",)"
      R"("method":"GET","route":"/api/x/{id}","status":200,"odd":"a\"b\\","user":"u","took_ms":1.5,)"
      R"("reason":"r","model":"m\\","channel":"","is":true})");
  REQUIRE(line);
  CHECK(line->at == "2026-07-25T09:30:00.000Z");
  CHECK(line->level == "info");
  CHECK(line->event == "http.request");
  CHECK(line->request == "r-1");
  CHECK(line->method == "GET");
  CHECK(line->route == "/api/x/{id}");
  CHECK(line->status == "200");
  CHECK(line->user == "u");
  CHECK(number_of(line->took_ms) == 1.5);
  CHECK(line->reason == "r");
  CHECK(line->model == R"(m\\)");
  CHECK(line->channel.empty());
  CHECK(line->queue_ms.empty());
  CHECK_FALSE(number_of(""));
  CHECK_FALSE(number_of("1x"));
}

TEST_CASE("what is no line of the log is none") {
  const std::string good = R"({"at":"2026","level":"info","event":"x","n":1})";
  REQUIRE(parse_log_line(good));
  for (size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(parse_log_line(good.substr(0, size)));
  for (const auto* bad : {"", "{}", "null", R"({"at":"1","level":"info"})", R"({"at":"1",})",
                          R"({"at":"2026","level":"info","event":"x"} )",
                          R"({"at":"2026","level":"info","event":"x","n":})",
                          R"(at=1 level=info event=x)", "{\"at\":\"1\\\"}"})
    CHECK_FALSE(parse_log_line(bad));
}

TEST_CASE("a line is shown as a terminal would have had it") {
  CHECK(text_of_log_line(
            R"({"at":"2026","level":"info","event":"x.y","n":1,"s":"a","t":"a b","e":""})") ==
        R"(2026 info    x.y n=1 s=a t="a b" e="")");
  CHECK(text_of_log_line(R"({"at":"2026","level":"warning","event":"x","q":"a\"b"})") ==
        R"(2026 warning x q="a\"b")");
  CHECK(text_of_log_line("no line") == "no line");
}
