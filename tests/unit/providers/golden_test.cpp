// Recorded streams: the same reply at every split, and never a whole one of what was cut off.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/dialect_replay.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct recording {
  std::string dialect;
  std::filesystem::path path;
  std::string stream;
};

/// tests/golden/<dialect>/<what>.<kind> with <what>.expected beside it.
std::vector<recording> recordings() {
  std::vector<recording> all;
  for (auto name : dialect_names()) {
    auto folder = std::filesystem::path{"tests/golden"} / name;
    if (!std::filesystem::exists(folder)) continue;
    for (auto& entry : std::filesystem::directory_iterator{folder}) {
      if (entry.path().extension() == ".expected") continue;
      all.push_back({std::string{name}, entry.path(), read_whole(entry.path())});
    }
  }
  return all;
}

}  // namespace

TEST_CASE("recorded streams become the expected events, however they are cut", "[golden]") {
  std::map<std::string, size_t> counts;
  for (auto& [dialect, path, stream] : recordings()) {
    ++counts[dialect];
    INFO(path.string());
    auto wanted = read_whole(std::filesystem::path{path}.replace_extension(".expected"));
    std::string_view view{stream};
    CHECK(replay(dialect, {view}) == wanted);
    for (size_t cut = 0; cut <= view.size(); ++cut) {
      auto found = replay(dialect, {view.substr(0, cut), view.substr(cut)});
      if (found == wanted) continue;
      INFO(cut);
      CHECK(found == wanted);
    }
    std::vector<std::string_view> bytes;
    for (size_t i = 0; i < view.size(); ++i) bytes.push_back(view.substr(i, 1));
    CHECK(replay(dialect, bytes) == wanted);
  }
  CHECK(counts["openai"] >= 30);
  for (auto dialect : {"anthropic", "gemini", "ollama", "openai-responses", "azure"}) {
    INFO(dialect);
    CHECK(counts[dialect] >= 5);
  }
}

TEST_CASE("a stream that breaks off is never a whole reply", "[golden]") {
  for (auto& [dialect, path, stream] : recordings()) {
    INFO(path.string());
    auto wanted = replay(dialect, {stream});
    auto end_at = wanted.find("finish ");
    if (end_at == wanted.npos) continue;
    // What was said before the end: text and calls, without the usage that may come after them.
    auto said = wanted.substr(0, std::min(end_at, wanted.find("usage ")));
    for (size_t length = 0; length < stream.size(); ++length) {
      auto cut = replay(dialect, {std::string_view{stream}.substr(0, length)});
      if (cut.find("finish ") == cut.npos) {
        CHECK(cut.find("error provider_failed/") != cut.npos);
      } else {
        INFO(length);
        CHECK(cut.substr(0, std::min(cut.find("finish "), cut.find("usage "))) == said);
      }
    }
  }
}
