#include "http/peer_address.hpp"

#include <catch2/catch.hpp>

using namespace parley::http;

namespace {
bool has(std::string_view range, std::string_view address) {
  return address_range::parse(range)->has(*peer_address::parse(address));
}
}  // namespace

TEST_CASE("addresses are read and written") {
  for (auto text : {"10.1.2.3", "::1", "2001:db8::7", "255.255.255.255"})
    CHECK(to_string(*peer_address::parse(text)) == text);
  CHECK(to_string(*peer_address::parse("::ffff:10.0.0.1")) == "10.0.0.1");
  for (auto text : {"", "10.1", "010.0.0.1", "1.2.3.4.5", "::g", "10.0.0.1 ", "localhost"})
    CHECK_FALSE(peer_address::parse(text));
}

TEST_CASE("one network is an IPv4 address or an IPv6 /64") {
  CHECK(to_string(peer_address::parse("10.1.2.3")->network()) == "10.1.2.3");
  CHECK(to_string(peer_address::parse("2001:db8:1:2:3:4:5:6")->network()) == "2001:db8:1:2::");
}

TEST_CASE("ranges") {
  CHECK(has("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(has("10.0.0.0/8", "11.0.0.1"));
  CHECK(has("192.168.4.0/22", "192.168.7.255"));
  CHECK_FALSE(has("192.168.4.0/22", "192.168.8.0"));
  CHECK(has("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(has("127.0.0.1", "127.0.0.2"));
  CHECK(has("0.0.0.0/0", "1.2.3.4"));
  CHECK_FALSE(has("0.0.0.0/0", "::1"));
  CHECK(has("fd00::/8", "fdff::1"));
  CHECK(has("::ffff:0:0/96", "1.2.3.4"));
  for (auto text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/8 ", "/8", "a/8",
                    "10.0.0.0/-1", "10.0.0.0/256"})
    CHECK_FALSE(address_range::parse(text));
}
