#include "base/zip.hpp"

#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdio>

#include "tests/support/zip_of.hpp"

using namespace parley;

namespace {

/// A file without a name, open for reading.
struct file_of {
  explicit file_of(std::string_view bytes) : file(std::tmpfile()) {
    REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
    std::fflush(file);
    ::lseek(descriptor(), 0, SEEK_SET);
  }
  ~file_of() { std::fclose(file); }
  file_of(const file_of&) = delete;
  file_of& operator=(const file_of&) = delete;
  int descriptor() const { return ::fileno(file); }
  std::FILE* file;
};

/// "name=text" of each entry, or the reason of the fault.
std::string unzip(std::string_view bytes, zip_limits limits = {}) {
  file_of file{bytes};
  std::string all;
  auto reason = [](const error& cause) { return "(" + detail_of(cause).reason + ")"; };
  auto reader = zip_reader::open(file.descriptor(), limits);
  if (!reader) return reason(reader.error());
  for (;;) {
    auto name = reader->next();
    if (!name) return all + reason(name.error());
    if (!*name) return all;
    all += **name + '=';
    for (;;) {
      auto piece = reader->read();
      if (!piece) return all + reason(piece.error());
      if (piece->empty()) break;
      all += *piece;
    }
    all += ';';
  }
}

}  // namespace

TEST_CASE("what is zipped is read again, names in any script", "[zip]") {
  auto bytes = zip_of({{"a.json", "[1]"}, {"Brücke 橋/b.txt", "two"}, {"empty", ""}});
  CHECK(unzip(bytes) == "a.json=[1];Brücke 橋/b.txt=two;empty=;");
  // A name is no more than a name.
  CHECK(unzip(zip_of({{"../../etc/passwd", "x"}})) == "../../etc/passwd=x;");
}

TEST_CASE("a zip that was cut, changed, or is none at all", "[zip]") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919);
  auto bytes = zip_of({{"a.json", text}});
  for (auto size : {size_t{0}, size_t{10}, bytes.size() / 2, bytes.size() - 30})
    CHECK(unzip(std::string_view{bytes}.substr(0, size)) == "(bad_zip)");
  auto changed = bytes;
  for (size_t i = 2000; i < 2100; ++i) changed[i] = static_cast<char>(changed[i] ^ 0x55);
  CHECK(unzip(changed).ends_with("(bad_zip)"));
  CHECK(unzip("hello") == "(bad_zip)");
  CHECK(unzip(zip_of({})) == "(bad_zip)");
}

TEST_CASE("a zip unfolds to no more than is allowed", "[zip]") {
  auto bytes = zip_of({{"bomb", std::string(10 << 20, '0')}});
  CHECK(bytes.size() < 100'000);
  CHECK(unzip(bytes, {.decoded_bytes_max = 1 << 20}).ends_with("(decoded_bytes_max)"));
  CHECK(unzip(zip_of({{"a", ""}, {"b", ""}, {"c", ""}}), {.entries_max = 2}) ==
        "a=;b=;(entries_max)");
}

TEST_CASE("a sink that takes no more ends the writing with its error", "[zip]") {
  zip_writer writer{
      [](std::string_view) -> expected<void> { return make_error(errc::storage_full); }};
  REQUIRE(writer.begin("a", instant{}));
  auto written = writer.write(std::string(1 << 20, 'x'));
  auto finished = writer.finish();
  auto failure = written ? finished.error() : written.error();
  CHECK(code_of(failure) == errc::storage_full);
}
