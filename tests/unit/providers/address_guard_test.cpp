#include "providers/address_guard.hpp"

#include <netinet/in.h>

#include <catch2/catch.hpp>
#include <cstring>

using namespace parley::providers;

namespace {

ip_address ip(const std::string& text) {
  auto result = ip_address::parse(text);
  INFO(text);
  REQUIRE(result);
  return *result;
}

address_policy by_admin() {
  return {model_owner::admin, {}, {}};
}
address_policy by_user() {
  return {model_owner::user, {}, {}};
}

struct expectation {
  const char* address;
  address_kind kind;
};

using enum address_kind;

// First and last address of each special network, and their neighbours outside.
const expectation v4_table[] = {
    {"0.0.0.0", unspecified},
    {"0.255.255.255", unspecified},
    {"1.0.0.0", global},
    {"1.1.1.1", global},
    {"8.8.8.8", global},
    {"9.255.255.255", global},
    {"10.0.0.0", private_use},
    {"10.255.255.255", private_use},
    {"11.0.0.0", global},
    {"100.63.255.255", global},
    {"100.64.0.0", shared},
    {"100.127.255.255", shared},
    {"100.128.0.0", global},
    {"100.100.100.200", metadata},
    {"100.100.100.199", shared},
    {"126.255.255.255", global},
    {"127.0.0.0", loopback},
    {"127.0.0.1", loopback},
    {"127.255.255.255", loopback},
    {"128.0.0.0", global},
    {"168.63.129.16", metadata},
    {"168.63.129.17", global},
    {"169.253.255.255", global},
    {"169.254.0.0", link_local},
    {"169.254.169.254", metadata},
    {"169.254.170.2", link_local},
    {"169.254.255.255", link_local},
    {"169.255.0.0", global},
    {"172.15.255.255", global},
    {"172.16.0.0", private_use},
    {"172.31.255.255", private_use},
    {"172.32.0.0", global},
    {"191.255.255.255", global},
    {"192.0.0.0", reserved},
    {"192.0.0.192", metadata},
    {"192.0.0.255", reserved},
    {"192.0.1.0", global},
    {"192.0.2.0", documentation},
    {"192.0.2.255", documentation},
    {"192.0.3.0", global},
    {"192.88.98.255", global},
    {"192.88.99.1", transition},
    {"192.88.100.0", global},
    {"192.167.255.255", global},
    {"192.168.0.0", private_use},
    {"192.168.255.255", private_use},
    {"192.169.0.0", global},
    {"198.17.255.255", global},
    {"198.18.0.0", benchmark},
    {"198.19.255.255", benchmark},
    {"198.20.0.0", global},
    {"198.51.99.255", global},
    {"198.51.100.7", documentation},
    {"198.51.101.0", global},
    {"203.0.112.255", global},
    {"203.0.113.9", documentation},
    {"203.0.114.0", global},
    {"223.255.255.255", global},
    {"224.0.0.0", multicast},
    {"239.255.255.255", multicast},
    {"240.0.0.0", reserved},
    {"255.255.255.254", reserved},
    {"255.255.255.255", reserved},
};

const expectation v6_table[] = {
    {"::", unspecified},
    {"::1", loopback},
    {"::2", reserved},
    {"::7f00:1", reserved},            // v4-compatible 127.0.0.1
    {"::8.8.8.8", reserved},           // v4-compatible, deprecated
    {"::ffff:0:127.0.0.1", reserved},  // IPv4-translated, RFC 2765
    {"::ffff:0:8.8.8.8", reserved},
    {"::fffe:8.8.8.8", reserved},
    {"::1:ffff:8.8.8.8", reserved},
    {"64:ff9b::8.8.8.8", global},
    {"64:ff9b::127.0.0.1", loopback},
    {"64:ff9b::a9fe:a9fe", metadata},
    {"64:ff9b::10.0.0.1", private_use},
    {"64:ff9b::1:8.8.8.8", reserved},  // outside the /96
    {"64:ff9b:1::8.8.8.8", transition},
    {"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", transition},
    {"64:ff9b:2::", reserved},
    {"100::1", reserved},  // discard-only
    {"1fff:ffff::", reserved},
    {"2000::", global},
    {"2001::", transition},  // Teredo
    {"2001:0:ffff:ffff::", transition},
    {"2001:1::1", reserved},
    {"2001:2::1", benchmark},
    {"2001:2:1::", reserved},
    {"2001:10::1", reserved},  // ORCHID
    {"2001:1ff:ffff::", reserved},
    {"2001:200::", global},
    {"2001:db7:ffff::", global},
    {"2001:db8::1", documentation},
    {"2001:db9::", global},
    {"2001:4860:4860::8888", global},
    {"2002:7f00:1::", transition},  // 6to4 of 127.0.0.1
    {"2002:808:808::1", transition},
    {"2003::", global},
    {"2606:4700::1111", global},
    {"2606:4700::5efe:7f00:1", transition},  // ISATAP of 127.0.0.1
    {"2606:4700::200:5efe:7f00:1", transition},
    {"2606:4700::100:5efe:7f00:1", global},
    {"3fff::1", documentation},
    {"3fff:1000::", global},
    {"3ffe::1", global},
    {"4000::", reserved},
    {"5f00::1", reserved},
    {"fbff::1", reserved},
    {"fc00::", private_use},
    {"fd00:ec2::254", metadata},
    {"fd00:ec2::23", metadata},
    {"fd00:ec2::253", private_use},
    {"fd20:ce::254", metadata},
    {"fdff:ffff::1", private_use},
    {"fe00::1", reserved},
    {"fe80::1", link_local},
    {"fe80::a9fe:a9fe", metadata},
    {"febf:ffff::1", link_local},
    {"fec0::1", link_local},  // site-local
    {"feff::1", link_local},
    {"ff02::1", multicast},
    {"ffff:ffff::", multicast},
};

sockaddr_storage socket_address(const ip_address& address, uint16_t port) {
  sockaddr_storage storage{};
  if (address.is_v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes.data(), 16);
    std::memcpy(&storage, &v6, sizeof v6);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes.data(), 4);
    std::memcpy(&storage, &v4, sizeof v4);
  }
  return storage;
}

bool is_allowed_socket(const address_policy& policy, const ip_address& address, uint16_t port) {
  auto storage = socket_address(address, port);
  return allows(policy, reinterpret_cast<sockaddr*>(&storage), sizeof storage);
}

}  // namespace

TEST_CASE("every special network is known at its edges", "[address_guard]") {
  for (auto& row : v4_table) {
    INFO(row.address);
    CHECK(to_string(kind_of(ip(row.address))) == to_string(row.kind));
  }
  for (auto& row : v6_table) {
    INFO(row.address);
    CHECK(to_string(kind_of(ip(row.address))) == to_string(row.kind));
  }
}

TEST_CASE("an embedded IPv4 address is judged as itself", "[address_guard]") {
  for (auto& row : v4_table) {
    INFO(row.address);
    CHECK(kind_of(ip(std::string{"::ffff:"} + row.address)) == row.kind);
    CHECK(kind_of(ip(std::string{"64:ff9b::"} + row.address)) == row.kind);
    // Tunnels that hide one are never global, whatever they hide.
    auto v4 = ip(row.address);
    char six_to_four[32];
    std::snprintf(six_to_four, sizeof six_to_four, "2002:%02x%02x:%02x%02x::1", v4.bytes[0],
                  v4.bytes[1], v4.bytes[2], v4.bytes[3]);
    CHECK(kind_of(ip(six_to_four)) == transition);
  }
}

TEST_CASE("what each owner's models may reach", "[address_guard]") {
  auto check = [](const expectation& row) {
    INFO(row.address);
    auto address = ip(row.address);
    auto for_admin =
        row.kind == global || row.kind == loopback || row.kind == private_use || row.kind == shared;
    CHECK(allows(by_admin(), address, 443) == for_admin);
    CHECK(allows(by_admin(), address, 11434) == for_admin);
    CHECK(allows(by_user(), address, 443) == (row.kind == global));
    CHECK_FALSE(allows(by_user(), address, 80));
    CHECK_FALSE(allows(by_user(), address, 8443));
    CHECK_FALSE(allows(by_admin(), address, 6379));
    CHECK(is_allowed_socket(by_admin(), address, 11434) == for_admin);
    CHECK(is_allowed_socket(by_user(), address, 443) == (row.kind == global));
  };
  for (auto& row : v4_table) check(row);
  for (auto& row : v6_table) check(row);
}

TEST_CASE("an allow-list opens its networks and ports alone", "[address_guard]") {
  address_policy policy;
  policy.ports = {8443};
  policy.networks = {
      *allowed_network::parse("10.1.0.0/16:8080"), *allowed_network::parse("[fd12::/48]:8000"),
      *allowed_network::parse("192.168.7.9:11434"), *allowed_network::parse("0.0.0.0/0:8888"),
      *allowed_network::parse("[::/0]:8888")};
  CHECK(allows(policy, ip("10.1.0.0"), 8080));
  CHECK(allows(policy, ip("10.1.255.255"), 8080));
  CHECK(allows(policy, ip("::ffff:10.1.2.3"), 8080));
  CHECK_FALSE(allows(policy, ip("10.2.0.0"), 8080));
  CHECK_FALSE(allows(policy, ip("10.0.255.255"), 8080));
  CHECK_FALSE(allows(policy, ip("10.1.0.1"), 443));
  CHECK_FALSE(allows(policy, ip("10.1.0.1"), 8443));
  CHECK(allows(policy, ip("fd12::1"), 8000));
  CHECK_FALSE(allows(policy, ip("fd12:0:1::1"), 8000));
  CHECK(allows(policy, ip("192.168.7.9"), 11434));
  CHECK_FALSE(allows(policy, ip("192.168.7.8"), 11434));
  CHECK(allows(policy, ip("8.8.8.8"), 8443));
  CHECK_FALSE(allows(policy, ip("8.8.8.8"), 8080));
  // Even an open list never opens these.
  for (auto never : {"169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "224.0.0.1",
                     "100.100.100.200", "0.0.0.0", "::", "2002:7f00:1::", "255.255.255.255"}) {
    INFO(never);
    CHECK_FALSE(allows(policy, ip(never), 8888));
  }
  CHECK(allows(policy, ip("127.0.0.1"), 8888));
}

TEST_CASE("allow-list entries are read strictly", "[address_guard]") {
  for (auto bad : {"", ":", "10.0.0.0/8", "10.0.0.0/8:", "10.0.0.0/33:80", "10.0.0.0/8:0",
                   "10.0.0.0/8:65536", "10.0.0.0/-1:80", "10.0.0/8:80", "fd12::/48:8000",
                   "[10.0.0.0/8]:80", "[fd12::/129]:80", "[fd12::/48:80", "010.0.0.0/8:80",
                   "10.0.0.0/8:80 ", "10.0.0.0/+8:80", "[]:80", "10.0.0.0/:80"}) {
    INFO(bad);
    CHECK_FALSE(allowed_network::parse(bad));
  }
}

TEST_CASE("ports of other protocols are closed to everybody", "[address_guard]") {
  for (uint16_t port :
       {0, 22, 23, 25, 53, 110, 143, 465, 587, 993, 2375, 3306, 5432, 6379, 9200, 11211}) {
    INFO(port);
    CHECK(is_foreign_port(port));
    CHECK_FALSE(allows_port(by_admin(), port));
    address_policy listed;
    listed.ports = {port};
    CHECK_FALSE(allows_port(listed, port));
  }
  for (uint16_t port : {80, 443, 1234, 3000, 4000, 5000, 5001, 8000, 8080, 8443, 11434}) {
    INFO(port);
    CHECK_FALSE(is_foreign_port(port));
    CHECK(allows_port(by_admin(), port));
    CHECK(allows_port(by_user(), port) == (port == 443));
  }
}

TEST_CASE("only canonical spellings are addresses", "[address_guard]") {
  for (auto bad :
       {"", "1", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "127.0.0.1 ", "1.2.3.4.5",
        "256.0.0.1", "fe80::1%eth0", ":::", "1::2::3", "12345::", "::ffff:1.2.3", "[::1]"}) {
    INFO(bad);
    CHECK_FALSE(ip_address::parse(bad));
  }
  CHECK_FALSE(ip_address::parse(std::string_view{"127.0.0.1\0x", 11}));
  CHECK(to_string(ip("::FFFF:1.2.3.4")) == "::ffff:1.2.3.4");
}

TEST_CASE("sockets of other families are refused", "[address_guard]") {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  CHECK_FALSE(allows(by_admin(), reinterpret_cast<sockaddr*>(&storage), sizeof storage));
  auto short_one = socket_address(ip("8.8.8.8"), 443);
  CHECK_FALSE(allows(by_admin(), reinterpret_cast<sockaddr*>(&short_one), 7));
}
