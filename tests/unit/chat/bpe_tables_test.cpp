#include "chat/bpe_tables.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/bpe_samples.hpp"
#include "vocabulary_folder.hpp"

using namespace parley;
namespace format = parley::bpe_format;

namespace {

std::string table_bytes() {
  test::cl100k_engine();  // says what to do if there is none
  std::ifstream file{std::string{vocabulary_folder} + "/cl100k_base.bpe", std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

class temporary_file {
 public:
  explicit temporary_file(const std::string& bytes) {
    std::ofstream file{path_, std::ios::binary};
    file << bytes;
  }
  ~temporary_file() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = (std::filesystem::temp_directory_path() /
                       ("parley_bpe_tables_" + std::to_string(::getpid()) + ".bpe"))
                          .string();
};

std::string reason_of(const std::string& bytes) {
  temporary_file file{bytes};
  auto tables = bpe_tables::open(file.path());
  if (tables) return "opened";
  CHECK(sentence_of(tables.error()).find(file.path()) != std::string::npos);
  return detail_of(tables.error()).reason;
}

// With a checksum that is right again.
std::string with_header(std::string bytes,
                        const std::function<void(format::file_header&)>& change) {
  format::file_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  change(header);
  auto data = reinterpret_cast<const unsigned char*>(bytes.data());
  header.checksum = format::checksum(data + sizeof header, bytes.size() - sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

}  // namespace

TEST_CASE("a missing table is said in one sentence") {
  auto tables = bpe_tables::open("/nonexistent/o200k_base.bpe");
  REQUIRE_FALSE(tables);
  CHECK(detail_of(tables.error()).reason == "vocabulary_missing");
  auto sentence = sentence_of(tables.error());
  CHECK(sentence.find("The token table /nonexistent/o200k_base.bpe is missing: ") == 0);
  CHECK(sentence.find('\n') == std::string::npos);
}

TEST_CASE("a table that can't be read says why") {
  auto tables = bpe_tables::open("/tmp");
  REQUIRE_FALSE(tables);
  CHECK(sentence_of(tables.error()).find("cannot be read (/tmp: is a folder.)") !=
        std::string::npos);
}

TEST_CASE("a whole table is opened") {
  CHECK(reason_of(table_bytes()) == "opened");
}

TEST_CASE("a truncated table is refused at any length") {
  auto bytes = table_bytes();
  for (auto size : {size_t{0}, size_t{1}, size_t{7}, sizeof(format::file_header) - 1,
                    sizeof(format::file_header), bytes.size() / 2, bytes.size() - 1})
    CHECK(reason_of(bytes.substr(0, size)) == "vocabulary_damaged");
  CHECK(reason_of(bytes + '\0') == "vocabulary_damaged");
}

TEST_CASE("a table with any byte changed is refused") {
  auto bytes = table_bytes();
  for (size_t i = 0; i < 40; ++i) {
    auto broken = bytes;
    auto at = i * (bytes.size() / 40) + i;
    broken[at] = static_cast<char>(broken[at] ^ 0x10);
    INFO("byte " << at);
    CHECK(reason_of(broken) != "opened");
  }
}

TEST_CASE("a table of another version says both versions") {
  auto bytes = with_header(table_bytes(), [](auto& header) { header.version += 7; });
  CHECK(reason_of(bytes) == "vocabulary_version");
  temporary_file file{bytes};
  auto sentence = sentence_of(bpe_tables::open(file.path()).error());
  CHECK(sentence.find("version " + std::to_string(format::version + 7)) != std::string::npos);
  CHECK(sentence.find("reads version " + std::to_string(format::version)) != std::string::npos);
}

TEST_CASE("a table whose sections lead out of the file is refused in spite of its checksum") {
  auto bytes = table_bytes();
  for (uint32_t which = 0; which < format::section_count; ++which) {
    CHECK(reason_of(with_header(bytes, [&](auto& header) {
            header.sections[which].offset += header.file_bytes;
          })) == "vocabulary_damaged");
    CHECK(reason_of(with_header(bytes, [&](auto& header) {
            header.sections[which].bytes += header.file_bytes;
          })) == "vocabulary_damaged");
    CHECK(reason_of(with_header(bytes, [&](auto& header) {
            header.sections[which].offset += 8;
          })) == "vocabulary_damaged");
  }
  CHECK(reason_of(with_header(bytes, [](auto& header) { header.tokens += 1; })) ==
        "vocabulary_damaged");
  CHECK(reason_of(with_header(bytes, [](auto& header) {
          header.split = static_cast<format::pattern>(9);
        })) == "vocabulary_damaged");
}
