#include "providers/key_mask.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace parley;
using namespace parley::providers;

namespace {

const std::string key = "sk-proj-canary_Def456-Ghi789";
const std::string mask{key_mask::mask};

/// What comes out, texts of one type that follow each other joined.
std::string shown(const std::vector<text_delta>& pieces, const std::string& masked_key = key) {
  key_mask masks{secret_text{masked_key}};
  std::string all;
  auto note = [&](const std::vector<text_delta>& deltas) {
    for (auto& delta : deltas) {
      CHECK_FALSE(delta.text.empty());
      all += delta.type == part_type::reasoning ? "<" + delta.text + ">" : delta.text;
    }
  };
  for (auto& piece : pieces) {
    std::vector<text_delta> deltas{piece};
    masks.apply(deltas);
    note(deltas);
  }
  std::vector<text_delta> rest;
  masks.release(rest);
  note(rest);
  return all;
}

std::vector<text_delta> cut(const std::string& text, size_t size) {
  std::vector<text_delta> pieces;
  for (size_t at = 0; at < text.size(); at += size)
    pieces.push_back({part_type::text, text.substr(at, size)});
  return pieces;
}

}  // namespace

TEST_CASE("a key is masked wherever it stands and however it is cut", "[key_mask]") {
  struct text {
    std::string told;
    std::string shown;
  };
  auto without_last = key.substr(0, key.size() - 1);
  for (auto& [told, wanted] : std::vector<text>{
           {key, mask},
           {"Bearer " + key + "\n", "Bearer " + mask + "\n"},
           {key + key, mask + mask},
           {"x" + key + "y", "x" + mask + "y"},
           {"sk-proj-" + key, "sk-proj-" + mask},
           {"sssk-sk-p" + key, "sssk-sk-p" + mask},
           {without_last, without_last},
           {without_last + " " + key.back(), without_last + " " + key.back()},
           {"A key begins with sk-proj-, s", "A key begins with sk-proj-, s"},
           {"", ""},
           {"北京 sk-pro北京", "北京 sk-pro北京"},
       }) {
    INFO(told);
    if (!told.empty()) CHECK(shown({{part_type::text, told}}) == wanted);
    for (size_t size = 1; size <= told.size(); ++size) {
      auto found = shown(cut(told, size));
      INFO(size << ": " << found);
      CHECK(found.find(key.substr(8)) == std::string::npos);
      if (told.find(key) == std::string::npos) {
        CHECK(found == wanted);
      } else {  // the head of the key may be out when the rest of it comes
        CHECK(found.find(mask) != std::string::npos);
        CHECK(found.size() <= wanted.size() + 8);
      }
    }
  }
}

TEST_CASE("text that is no key comes out as it went in", "[key_mask]") {
  std::mt19937 random{7};
  for (int round = 0; round < 2'000; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "sk-proca 1"[random() % 10];
    CHECK(shown(cut(text, 1 + random() % 7)) == text);
  }
}

TEST_CASE("a beginning is not held back into text of another type", "[key_mask]") {
  auto half = key.substr(0, 12);
  CHECK(shown({{part_type::text, "a " + half},
               {part_type::reasoning, "hm"},
               {part_type::text, key.substr(12)}}) == "a " + half + "<hm>" + key.substr(12));
  CHECK(shown({{part_type::reasoning, key}, {part_type::text, key}}) == "<" + mask + ">" + mask);
}

TEST_CASE("only what a key may begin with is held back", "[key_mask]") {
  key_mask masks{secret_text{key}};
  auto passed = [&](std::string text) {
    std::vector<text_delta> deltas{{part_type::text, std::move(text)}};
    masks.apply(deltas);
    return deltas.empty() ? std::string{} : deltas.front().text;
  };
  CHECK(passed("Yes") == "Yes");
  CHECK(passed(" sk-p") == " sk-p");
  CHECK(passed("ro") == "");
  CHECK(passed("blem ") == "roblem ");
}

TEST_CASE("words are no keys", "[key_mask]") {
  for (auto* word : {"", "ollama", "not-a-key", "sk-123456789012"})
    CHECK(shown({{part_type::text, std::string{"x"} + word}}, word) == std::string{"x"} + word);
  CHECK(key_mask{}.masked("anything") == "anything");
}

TEST_CASE("a whole text is masked between the pieces of another", "[key_mask]") {
  key_mask masks{secret_text{key}};
  std::vector<text_delta> deltas{{part_type::text, key.substr(0, 20)}};
  masks.apply(deltas);
  CHECK(deltas.empty());
  CHECK(masks.masked("is " + key + "?") == "is " + mask + "?");
  deltas = {{part_type::text, key.substr(20)}};
  masks.apply(deltas);
  REQUIRE(deltas.size() == 1);
  CHECK(deltas[0].text == mask);
}
