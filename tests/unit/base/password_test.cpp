#include "base/password.hpp"

#include <catch2/catch.hpp>

#include "base/password_rules.hpp"

using namespace parley;

namespace {

const secret_text pepper{"0123456789abcdef0123456789abcdef"};

std::vector<std::string> rules_of(std::string_view password,
                                  std::string_view username = "someone") {
  std::vector<std::string> rules;
  for (auto& fault : password_faults(password, username, "/password")) {
    CHECK(fault.path == "/password");
    CHECK_FALSE(fault.message.empty());
    rules.push_back(fault.rule);
  }
  return rules;
}

using rule_list = std::vector<std::string>;

}  // namespace

TEST_CASE("a password fits its hash and no other") {
  password_hasher hasher{pepper, 4};
  auto stored = hasher.hash("correct horse battery");
  REQUIRE(stored);
  CHECK(stored->substr(0, 9) == "v2$2b$04$");
  CHECK(stored->size() == 62);
  CHECK(*hasher.verify("correct horse battery", *stored));
  CHECK_FALSE(*hasher.verify("correct horse batterz", *stored));
  CHECK_FALSE(*hasher.verify("", *stored));
  CHECK(*hasher.hash("correct horse battery") != *stored);
  CHECK_FALSE(
      *password_hasher(secret_text{"another pepper"}, 4).verify("correct horse battery", *stored));
}

TEST_CASE("nothing of a long password is cut off") {
  password_hasher hasher{pepper, 4};
  for (auto size : {71, 72, 73, 200, 512}) {
    auto password = std::string(static_cast<size_t>(size), 'x');
    auto stored = hasher.hash(password);
    REQUIRE(stored);
    CHECK(*hasher.verify(password, *stored));
    password.back() = 'y';
    CHECK_FALSE(*hasher.verify(password, *stored));
  }
  CHECK(code_of(hasher.hash(std::string(513, 'x')).error()) == errc::invalid_input);
  CHECK_FALSE(*hasher.verify(std::string(513, 'x'), *hasher.hash("x")));
}

TEST_CASE("hashes of other systems are verified and then renewed") {
  password_hasher hasher{pepper, 5};
  // Vectors of the Openwall crypt_blowfish test suite: setting, digest, phrase.
  const std::pair<const char*, const char*> vectors[] = {
      {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
      {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK", "U*U*"},
      {"$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U"}};
  for (auto [hash, phrase] : vectors) {
    auto stored = adopt_bcrypt_hash(hash);
    REQUIRE(stored);
    CHECK(*hasher.verify(phrase, *stored));
    CHECK_FALSE(*hasher.verify("U*", *stored));
    CHECK(hasher.needs_rehash(*stored));
    for (auto letter : {'b', 'y'}) {
      auto same = *stored;
      same[4] = letter;
      CHECK(*hasher.verify(phrase, same));
    }
  }
  // bcrypt would stop at the NUL and accept what stands before it.
  CHECK_FALSE(
      *hasher.verify(std::string_view{"U*U\0more", 8}, *adopt_bcrypt_hash(vectors[0].first)));
  for (auto bad :
       {"", "*0", "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
        "$2a$05$CCCCCCCCCCCCCCCCCCCC*.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "$1$abc$def", "{SHA}abc"})
    CHECK(code_of(adopt_bcrypt_hash(bad).error()) == errc::invalid_input);
}

TEST_CASE("a damaged stored password is an error, never a match") {
  password_hasher hasher{pepper, 4};
  auto stored = *hasher.hash("a good password");
  for (std::string_view bad : {"", "v2", "v2*0", "v3$2b$04$", "*0"})
    CHECK(code_of(hasher.verify("a good password", bad).error()) == errc::corrupt_data);
  for (size_t i = 0; i < stored.size(); ++i) {
    auto damaged = stored;
    damaged[i] = damaged[i] == '.' ? 'O' : '.';
    auto result = hasher.verify("a good password", damaged);
    CHECK((!result || !*result));
  }
}

TEST_CASE("a hash of a lower cost is renewed, of a higher one kept") {
  auto stored = *password_hasher(pepper, 5).hash("a good password");
  CHECK_FALSE(password_hasher(pepper, 4).needs_rehash(stored));
  CHECK_FALSE(password_hasher(pepper, 5).needs_rehash(stored));
  CHECK(password_hasher(pepper, 6).needs_rehash(stored));
  CHECK(password_hasher(pepper, 6).needs_rehash("damaged"));
}

TEST_CASE("a name that nobody has costs a whole hash of the same cost") {
  for (int cost : {4, 6}) {
    password_hasher hasher{pepper, cost};
    // An answer instead of an error proves that bcrypt ran to its end.
    auto answer = hasher.verify_for_nobody("a good password");
    REQUIRE(answer);
    CHECK_FALSE(*answer);
    CHECK_FALSE(hasher.needs_rehash(hasher.nobodys_form()));
    CHECK(password_hasher(pepper, cost + 1).needs_rehash(hasher.nobodys_form()));
  }
}

TEST_CASE("new passwords are held against the rules, all faults at once") {
  CHECK(rules_of("correct horse battery").empty());
  CHECK(rules_of("пароль-для-нас").empty());
  CHECK(rules_of("日本語の合言葉です").empty());
  CHECK(rules_of("short") == rule_list{"length_min"});
  CHECK(rules_of(std::string_view{"a\0b", 3}) == rule_list{"no_nul", "length_min"});
  std::string mixed;
  for (int i = 0; i < 90; ++i) mixed += "x" + std::to_string(i * 7919 % 97);
  CHECK(rules_of(mixed.substr(0, 128)).empty());
  CHECK(rules_of(mixed.substr(0, 128) + "y") == rule_list{"length_max"});
  CHECK(rules_of(std::string(513, 'x')) == rule_list{"bytes_max"});
  CHECK(rules_of("abcdefg\xff") == rule_list{"utf8"});
  CHECK(rules_of("Hans-Wurst", "hans-wurst") == rule_list{"not_username"});
}

TEST_CASE("weak passwords are found in their usual disguises") {
  for (auto weak :
       {"password", "PASSWORD",   "p4$$w0rd",    "Passw0rd!",  "password123",      "123456789",
        "11111111", "abcdefgh",   "qwertyuiop",  "1q2w3e4r5t", "1qaz2wsx",         "qwerty123456",
        "asdf1234", "987654321",  "iloveyou",    "ILoveYou2",  "letmein!",         "admin123",
        "welcome1", "Monkey2024", "summer2024!", "abcabcabc",  "passwordpassword", "helloworld",
        "dragon12", "trustno1",   "1michael",    "19901231",   "31121990",         "12311990",
        "!@#$%^&*", "zxcvbnm,"})
    CHECK_THAT(weak, Catch::Predicate<const char*>(
                         [](const char* text) { return is_weak_password(text); }, "is weak"));
  for (auto good : {"correct horse battery", "k3jx9q2w", "Tr0ub4dor&3x", "gelbe-Ente-17-Tassen",
                    "dragonfly wing over 9", "x8$kQ2!pLm", "83920174", "ünïcödé-wört"})
    CHECK_THAT(good, Catch::Predicate<const char*>(
                         [](const char* text) { return !is_weak_password(text); }, "is not weak"));
}
