// What the load client reads with: chunked bodies, events, quantiles.
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "bench/load/http_text.hpp"
#include "bench/load/latency_histogram.hpp"
#include "bench/load/sse_reader.hpp"

namespace parley::bench {
namespace {

TEST_CASE("a chunked body is decoded wherever it is cut") {
  const std::string text = "5;a=b\r\nhello\r\nA\r\n, world!!!\r\n0\r\nTrailer: x\r\n\r\nnext";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    chunk_decoder decoder;
    std::string body;
    auto used = decoder.decode(std::string_view{text}.substr(0, cut), body);
    used += decoder.decode(std::string_view{text}.substr(cut), body);
    REQUIRE(decoder.is_whole());
    REQUIRE(body == "hello, world!!!");
    REQUIRE(used == text.size() - 4);
  }
}

TEST_CASE("broken chunks are noticed") {
  for (const std::string_view text :
       {"x\r\n", "\r\n", "5\nhello", "5\r\nhelloX", "5\r\nhello\rX", "123456789\r\n"}) {
    chunk_decoder decoder;
    std::string body;
    decoder.decode(text, body);
    CHECK(decoder.is_broken());
  }
}

TEST_CASE("events are read wherever the text is cut") {
  const std::string text =
      ": ping\r\nevent: delta\r\nid: 7\r\ndata: {\"a\":1}\r\n\r\nevent: nothing\n\n"
      "data:two\ndata: lines\n\ndata: unfinished\n";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    std::vector<std::string> found;
    sse_reader reader;
    const auto note = [&found](const sse_event& event) {
      found.push_back(std::string{event.name} + "|" + std::string{event.id} + "|" +
                      std::string{event.data});
    };
    reader.read(std::string_view{text}.substr(0, cut), note);
    reader.read(std::string_view{text}.substr(cut), note);
    REQUIRE(found == std::vector<std::string>{"delta|7|{\"a\":1}", "||two\nlines"});
    REQUIRE_FALSE(reader.is_broken());
  }
}

TEST_CASE("an event without end breaks the reader") {
  sse_reader reader;
  const std::string piece(300 * 1024, 'x');
  for (int i = 0; i < 4; ++i) reader.read(piece, [](const sse_event&) {});
  CHECK(reader.is_broken());
}

TEST_CASE("quantiles are right within a bucket") {
  latency_histogram histogram;
  CHECK(histogram.quantile_ms(0.5) == 0);
  for (int64_t ms = 1; ms <= 1000; ++ms) histogram.add(ms * 1'000'000);
  CHECK(histogram.count() == 1000);
  CHECK(histogram.quantile_ms(0.5) == Approx(500).epsilon(0.016));
  CHECK(histogram.quantile_ms(0.99) == Approx(990).epsilon(0.016));
  CHECK(histogram.quantile_ms(1) == Approx(1000).epsilon(0.016));
  CHECK(histogram.max_ms() == 1000);
  histogram.add(-5);
  CHECK(histogram.quantile_ms(0) == 0);
}

TEST_CASE("JSON strings are escaped") {
  CHECK(json_string("a\"b\\c\n\t\r\x01ü") == "\"a\\\"b\\\\c\\n\\t\\r\\u0001ü\"");
}

}  // namespace
}  // namespace parley::bench
