#include "base/api_key.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("an API key names its user and is read back") {
  auto user = user_id::make();
  auto made = api_key_text::make(user);
  CHECK(made.text.size() == 88);
  auto parsed = api_key_text::parse(made.text.reveal());
  REQUIRE(parsed);
  CHECK(parsed->user == user);
  CHECK(parsed->stored_form() == made.stored_form());
  CHECK(made.stored_form().size() == 64);
  CHECK(made.text.reveal().starts_with(made.prefix()));
  CHECK(made.prefix().size() == 43);
  CHECK(api_key_text::make(user).stored_form() != made.stored_form());
  CHECK(stream_login_of(made.stored_form()) != stream_login_of(std::string(64, 'a')));
}

TEST_CASE("any changed character of an API key is found without asking") {
  auto text = api_key_text::make(user_id::make()).text.reveal();
  for (size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    INFO(i);
    CHECK(!api_key_text::parse(changed));
  }
  CHECK(!api_key_text::parse(text + "a"));
  CHECK(!api_key_text::parse(text.substr(0, text.size() - 1)));
  CHECK(!api_key_text::parse(""));
  CHECK(api_key_text::is_meant(text));
  CHECK(!api_key_text::is_meant("eyJhbGciOiJIUzI1NiJ9"));
}
