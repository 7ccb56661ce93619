#include "base/text_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "tests/support/temp_directory.hpp"

using namespace parley;

namespace {

std::string sentence_for(const std::string& path, size_t bytes_max = 100) {
  auto text = read_text_file(path, bytes_max);
  REQUIRE_FALSE(text);
  CHECK(code_of(text.error()) == errc::invalid_input);
  return sentence_of(text.error());
}

}  // namespace

TEST_CASE("a file comes whole, up to its limit", "[text_file]") {
  temp_directory folder;
  auto path = (folder.path() / "a.txt").string();
  std::ofstream{path} << std::string(100, 'x');
  CHECK(read_text_file(path, 100) == std::string(100, 'x'));
  CHECK(sentence_for(path, 99) == path + ": is longer than 99 bytes.");
  std::ofstream{path, std::ios::trunc}.close();
  CHECK(read_text_file(path, 0) == "");
}

TEST_CASE("a file that can't be read says why", "[text_file]") {
  temp_directory folder;
  auto path = (folder.path() / "a.txt").string();
  CHECK(sentence_for(path) == path + ": there is no such file.");
  CHECK(sentence_for(folder.path().string()) == folder.path().string() + ": is a folder.");
  CHECK(sentence_of(unreadable("a", EACCES)) == "a: this user has no permission to read it.");
}

TEST_CASE("a pipe is read to its end", "[text_file]") {
  temp_directory folder;
  auto path = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  // More than a pipe holds, in pieces.
  std::string piece(50'000, 'y');
  std::thread writer{[&] {
    std::ofstream out{path};
    for (int i = 0; i < 4; ++i) out << piece << std::flush;
  }};
  auto text = read_text_file(path);
  writer.join();
  REQUIRE(text);
  CHECK(text->size() == 4 * piece.size());
}
