#include "providers/upstream_url.hpp"

#include <curl/curl.h>
#include <catch2/catch.hpp>

using namespace parley;
using namespace parley::providers;

namespace {

address_policy by_admin() {
  return {model_owner::admin, {}, {}};
}
address_policy by_user() {
  return {model_owner::user, {}, {}};
}

std::string reason_of(const expected<upstream_url>& result) {
  return result ? "accepted" : detail_of(result.error()).reason;
}

std::string number_text(uint32_t value, int base) {
  char text[40];
  std::snprintf(text, sizeof text, base == 8 ? "0%o" : base == 16 ? "0x%x" : "%u", value);
  return text;
}

/// Every spelling inet_aton(3) knows for one address: 1 to 4 parts, each in three bases.
std::vector<std::string> v4_spellings(std::array<uint8_t, 4> b) {
  std::vector<std::string> result;
  for (int parts = 1; parts <= 4; ++parts) {
    for (int bases = 0, all = parts == 1   ? 3
                              : parts == 2 ? 9
                              : parts == 3 ? 27
                                           : 81;
         bases < all; ++bases) {
      std::string text;
      auto rest = bases;
      for (int i = 0; i < parts; ++i, rest /= 3) {
        uint32_t value = b[i];
        if (i == parts - 1) {
          for (int j = i + 1; j < 4; ++j) value = value << 8 | b[j];
        }
        text += (i ? "." : "") + number_text(value, rest % 3 == 0 ? 10 : rest % 3 == 1 ? 8 : 16);
      }
      result.push_back(text);
    }
  }
  return result;
}

std::string url_text(const url_handle& url) {
  char* text = nullptr;
  REQUIRE(::curl_url_get(url.get(), CURLUPART_URL, &text, 0) == CURLUE_OK);
  std::string result{text};
  ::curl_free(text);
  return result;
}

}  // namespace

TEST_CASE("no spelling of a forbidden IPv4 address gets past", "[upstream_url]") {
  const std::array<uint8_t, 4> forbidden[] = {
      {127, 0, 0, 1},       {10, 1, 2, 3},   {192, 168, 0, 1}, {172, 16, 0, 1},
      {169, 254, 169, 254}, {100, 64, 0, 1}, {0, 0, 0, 0},     {224, 0, 0, 1},
      {100, 100, 100, 200}, {198, 18, 0, 1}, {203, 0, 113, 1}, {255, 255, 255, 255}};
  for (auto& address : forbidden) {
    for (auto& spelling : v4_spellings(address)) {
      INFO(spelling);
      CHECK(reason_of(upstream_url::parse("https://" + spelling + "/v1", by_user())) ==
            "upstream_not_allowed");
    }
  }
}

TEST_CASE("all spellings of one address have one origin", "[upstream_url]") {
  for (auto& spelling : v4_spellings({8, 8, 4, 4})) {
    INFO(spelling);
    auto url = upstream_url::parse("https://" + spelling, by_user());
    REQUIRE(url);
    CHECK(url->origin() == "https://8.8.4.4:443");
  }
  for (auto spelling : {"[2606:4700::1111]", "[2606:4700:0:0:0:0:0:1111]", "[2606:4700::0:1111]",
                        "[2606:4700:0000::1111]"}) {
    INFO(spelling);
    auto url = upstream_url::parse(std::string{"https://"} + spelling + ":443/", by_user());
    REQUIRE(url);
    CHECK(url->origin() == "https://[2606:4700::1111]:443");
  }
}

TEST_CASE("no spelling of a forbidden IPv6 address gets past", "[upstream_url]") {
  for (auto host : {"[::1]",
                    "[0:0:0:0:0:0:0:1]",
                    "[::]",
                    "[::ffff:127.0.0.1]",
                    "[::ffff:7f00:1]",
                    "[::FFFF:A9FE:A9FE]",
                    "[0:0:0:0:0:ffff:169.254.169.254]",
                    "[::127.0.0.1]",
                    "[::7f00:1]",
                    "[64:ff9b::127.0.0.1]",
                    "[64:ff9b::a9fe:a9fe]",
                    "[64:ff9b:1::1]",
                    "[2002:7f00:1::]",
                    "[2001::1]",
                    "[fe80::1]",
                    "[fe80::1%25lo]",
                    "[fec0::1]",
                    "[fc00::1]",
                    "[fd00:ec2::254]",
                    "[ff02::1]",
                    "[2001:db8::1]",
                    "[::ffff:0:127.0.0.1]"}) {
    INFO(host);
    CHECK(reason_of(upstream_url::parse(std::string{"https://"} + host + "/v1", by_user())) ==
          "upstream_not_allowed");
  }
}

TEST_CASE("URLs that must be refused from anybody", "[upstream_url]") {
  for (auto text : {"",
                    "api.example.com",
                    "//api.example.com",
                    "https:api.example.com",
                    "https:/a.example",
                    "https://",
                    "https:///v1",
                    "https://?x",
                    "ftp://a.example",
                    "file:///etc/passwd",
                    "gopher://a.example",
                    "javascript:alert(1)",
                    "ws://a.example",
                    "https://user@a.example",
                    "https://user:pw@a.example",
                    "https://@a.example",
                    "https://:@a.example",
                    "https://a.example#@b.example",
                    "https://a.example/#x",
                    "https://a.example\\@b.example",
                    "https://a.example/ x",
                    "https://a .example",
                    "https://a.example/\r\nHost: b",
                    "https://a.example\t",
                    "https://a.example:0",
                    "https://a.example:65536",
                    "https://a.example:22",
                    "https://a.example:x",
                    "https://a.example.",
                    "https://.example",
                    "https://a..example",
                    "https://a.example:443:443",
                    "https://a%2eexample",
                    "https://%31%32%37.0.0.1",
                    "https://\xef\xbc\x91.example",
                    "https://a\xe3\x80\x82"
                    "example",
                    "https://[::1",
                    "https://[1.2.3.4]",
                    "https://8.8.8.999",
                    "https://08.8.8.8",
                    "https://1.2.3.4.5",
                    "https://a.example.0x7f",
                    "https://a!b.example",
                    "https://a*b.example",
                    "https://169.254.169.254",
                    "https://[fe80::1]",
                    "https://[fd00:ec2::254]",
                    "https://168.63.129.16"}) {
    INFO(text);
    CHECK(reason_of(upstream_url::parse(text, by_admin())) == "upstream_not_allowed");
    CHECK(reason_of(upstream_url::parse(text, by_user())) == "upstream_not_allowed");
  }
  CHECK_FALSE(upstream_url::parse("https://a.example/" + std::string(2048, 'a'), by_admin()));
  CHECK_FALSE(upstream_url::parse(std::string_view{"https://a.example/\0", 19}, by_admin()));
}

TEST_CASE("http and other ports are for admins", "[upstream_url]") {
  for (auto text : {"http://127.0.0.1:11434", "http://localhost:8000/v1", "http://192.168.0.10",
                    "https://[fd12::1]:8443", "http://ollama_server:11434/v1"}) {
    INFO(text);
    CHECK(reason_of(upstream_url::parse(text, by_admin())) == "accepted");
    CHECK(reason_of(upstream_url::parse(text, by_user())) == "upstream_not_allowed");
  }
  CHECK_FALSE(upstream_url::parse("http://api.example.com", by_user()));
  CHECK_FALSE(upstream_url::parse("https://api.example.com:8443", by_user()));
  address_policy listed;
  listed.networks = {*allowed_network::parse("192.168.0.0/24:8443")};
  CHECK(upstream_url::parse("https://192.168.0.9:8443", listed));
  CHECK_FALSE(upstream_url::parse("https://192.168.1.9:8443", listed));
  CHECK(upstream_url::parse("https://models.lan:8443", listed));
}

TEST_CASE("origins are normalised", "[upstream_url]") {
  for (auto text : {"https://API.Example.com", "HTTPS://api.example.com:443/",
                    "https://api.example.com/v1/", "https://api.example.com:0443?api-version=1"}) {
    INFO(text);
    auto origin = origin_of(text);
    REQUIRE(origin);
    CHECK(*origin == "https://api.example.com:443");
  }
  CHECK(*origin_of("http://api.example.com") == "http://api.example.com:80");
  CHECK_FALSE(origin_of("nonsense"));
}

TEST_CASE("a call's URL is the base with a path behind it", "[upstream_url]") {
  auto request_url = [](std::string_view base, std::string_view suffix) {
    auto url = upstream_url::parse(base, by_admin());
    REQUIRE(url);
    return url_text(url->with_path(suffix));
  };
  CHECK(request_url("https://api.example.com/v1", "/chat/completions") ==
        "https://api.example.com/v1/chat/completions");
  CHECK(request_url("https://api.example.com/v1///", "chat") == "https://api.example.com/v1/chat");
  CHECK(request_url("https://api.example.com", "/chat") == "https://api.example.com/chat");
  CHECK(request_url("https://api.example.com/a/../b", "/c") == "https://api.example.com/b/c");
  CHECK(request_url("https://a.example/d?api-version=2", "/chat") ==
        "https://a.example/d/chat?api-version=2");
  CHECK(request_url("https://a.example/d", "/chat?alt=sse") == "https://a.example/d/chat?alt=sse");
  // Libcurl writes escapes in small letters; they mean the same (RFC 3986, 6.2.2.1).
  CHECK(request_url("https://a.example/d?v=2", "/m%2Fx:go?alt=sse") ==
        "https://a.example/d/m%2fx:go?v=2&alt=sse");
  CHECK(request_url("http://0x7f.1:8000", "/v1") == "http://127.0.0.1:8000/v1");
}
