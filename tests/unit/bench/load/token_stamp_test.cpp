#include "bench/load/token_stamp.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "bench/load/event_loop.hpp"

namespace parley::bench {
namespace {

std::string tokens_of(const std::vector<uint64_t>& sequence, uint32_t bytes = 40) {
  std::string text;
  for (const auto number : sequence) append_stamped_token(text, number, bytes);
  return text;
}

stamp_findings read_whole(const std::string& text, uint64_t tokens_expected) {
  stamp_reader reader;
  reader.read(text, [](int64_t) {});
  return reader.finish(tokens_expected);
}

TEST_CASE("a stamped token has its size and the present instant") {
  const auto before = monotonic_ns();
  const auto text = tokens_of({1234567}, 64);
  CHECK(text.size() == 64);
  int64_t seen = 0;
  stamp_reader reader;
  reader.read(text, [&seen](int64_t stamp_ns) { seen = stamp_ns; });
  CHECK(seen >= before);
  CHECK(seen <= monotonic_ns());
}

TEST_CASE("tokens in order are found clean, wherever the text is cut") {
  const auto text = tokens_of({0, 1, 2, 3, 4});
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    stamp_reader reader;
    size_t stamps = 0;
    const auto count = [&stamps](int64_t) { ++stamps; };
    reader.read(std::string_view{text}.substr(0, cut), count);
    reader.read(std::string_view{text}.substr(cut), count);
    const auto found = reader.finish(5);
    REQUIRE(found.is_clean());
    REQUIRE(found.tokens == 5);
    REQUIRE(stamps == 5);
  }
}

TEST_CASE("losses, repetitions and wrong order are told apart") {
  const auto lost = read_whole(tokens_of({0, 1, 4}), 6);
  CHECK(lost.tokens == 3);
  CHECK(lost.lost == 3);
  CHECK(lost.repeated + lost.reordered + lost.malformed == 0);

  const auto repeated = read_whole(tokens_of({0, 1, 1, 0, 2}), 3);
  CHECK(repeated.tokens == 3);
  CHECK(repeated.repeated == 2);
  CHECK(repeated.lost + repeated.reordered + repeated.malformed == 0);

  const auto reordered = read_whole(tokens_of({0, 3, 1, 2, 2}), 4);
  CHECK(reordered.lost == 0);
  CHECK(reordered.reordered == 2);
  CHECK(reordered.repeated == 1);
}

TEST_CASE("what is no whole token is malformed") {
  const auto text = tokens_of({0, 1});
  CHECK(read_whole(text.substr(0, text.size() - 1), 2).malformed == 1);
  CHECK(read_whole("x" + text, 2).malformed == 1);
  CHECK(read_whole(text + "0", 2).malformed == 2);  // the byte, and the size
  CHECK(read_whole(" 0:", 1).malformed == 1);
  CHECK(read_whole(tokens_of({0, 1, 2}), 2).malformed == 1);
  CHECK(read_whole("", 2).lost == 2);
}

}  // namespace
}  // namespace parley::bench
