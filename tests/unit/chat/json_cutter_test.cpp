#include "chat/json_cutter.hpp"

#include <catch2/catch.hpp>

using namespace parley;

namespace {

struct cut_result {
  std::string values;  ///< "offset:text" of each, with a bar between
  std::string fault;   ///< "" if there is none
};

cut_result cut(std::string_view text, size_t step, json_cut_limits limits = {}) {
  cut_result result;
  json_cutter cutter{limits, [&](cut_value&& value) -> expected<void> {
                       if (!result.values.empty()) result.values += '|';
                       result.values += std::to_string(value.offset) + ':';
                       result.values += value.text.empty() ? "(" + std::to_string(value.bytes) + ")"
                                                           : value.text;
                       return {};
                     }};
  for (size_t at = 0; at < text.size(); at += step)
    if (auto fed = cutter.feed(text.substr(at, step)); !fed) {
      result.fault = sentence_of(fed.error());
      return result;
    }
  if (auto ended = cutter.finish(); !ended) result.fault = sentence_of(ended.error());
  return result;
}

}  // namespace

TEST_CASE("values are cut alike, however the text comes", "[json_cutter]") {
  constexpr std::string_view text = R"( [ {"a":"]}\"\\"} ,[1,{"b":[]}], "x,]" ,12 ,null] )";
  for (size_t step = 1; step <= text.size(); ++step) {
    auto result = cut(text, step);
    INFO("step " << step);
    CHECK(result.fault == "");
    CHECK(result.values == R"(3:{"a":"]}\"\\"}|19:[1,{"b":[]}]|33:"x,]"|40:12|44:null)");
  }
  CHECK(cut("[]", 1).values == "");
  CHECK(cut("[]", 1).fault == "");
  CHECK(cut(R"({"a":[1,2]} )", 2).values == R"(0:{"a":[1,2]})");
}

TEST_CASE("a text that is no JSON is told where it stops being it", "[json_cutter]") {
  auto fault = [](std::string_view text) { return cut(text, 3).fault; };
  CHECK(fault("") == "At byte 0: the file is empty.");
  CHECK(fault("  hello") == "At byte 2: here an array or an object should begin.");
  CHECK(fault("[1,]") == "At byte 3: here a value should stand.");
  CHECK(fault("[1 2]") == "At byte 3: here a comma or the array's end should stand.");
  CHECK(fault("[{\"a\":1]]") == "At byte 7: this bracket closes nothing.");
  CHECK(fault("[1] x") == "At byte 4: something follows the end.");
  CHECK(fault("{} {}") == "At byte 3: something follows the end.");
  CHECK(fault("[{\"a\":\"b") == "At byte 8: the file ends too early.");
  CHECK(fault("[{},") == "At byte 4: the file ends too early.");
}

TEST_CASE("depth and size of a value are bounded", "[json_cutter]") {
  std::string deep(100'000, '[');
  CHECK(cut(deep, 4096).fault == "At byte 1025: this is nested too deeply.");
  auto large = "[1,\"" + std::string(100, 'x') + "\",[2]]";
  auto result = cut(large, 7, {.value_bytes_max = 50});
  CHECK(result.fault == "");
  CHECK(result.values == "1:1|3:(102)|106:[2]");
}

TEST_CASE("what the taker says ends the cutting", "[json_cutter]") {
  int taken = 0;
  json_cutter cutter{{}, [&](cut_value&&) -> expected<void> {
                       ++taken;
                       return make_error(errc::storage_full);
                     }};
  auto fed = cutter.feed("[1,2,3]");
  REQUIRE_FALSE(fed);
  CHECK(code_of(fed.error()) == errc::storage_full);
  CHECK(taken == 1);
}
