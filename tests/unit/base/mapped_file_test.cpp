#include "base/mapped_file.hpp"

#include <catch2/catch.hpp>
#include "base/files.hpp"
#include "tests/support/temp_directory.hpp"

using namespace parley;

TEST_CASE("a mapped file has its bytes, also after its pages were let go") {
  temp_directory folder;
  auto path = folder.path() / "bytes";
  std::string bytes(10'000, 'x');
  REQUIRE(write_new_file(path, bytes));
  auto file = mapped_file::open(path.string());
  REQUIRE(file);
  CHECK(file->bytes() == bytes);
  file->release_pages();
  CHECK(file->bytes() == bytes);
  auto moved = std::move(*file);
  CHECK(moved.bytes() == bytes);
}

TEST_CASE("an empty file is mapped to nothing") {
  temp_directory folder;
  REQUIRE(write_new_file(folder.path() / "empty", ""));
  auto file = mapped_file::open((folder.path() / "empty").string());
  REQUIRE(file);
  CHECK(file->bytes().empty());
  file->release_pages();
}

TEST_CASE("what can't be mapped is named") {
  temp_directory folder;
  for (const auto& path : {folder.path() / "absent", folder.path()}) {
    auto file = mapped_file::open(path.string());
    REQUIRE_FALSE(file);
    CHECK(sentence_of(file.error()).find(path.string()) == 0);
  }
}
