#include "base/url.hpp"

#include <catch2/catch.hpp>

using namespace parley;

TEST_CASE("the origin is scheme, host and port, in one spelling") {
  CHECK(*url_origin("https://api.example.com/v1") == "https://api.example.com:443");
  CHECK(*url_origin("HTTPS://API.Example.COM") == "https://api.example.com:443");
  CHECK(*url_origin("https://api.example.com:443/") == "https://api.example.com:443");
  CHECK(*url_origin("https://api.example.com:8443?x=:1/") == "https://api.example.com:8443");
  CHECK(*url_origin("http://127.0.0.1:11434/v1") == "http://127.0.0.1:11434");
  CHECK(*url_origin("http://localhost") == "http://localhost:80");
  CHECK(*url_origin("http://[FD00::1]:8080/v1") == "http://[fd00::1]:8080");
  CHECK(*url_origin("http://[fd00::1]") == "http://[fd00::1]:80");
}

TEST_CASE("whatever parsers disagree about has no origin") {
  for (auto url : {"", "api.example.com", "ftp://a.example", "https://", "https:///v1",
                   "https://user@a.example", "https://a.example\\@b.example", "https://a%2eb",
                   "https://a.example:0", "https://a.example:65536", "https://a.example:",
                   "https://a.example:44x", "https://a.example:080", "https:// a.example",
                   "https://a.example:443:80", "http://[fd00::1", "http://fd00::1]:80", "http://[]",
                   "https://b\xc3\xbc"
                   "cher.example"}) {
    INFO(url);
    auto origin = url_origin(url);
    REQUIRE_FALSE(origin);
    CHECK(code_of(origin.error()) == errc::invalid_input);
  }
}
