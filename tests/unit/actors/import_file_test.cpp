// Files of chats from elsewhere: what they are taken for, what is counted, and what is refused.
#include "actors/impl/import_file.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>
#include <fstream>

#include "tests/support/zip_of.hpp"

using namespace parley;

namespace {

struct taking final : import_sink {
  std::vector<imported_session> chats;
  std::string refuse_id;  ///< is told to be there already
  int64_t bytes = 0;

  expected<import_verdict> take(imported_session&& chat) override {
    if (chat.source_id == refuse_id) return import_verdict{"already_there"};
    chats.push_back(std::move(chat));
    return import_verdict{};
  }
  expected<void> advance(int64_t place) override {
    bytes = place;
    return {};
  }
};

std::string golden(const std::string& name) {
  std::ifstream file{"tests/golden/import/" + name, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

expected<import_outcome> import(std::string_view bytes, taking& sink, import_limits limits = {}) {
  auto* file = std::tmpfile();
  REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fflush(file);
  auto outcome = read_import_file(::fileno(file), limits, instant{1000}, sink);
  std::fclose(file);
  return outcome;
}

/// "reason: sentence" of what is wrong with the file.
std::string fault_of(std::string_view bytes, import_limits limits = {}) {
  taking sink;
  auto outcome = import(bytes, sink, limits);
  if (outcome) return "";
  return detail_of(outcome.error()).reason + ": " + sentence_of(outcome.error());
}

std::string conversation(const std::string& id) {
  return R"({"id":")" + id + R"(","mapping":{"a":{"message":{"author":{"role":"user"},)" +
         R"("create_time":1,"content":{"parts":["Hi"]}}}}})";
}

}  // namespace

TEST_CASE("a zip of ChatGPT, whole or in numbered files, beside which others stand", "[import]") {
  auto bytes = zip_of({{"user.json", "{}"},
                       {"conversations-000.json", "[" + conversation("a") + "]"},
                       {"conversations-001.json",
                        "[" + conversation("b") + "," + conversation("c") + R"(,{"x":1}])"},
                       {"chat.html", "<html>"},
                       {"conversations-x.json", "no"},
                       {"../conversations.json", "no"}});
  taking sink;
  sink.refuse_id = "b";
  auto outcome = import(bytes, sink);
  REQUIRE(outcome);
  REQUIRE(sink.chats.size() == 2);
  CHECK(sink.chats[0].source_id == "a");
  CHECK(sink.chats[1].source_id == "c");
  CHECK(outcome->sessions.taken == 2);
  CHECK(outcome->sessions.left_out ==
        std::map<std::string, int64_t>{{"already_there", 1}, {"unknown_format", 1}});
  CHECK(outcome->sessions.total() == 4);
  CHECK(outcome->messages.taken == 2);
  CHECK(sink.bytes > 0);
}

TEST_CASE("a JSON text is told by its content", "[import]") {
  for (auto name : {"chatgpt.json", "openwebui.json", "librechat.json"}) {
    INFO(name);
    taking sink;
    auto outcome = import(golden(name), sink);
    REQUIRE(outcome);
    REQUIRE(sink.chats.size() == 1);
    CHECK(outcome->sessions.changed == std::map<std::string, int64_t>{{"messages_changed", 1}});
    CHECK(outcome->messages.total() == sink.chats[0].counts.total());
  }
  taking sink;
  CHECK(import("[]", sink)->sessions.total() == 0);
}

TEST_CASE("a file that is not what it says is told where", "[import]") {
  CHECK(fault_of("") == "not_json: At byte 0: the file is empty.");
  CHECK(fault_of("hello") == "not_json: At byte 0: here an array or an object should begin.");
  CHECK(fault_of(R"({"a":1})") == "not_an_export: At byte 0: this is no conversation.");
  CHECK(fault_of(" [ 12]") == "not_an_export: At byte 3: this is no conversation.");
  auto cut = "[" + conversation("a") + "," + conversation("b").substr(0, 40);
  CHECK(fault_of(cut) ==
        "not_json: At byte " + std::to_string(cut.size()) + ": the file ends too early.");
  CHECK(
      fault_of("[" + conversation("a") + R"(,{"a":tru}])").starts_with("not_an_export: At byte "));
  CHECK(fault_of(std::string(100'000, '[')) ==
        "not_json: At byte 1025: this is nested too deeply.");
  CHECK(fault_of(zip_of({{"notes.txt", "x"}})) ==
        "not_an_export: The archive holds no conversations.");
  CHECK(fault_of(zip_of({{"conversations.json", "[1 2]"}})) ==
        "not_an_export: conversations.json: At byte 1: this is no conversation.");
  auto bytes = zip_of({{"conversations.json", "[" + conversation("a") + "]"}});
  CHECK(fault_of(bytes.substr(0, bytes.size() - 10)).starts_with("bad_zip: "));
  auto bomb = zip_of({{"conversations.json", "[" + std::string(8 << 20, ' ') + "]"}});
  import_limits limits;
  limits.zip.decoded_bytes_max = 1 << 20;
  CHECK(fault_of(bomb, limits).starts_with("decoded_bytes_max: "));
}

TEST_CASE("a text that was cut amid a character is mended", "[import]") {
  std::string text =
      R"([{"id":"c","mapping":{"a":{"message":{"author":{"role":"user"},)"
      R"("create_time":1,"content":{"parts":["\ud83c\udf09 \uD83C \udf09 \\ud83c \u00e9"]}}}}}])";
  taking sink;
  auto outcome = import(text, sink);
  REQUIRE(outcome);
  CHECK(outcome->sessions.changed == std::map<std::string, int64_t>{{"text_repaired", 1}});
  REQUIRE(sink.chats.size() == 1);
  CHECK(sink.chats[0].messages[0].parts[0].text == "🌉 \uFFFD \uFFFD \\ud83c é");
}

TEST_CASE("a conversation that is too large is left out, the others are taken", "[import]") {
  import_limits limits;
  limits.cut.value_bytes_max = 1000;
  taking sink;
  auto large = R"({"id":")" + std::string(2000, 'x') + R"(","mapping":{}})";
  auto outcome =
      import("[" + conversation("a") + "," + large + "," + conversation("b") + "]", sink, limits);
  REQUIRE(outcome);
  CHECK(outcome->sessions.taken == 2);
  CHECK(outcome->sessions.left_out == std::map<std::string, int64_t>{{"too_large", 1}});
}
