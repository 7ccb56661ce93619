#include "tests/support/bpe_samples.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "base/json.hpp"
#include "vocabulary_folder.hpp"

namespace parley::test {

namespace {

std::vector<uint32_t> read_ids(const json_value& line, std::string_view key) {
  std::vector<uint32_t> ids;
  for (auto& id : line.find(key).value().items())
    ids.push_back(static_cast<uint32_t>(id.as_integer().value()));
  return ids;
}

std::vector<bpe_vector> read_vectors() {
  std::vector<bpe_vector> vectors;
  std::ifstream file{"tests/golden/bpe/vectors.jsonl"};
  json_reader reader{{.strict = false}};
  for (std::string text; std::getline(file, text);) {
    auto parsed = reader.parse(text);
    if (!parsed) FAIL(describe(parsed.error()));
    auto& line = *parsed;
    vectors.push_back({std::string{line.string_at("kind").value()},
                       std::string{line.string_at("text").value()}, read_ids(line, "cl100k"),
                       read_ids(line, "o200k")});
  }
  return vectors;
}

bpe open_engine(const std::string& name) {
  auto tables = bpe_tables::open(std::string{vocabulary_folder} + "/" + name + ".bpe");
  if (!tables) {
    FAIL(sentence_of(tables.error()) << " Run `npm ci` in chat/vocabulary, then cmake again.");
  }
  return bpe{std::move(*tables)};
}

}  // namespace

const std::vector<bpe_vector>& bpe_vectors() {
  static const auto vectors = read_vectors();
  return vectors;
}

const bpe& cl100k_engine() {
  static const auto engine = open_engine("cl100k_base");
  return engine;
}

const bpe& o200k_engine() {
  static const auto engine = open_engine("o200k_base");
  return engine;
}

}  // namespace parley::test
