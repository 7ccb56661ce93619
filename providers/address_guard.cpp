#include "providers/address_guard.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace parley::providers {

namespace {

struct row {
  const char* network;
  uint8_t prefix_bits;
  address_kind kind;
};

using enum address_kind;

// The first row that matches decides, so exceptions stand before what surrounds them.
constexpr row v4_rows[] = {
    {"169.254.169.254", 32, metadata},  // AWS, Google, Azure, Oracle, DigitalOcean
    {"100.100.100.200", 32, metadata},  // Alibaba
    {"168.63.129.16", 32, metadata},    // Azure's wire server, a public address
    {"192.0.0.192", 32, metadata},      // Oracle, older machines
    {"0.0.0.0", 8, unspecified},         {"10.0.0.0", 8, private_use},
    {"100.64.0.0", 10, shared},          {"127.0.0.0", 8, loopback},
    {"169.254.0.0", 16, link_local},     {"172.16.0.0", 12, private_use},
    {"192.0.0.0", 24, reserved},         {"192.0.2.0", 24, documentation},
    {"192.88.99.0", 24, transition},  // 6to4 relays, RFC 7526
    {"192.168.0.0", 16, private_use},    {"198.18.0.0", 15, benchmark},
    {"198.51.100.0", 24, documentation}, {"203.0.113.0", 24, documentation},
    {"224.0.0.0", 4, multicast},         {"240.0.0.0", 4, reserved},
};

constexpr row v6_rows[] = {
    {"fd00:ec2::254", 128, metadata},    // AWS
    {"fd00:ec2::23", 128, metadata},     // AWS, credentials of pods
    {"fd20:ce::254", 128, metadata},     // Google
    {"fe80::a9fe:a9fe", 128, metadata},  // OpenStack
    {"::", 128, unspecified},
    {"::1", 128, loopback},
    {"64:ff9b:1::", 48, transition},  // RFC 8215: the embedded address cannot be found
    {"2001:2::", 48, benchmark},
    {"2001:db8::", 32, documentation},
    {"2001::", 32, transition},  // Teredo
    {"2001::", 23, reserved},    // RFC 2928
    {"2002::", 16, transition},  // 6to4
    {"3fff::", 20, documentation},
    {"2000::", 3, global},
    {"fc00::", 7, private_use},
    {"fe80::", 10, link_local},
    {"fec0::", 10, link_local},
    {"ff00::", 8, multicast},
    {"::", 0,
     reserved},  // nothing else is given out; holds v4-compatible ::/96 and RFC 2765's form
};

bool has_prefix(const ip_address& address, const ip_address& base, unsigned bits) {
  if (address.is_v6 != base.is_v6) return false;
  auto whole = bits / 8;
  if (std::memcmp(address.bytes.data(), base.bytes.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  auto mask = static_cast<uint8_t>(0xff << (8 - bits % 8));
  return (address.bytes[whole] & mask) == (base.bytes[whole] & mask);
}

struct range {
  ip_address base;
  unsigned prefix_bits;
  address_kind kind;
};

template <size_t N>
std::vector<range> read_rows(const row (&rows)[N]) {
  std::vector<range> result;
  for (auto& r : rows) result.push_back({*ip_address::parse(r.network), r.prefix_bits, r.kind});
  return result;
}

const ip_address& mapped_prefix() {
  static const auto prefix = *ip_address::parse("::ffff:0:0");
  return prefix;
}

const ip_address& nat64_prefix() {
  static const auto prefix = *ip_address::parse("64:ff9b::");
  return prefix;
}

// RFC 5214: an interface id of 0000:5efe or 0200:5efe is a tunnel to the IPv4 address behind it.
bool is_isatap(const ip_address& address) {
  return address.is_v6 && (address.bytes[8] & 0xfd) == 0 && address.bytes[9] == 0 &&
         address.bytes[10] == 0x5e && address.bytes[11] == 0xfe;
}

template <class Number>
std::optional<Number> read_number(std::string_view text, unsigned max) {
  unsigned value = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return static_cast<Number>(value);
}

}  // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  std::string terminated{text};
  ip_address result;
  result.is_v6 = text.find(':') != text.npos;
  if (::inet_pton(result.is_v6 ? AF_INET6 : AF_INET, terminated.c_str(), result.bytes.data()) != 1)
    return std::nullopt;
  return result;
}

std::string to_string(const ip_address& address) {
  char text[INET6_ADDRSTRLEN];
  ::inet_ntop(address.is_v6 ? AF_INET6 : AF_INET, address.bytes.data(), text, sizeof text);
  return text;
}

std::string_view to_string(address_kind kind) {
  constexpr std::string_view names[] = {"global",        "loopback",  "private use", "shared",
                                        "link-local",    "metadata",  "unspecified", "multicast",
                                        "documentation", "benchmark", "transition",  "reserved"};
  return names[static_cast<size_t>(kind)];
}

ip_address unwrapped(const ip_address& address) {
  if (!has_prefix(address, mapped_prefix(), 96) && !has_prefix(address, nat64_prefix(), 96))
    return address;
  ip_address result;
  std::copy(address.bytes.begin() + 12, address.bytes.end(), result.bytes.begin());
  return result;
}

address_kind kind_of(const ip_address& address) {
  static const auto v4 = read_rows(v4_rows);
  static const auto v6 = read_rows(v6_rows);
  auto target = unwrapped(address);
  if (is_isatap(target) && has_prefix(target, *ip_address::parse("2000::"), 3)) return transition;
  for (auto& r : target.is_v6 ? v6 : v4) {
    if (has_prefix(target, r.base, r.prefix_bits)) return r.kind;
  }
  return global;
}

std::optional<allowed_network> allowed_network::parse(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  auto port = read_number<uint16_t>(text.substr(colon + 1), 65535);
  if (!port || *port == 0) return std::nullopt;
  auto network = text.substr(0, colon);
  auto is_bracketed = network.size() > 2 && network.front() == '[' && network.back() == ']';
  if (is_bracketed) network = network.substr(1, network.size() - 2);
  auto slash = network.find('/');
  auto base = ip_address::parse(network.substr(0, slash));
  if (!base || base->is_v6 != is_bracketed) return std::nullopt;
  auto bits_max = base->is_v6 ? 128u : 32u;
  auto bits = std::optional<uint8_t>{static_cast<uint8_t>(bits_max)};
  if (slash != network.npos) bits = read_number<uint8_t>(network.substr(slash + 1), bits_max);
  if (!bits) return std::nullopt;
  return allowed_network{*base, *bits, *port};
}

bool allowed_network::contains(const ip_address& address, uint16_t wanted_port) const {
  return wanted_port == port && has_prefix(unwrapped(address), base, prefix_bits);
}

bool is_foreign_port(uint16_t port) {
  // Text protocols that answer a POST with an action, and stores that need no login. Sorted.
  constexpr uint16_t ports[] = {
      1,    7,    9,    11,   13,    15,    17,    19,   20,   21,   22,   23,   25,   37,
      42,   43,   53,   69,   70,    77,    79,    87,   95,   101,  102,  103,  104,  109,
      110,  111,  113,  115,  117,   119,   123,   135,  137,  139,  143,  161,  179,  389,
      427,  445,  465,  512,  513,   514,   515,   526,  530,  531,  532,  540,  548,  554,
      556,  563,  587,  601,  631,   636,   873,   989,  990,  993,  995,  1433, 1521, 1719,
      1720, 1723, 2049, 2181, 2375,  2376,  2379,  2380, 3128, 3306, 3389, 3659, 4045, 4190,
      5060, 5061, 5432, 5672, 5900,  5984,  6000,  6379, 6566, 6665, 6666, 6667, 6668, 6669,
      6697, 9042, 9200, 9300, 10250, 10255, 11211, 27017};
  return port == 0 || std::binary_search(std::begin(ports), std::end(ports), port);
}

bool allows_port(const address_policy& policy, uint16_t port) {
  if (is_foreign_port(port)) return false;
  if (policy.owner == model_owner::admin || port == 443) return true;
  auto is_same = [port](const allowed_network& n) { return n.port == port; };
  return std::find(policy.ports.begin(), policy.ports.end(), port) != policy.ports.end() ||
         std::any_of(policy.networks.begin(), policy.networks.end(), is_same);
}

bool allows(const address_policy& policy, const ip_address& address, uint16_t port) {
  if (!allows_port(policy, port)) return false;
  auto kind = kind_of(address);
  auto is_reachable = kind == global || kind == loopback || kind == private_use || kind == shared;
  if (!is_reachable) return false;
  if (policy.owner == model_owner::admin) return true;
  for (auto& network : policy.networks) {
    if (network.contains(address, port)) return true;
  }
  auto is_listed = std::find(policy.ports.begin(), policy.ports.end(), port) != policy.ports.end();
  return kind == global && (port == 443 || is_listed);
}

bool allows(const address_policy& policy, const sockaddr* address, socklen_t length) {
  ip_address ip;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    std::memcpy(ip.bytes.data(), &v4.sin_addr, 4);
    return allows(policy, ip, ntohs(v4.sin_port));
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    std::memcpy(ip.bytes.data(), &v6.sin6_addr, 16);
    ip.is_v6 = true;
    return allows(policy, ip, ntohs(v6.sin6_port));
  }
  return false;
}

}  // namespace parley::providers
