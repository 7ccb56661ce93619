#include "http/loopback.hpp"

#include <catch2/catch.hpp>

using namespace parley;
using namespace parley::http;

TEST_CASE("hosts of this machine, and names that only look like one") {
  for (auto host : {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:1", "127.9.9.9", "[::1]",
                    "[::1]:8080"})
    CHECK(is_loopback_host(host));
  for (auto host : {"", "localhost.evil.example", "evil.example", "127.0.0.1.evil.example",
                    "10.0.0.1", "[::2]", "[::1", "[::1]x", "::1", "0.0.0.0", "localhost@evil"})
    CHECK_FALSE(is_loopback_host(host));
}

TEST_CASE("origins of this machine") {
  for (auto origin : {"http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"})
    CHECK(is_loopback_origin(origin));
  for (auto origin : {"null", "", "http://evil.example", "file://localhost", "localhost",
                      "http://localhost.evil.example"})
    CHECK_FALSE(is_loopback_origin(origin));
}
