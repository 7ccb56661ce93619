#include "base/secrets_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

using namespace parley;
namespace fs = std::filesystem;

namespace {

/// A directory of its own, gone with the test.
struct scratch {
  std::string root = make();
  std::string data = root + "/data";
  std::string file = data + "/secrets.json";

  static std::string make() {
    auto pattern = (fs::temp_directory_path() / "parley-secrets-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    return pattern;
  }
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(root, ignored);
  }
  std::string read() const {
    std::ostringstream text;
    text << std::ifstream{file}.rdbuf();
    return text.str();
  }
  void write(std::string_view text) const { std::ofstream{file, std::ios::trunc} << text; }
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

std::string refusal_of(const std::string& directory) {
  auto result = load_or_make_secrets(directory);
  REQUIRE_FALSE(result);
  return sentence_of(result.error());
}

}  // namespace

TEST_CASE("secrets are made at first start and read at the next") {
  scratch place;
  auto first = load_or_make_secrets(place.data);
  REQUIRE(first);
  CHECK(first->is_new);
  CHECK(mode_of(place.data) == 0700);
  CHECK(mode_of(place.file) == 0600);
  CHECK(first->access_tokens.is_valid());
  CHECK(first->sealing.is_valid());
  CHECK(first->pepper.size() == 32);
  CHECK_FALSE(first->pepper == *first->sealing.find(first->sealing.active));

  auto second = load_or_make_secrets(place.data);
  REQUIRE(second);
  CHECK_FALSE(second->is_new);
  CHECK(second->pepper == first->pepper);
  CHECK(second->sealing.active == first->sealing.active);
  CHECK(*second->sealing.find(first->sealing.active) ==
        *first->sealing.find(first->sealing.active));
  CHECK(std::distance(fs::directory_iterator{place.data}, {}) == 1);
}

TEST_CASE("turned secrets open what the old ones sealed, and old keys can be dropped") {
  scratch place;
  auto first = load_or_make_secrets(place.data);
  REQUIRE(first);
  auto turned = turn_secrets(place.data);
  REQUIRE(turned);
  auto read = load_or_make_secrets(place.data);
  REQUIRE(read);
  CHECK(mode_of(place.file) == 0600);
  CHECK(read->sealing.active == turned->sealing.active);
  CHECK(read->sealing.active != first->sealing.active);
  REQUIRE(read->sealing.find(first->sealing.active));
  CHECK(*read->sealing.find(first->sealing.active) == *first->sealing.find(first->sealing.active));
  // Access tokens just end; passwords go on.
  CHECK(read->access_tokens.keys.size() == 1);
  CHECK(read->access_tokens.find(first->access_tokens.active) == nullptr);
  CHECK(read->pepper == first->pepper);

  REQUIRE(drop_sealing_keys(place.data, {first->sealing.active, read->sealing.active}));
  auto left = load_or_make_secrets(place.data);
  REQUIRE(left);
  CHECK(left->sealing.keys.size() == 1);
  CHECK(left->sealing.active == read->sealing.active);
  CHECK(std::distance(fs::directory_iterator{place.data}, {}) == 1);

  // A ring that is full is not made invalid.
  for (size_t i = 1; i < key_ring::keys_max; ++i) REQUIRE(turn_secrets(place.data));
  CHECK_FALSE(turn_secrets(place.data));
  CHECK(load_or_make_secrets(place.data));
}

TEST_CASE("secrets that come from elsewhere are not turned") {
  scratch place;
  CHECK_FALSE(turn_secrets(place.data));
  REQUIRE(load_or_make_secrets(place.data));
  auto elsewhere = place.root + "/mounted.json";
  fs::rename(place.file, elsewhere);
  CHECK_FALSE(turn_secrets(place.data));
  fs::create_symlink(elsewhere, place.file);
  auto before = place.read();
  auto turned = turn_secrets(place.data);
  REQUIRE_FALSE(turned);
  CHECK(sentence_of(turned.error()).find("comes from") != std::string::npos);
  CHECK(place.read() == before);
}

TEST_CASE("processes that start at once get the same secrets") {
  for (int round = 0; round < 20; ++round) {
    scratch place;
    std::array<std::optional<secrets>, 4> results;
    std::vector<std::thread> threads;
    for (auto& result : results)
      threads.emplace_back([&place, &result] {
        if (auto made = load_or_make_secrets(place.data)) result = std::move(*made);
      });
    for (auto& thread : threads) thread.join();
    int makers = 0;
    for (auto& result : results) {
      REQUIRE(result);
      CHECK(result->pepper == results[0]->pepper);
      makers += result->is_new ? 1 : 0;
    }
    CHECK(makers == 1);
  }
}

TEST_CASE("a secrets file that others may read is refused by name") {
  scratch place;
  REQUIRE(load_or_make_secrets(place.data));
  for (mode_t mode : {0604, 0602, 0644, 0601}) {
    ::chmod(place.file.c_str(), mode);
    CHECK(refusal_of(place.data) == place.file + " is open to every user: run chmod 600 on it.");
  }
  ::chmod(place.file.c_str(), 0400);
  CHECK(load_or_make_secrets(place.data));
  ::chmod(place.file.c_str(), 0640);
  CHECK(load_or_make_secrets(place.data));
  // Only root can give a file away; elsewhere these rows need no test of ours.
  if (::geteuid() == 0) {
    REQUIRE(::chown(place.file.c_str(), 0, 54321) == 0);
    CHECK(refusal_of(place.data).find("foreign group") != std::string::npos);
    ::chmod(place.file.c_str(), 0600);
    CHECK(load_or_make_secrets(place.data));
    REQUIRE(::chown(place.file.c_str(), 54321, 0) == 0);
    CHECK(refusal_of(place.data).find("another user") != std::string::npos);
  }
}

TEST_CASE("a directory open to others is closed") {
  scratch place;
  REQUIRE(::mkdir(place.data.c_str(), 0755) == 0);
  ::chmod(place.data.c_str(), 0777);
  REQUIRE(load_or_make_secrets(place.data));
  CHECK(mode_of(place.data) == 0770);
}

TEST_CASE("damaged or weak secrets are refused and left as they are") {
  scratch place;
  REQUIRE(load_or_make_secrets(place.data));
  auto good = place.read();
  auto check_refused = [&](const std::string& text) {
    place.write(text);
    CHECK(refusal_of(place.data).find(place.file) == 0);
    CHECK(place.read() == text);
  };
  for (auto& bad : {std::string{}, std::string{"{}"}, std::string{"null"},
                    good.substr(0, good.size() / 2), good + "x", std::string(70'000, ' ')})
    check_refused(bad);
  auto pepper = good.find("\"pepper\":\"") + 10;
  auto with_pepper = [&](std::string_view text) {
    auto changed = good;
    return changed.replace(pepper, 43, text);
  };
  check_refused(with_pepper("c2hvcnQ"));
  check_refused(with_pepper(std::string(43, 'A')));
  check_refused(with_pepper(std::string(42, 'A') + "="));
  auto version = good;
  check_refused(version.replace(version.find("\"version\":1"), 11, "\"version\":2"));
  place.write(good);
  CHECK(load_or_make_secrets(place.data));
}

TEST_CASE("what is no file is refused, a link to a good one is followed") {
  scratch place;
  REQUIRE(load_or_make_secrets(place.data));
  fs::rename(place.file, place.root + "/elsewhere.json");
  fs::create_symlink(place.root + "/elsewhere.json", place.file);
  CHECK(load_or_make_secrets(place.data));
  fs::remove(place.root + "/elsewhere.json");
  CHECK(refusal_of(place.data).find("leads nowhere") != std::string::npos);
  fs::remove(place.file);
  fs::create_directory(place.file);
  CHECK(refusal_of(place.data).find("not a regular file") != std::string::npos);
  CHECK(refusal_of(place.root + "/absent/data").find("No such file") != std::string::npos);
}

TEST_CASE("secrets come back out of an export, and are never overwritten by one") {
  scratch place;
  secret_text phrase{"correct horse battery"};
  CHECK(code_of(export_secrets(place.data, phrase).error()) == errc::not_found);
  CHECK(find_secrets_copy(place.data) == secrets_copy::no_secrets);
  REQUIRE(load_or_make_secrets(place.data));
  auto before = place.read();
  CHECK(find_secrets_copy(place.data) == secrets_copy::none);
  auto exported = export_secrets(place.data, phrase);
  REQUIRE(exported);
  // Not before the copy is where it shall be.
  CHECK(find_secrets_copy(place.data) == secrets_copy::none);
  REQUIRE(note_secrets_export(place.data));
  CHECK(find_secrets_copy(place.data) == secrets_copy::made);
  CHECK(mode_of(place.data + "/secrets.exported") == 0600);

  auto elsewhere = place.root + "/elsewhere";
  CHECK_FALSE(import_secrets(elsewhere, *exported, secret_text{"wrong horse battery"}));
  CHECK_FALSE(fs::exists(elsewhere + "/secrets.json"));
  REQUIRE(import_secrets(elsewhere, *exported, phrase));
  CHECK(find_secrets_copy(elsewhere) == secrets_copy::made);
  CHECK(load_or_make_secrets(elsewhere)->pepper == load_or_make_secrets(place.data)->pepper);
  CHECK(mode_of(elsewhere + "/secrets.json") == 0600);
  CHECK(import_secrets(elsewhere, *exported, phrase));

  REQUIRE(turn_secrets(place.data));
  CHECK(find_secrets_copy(place.data) == secrets_copy::outdated);
  auto turned = place.read();
  CHECK(turned != before);
  CHECK(code_of(import_secrets(place.data, *exported, phrase).error()) == errc::conflict);
  CHECK(place.read() == turned);
}

TEST_CASE("secrets that come from elsewhere are somebody else's to keep") {
  scratch place;
  REQUIRE(load_or_make_secrets(place.data));
  fs::rename(place.file, place.root + "/mounted.json");
  fs::create_symlink(place.root + "/mounted.json", place.file);
  CHECK(find_secrets_copy(place.data) == secrets_copy::foreign);
}
