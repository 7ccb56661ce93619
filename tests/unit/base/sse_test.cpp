#include "base/sse.hpp"

#include <catch2/catch.hpp>
#include <tuple>

using namespace parley;

namespace {

using event_list = std::vector<std::tuple<std::string, std::string, std::string>>;

struct outcome {
  event_list events;
  bool is_good = true;
  bool is_partial = false;
};

outcome parse(const std::vector<std::string_view>& chunks, sse_limits limits = {}) {
  outcome result;
  sse_parser parser{limits};
  for (auto chunk : chunks) {
    // A copy that dies at once: whatever is still borrowed from it shows under asan.
    std::string passing{chunk};
    auto pushed = parser.push(passing, [&](const sse_event& event) {
      result.events.emplace_back(event.id, event.name, event.data);
    });
    result.is_good = result.is_good && pushed;
  }
  result.is_partial = parser.has_partial_event();
  return result;
}

event_list events_of(std::string_view text) {
  return parse({text}).events;
}

bool operator==(const outcome& a, const outcome& b) {
  return a.events == b.events && a.is_good == b.is_good && a.is_partial == b.is_partial;
}

}  // namespace

TEST_CASE("events are read as the standard's examples say") {
  CHECK(events_of("data: YHOO\ndata: +2\ndata: 10\n\n") == event_list{{"", "", "YHOO\n+2\n10"}});
  CHECK(events_of(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                  "data:  third event\n\n") ==
        event_list{{"1", "", "first event"}, {"", "", "second event"}, {"", "", " third event"}});
  CHECK(events_of("data\n\ndata\ndata\n\ndata:") == event_list{{"", "", ""}, {"", "", "\n"}});
  CHECK(events_of("data:test\n\ndata: test\n\n") == event_list{{"", "", "test"}, {"", "", "test"}});
}

TEST_CASE("fields are told apart, unknown ones ignored") {
  CHECK(events_of("event: add\nid: 7\ndata: x\n\ndata: y\n\n") ==
        event_list{{"7", "add", "x"}, {"7", "", "y"}});
  CHECK(events_of("event: lost\n\ndata: x\n\n") == event_list{{"", "", "x"}});
  CHECK(events_of("Data: x\ndatax: y\n data: z\nfoo\ndata: a:b\n\n") ==
        event_list{{"", "", "a:b"}});
  CHECK(events_of({"id: 1\ndata: a\n\nid: 2\0x\ndata: b\n\n", 32}) ==
        event_list{{"1", "", "a"}, {"1", "", "b"}});
  CHECK(events_of("event: a\nevent: b\ndata: x\n\n") == event_list{{"", "b", "x"}});
  CHECK(events_of("data: no end\n") == event_list{});
}

TEST_CASE("retry is a number of milliseconds or nothing") {
  auto retry_of = [](std::string_view text) {
    sse_parser parser;
    CHECK(parser.push(text, [](const sse_event&) {}));
    return parser.retry_ms();
  };
  CHECK(retry_of("retry: 1500\n") == 1500u);
  CHECK(retry_of("retry: 1500") == std::nullopt);
  for (auto bad :
       {"retry:\n", "retry: -1\n", "retry: 1.5\n", "retry: 1 \n", "retry: 99999999999\n"})
    CHECK(retry_of(bad) == std::nullopt);
}

TEST_CASE("the result is the same at every split point") {
  const std::string streams[] = {"data: {\"a\":1}\n\ndata: {\"b\":\"é\"}\n\ndata: [DONE]\n\n",
                                 "event: message_start\r\ndata: {}\r\n\r\n: ping\r\n\r\nevent: "
                                 "x\r\ndata: 1\r\ndata: 2\r\n\r\n",
                                 "id: 1\rdata: a\r\rid: 2\revent: e\rdata: b\rdata\r\r",
                                 "\xef\xbb\xbf"
                                 "data: marked\n\n\xef\xbb\xbf"
                                 "data: not a field\n\ndata: z\n\n",
                                 "\xef\xbb"
                                 "data: half a mark\n\ndata: y\n\n",
                                 "data: mixed\r\n\ndata: ends\n\rdata: here\r\r\n\ndata: open",
                                 "\r\n\r\n\n\n\r\rdata: x\n\n\xef",
                                 std::string{"id: a\0b\ndata: n\0l\n\n", 19}};
  for (auto& stream : streams) {
    auto whole = parse({stream});
    CHECK(whole.is_good);
    for (size_t i = 0; i <= stream.size(); ++i) {
      auto first = std::string_view{stream}.substr(0, i);
      for (size_t j = i; j <= stream.size(); ++j) {
        auto second = std::string_view{stream}.substr(i, j - i);
        REQUIRE(parse({first, second, std::string_view{stream}.substr(j)}) == whole);
      }
    }
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < stream.size(); ++i)
      bytes.push_back(std::string_view{stream}.substr(i, 1));
    CHECK(parse(bytes) == whole);
  }
}

TEST_CASE("an event in one chunk is not copied") {
  std::string chunk = "event: delta\ndata: {\"text\":\"a longer piece of text\"}\n\n";
  auto is_inside = [&](std::string_view view) {
    return view.data() >= chunk.data() && view.data() + view.size() <= chunk.data() + chunk.size();
  };
  sse_parser parser;
  int count = 0;
  CHECK(parser.push(chunk, [&](const sse_event& event) {
    CHECK(is_inside(event.name));
    CHECK(is_inside(event.data));
    ++count;
  }));
  CHECK(count == 1);
  CHECK_FALSE(parser.has_partial_event());
}

TEST_CASE("a CR ends its line without waiting for more") {
  CHECK(events_of("data: x\r\n\r").size() == 1);
  CHECK(events_of("data: x\r\r").size() == 1);
}

TEST_CASE("a line or an event over its limit fails the stream for good") {
  sse_limits limits{.line_bytes_max = 20, .event_bytes_max = 30};
  CHECK(parse({"data: 12345678901234\n\n"}, limits).events.size() == 1);
  for (auto& chunks : std::vector<std::vector<std::string_view>>{
           {"data: 123456789012345\n\n"},
           {"data: 1234", "56789012345"},
           {": a comment that is too long\n"},
           {"data: 12345678901234\ndata: 12345678901234\ndata: 1\n\n"},
           {"data: 12345678901234\n", "data: 12345678901234\n", "data:\ndata:\n"}}) {
    auto result = parse(chunks, limits);
    CHECK_FALSE(result.is_good);
    CHECK(result.events.empty());
  }
  sse_parser parser{limits};
  auto ignore = [](const sse_event&) { FAIL("an event after the end"); };
  CHECK(code_of(parser.push(std::string(21, 'x'), ignore).error()) == errc::too_large);
  CHECK(code_of(parser.push("data: x\n\n", ignore).error()) == errc::too_large);
}

TEST_CASE("what is written reads back and forges nothing") {
  std::string out;
  append_event(out, "42", "delta", "{\"text\":\"a\"}");
  CHECK(out == "id: 42\nevent: delta\ndata: {\"text\":\"a\"}\n\n");
  append_comment(out, "ping");
  append_event(out, "", "", "");
  append_event(out, "4\n3", "a\r\ndata: forged", "one\ntwo\r\nthree\rfour\n");
  CHECK(out.find(": ping\n\n") != std::string::npos);
  CHECK(events_of(out) == event_list{{"42", "delta", "{\"text\":\"a\"}"},
                                     {"42", "", ""},
                                     {"43", "adata: forged", "one\ntwo\nthree\nfour\n"}});
}
