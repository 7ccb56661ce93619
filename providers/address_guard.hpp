/// Which network addresses an upstream call may reach: what an address is, and what a policy
/// allows.
///
/// Pure. Asked at each connect, after DNS, and again before each request (docs/reliability.md, row
/// SSRF): names are never trusted, only the address a socket really goes to.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::providers {

/// An IP address without port or zone. IPv4 stands in the first four bytes.
struct ip_address {
  std::array<uint8_t, 16> bytes{};
  bool is_v6 = false;

  /// Only the canonical spellings of inet_pton(3): no octal, hex or short forms.
  static std::optional<ip_address> parse(std::string_view text);
  friend bool operator==(const ip_address&, const ip_address&) = default;
};

std::string to_string(const ip_address& address);

/// After the IANA special-purpose registries (RFC 6890 and its updates).
enum class address_kind : uint8_t {
  global,       ///< reachable by everyone
  loopback,     ///< this machine
  private_use,  ///< RFC 1918, unique local (fc00::/7)
  shared,       ///< carrier-grade NAT, 100.64.0.0/10; overlay networks use it as well
  link_local,   ///< this link only, and the deprecated site-local
  metadata,     ///< where clouds hand out credentials to their machines
  unspecified,  ///< "this network": Linux connects to the loopback
  multicast,
  documentation,
  benchmark,
  transition,  ///< tunnels that hide an IPv4 address: 6to4, Teredo, ISATAP, local NAT64
  reserved,
};

std::string_view to_string(address_kind kind);

/// The IPv4 address that a v4-mapped or NAT64 (64:ff9b::/96) address leads to; others unchanged.
ip_address unwrapped(const ip_address& address);

/// What the address leads to: v4-mapped and NAT64 addresses are judged by what they embed.
address_kind kind_of(const ip_address& address);

/// An entry of the admin's allow-list: a network and one port.
struct allowed_network {
  ip_address base;
  uint8_t prefix_bits = 0;
  uint16_t port = 0;

  /// "10.1.0.0/16:8080", "[fd12::/48]:8080"; a single address may leave out its "/32".
  static std::optional<allowed_network> parse(std::string_view text);
  bool contains(const ip_address& address, uint16_t port) const;
};

/// Who made the model that is called decides how far the call may reach.
enum class model_owner : uint8_t { admin, user };

struct address_policy {
  model_owner owner = model_owner::user;
  std::vector<uint16_t> ports;            ///< beside 443, for models of users
  std::vector<allowed_network> networks;  ///< for models of users
};

/// Ports of other protocols, which nobody may call: a request could be read as a command there.
bool is_foreign_port(uint16_t port);

/// Whether any address could be allowed with this port: what is known before DNS.
bool allows_port(const address_policy& policy, uint16_t port);

/// The decision. Link-local and metadata addresses are refused whatever the policy says.
bool allows(const address_policy& policy, const ip_address& address, uint16_t port);

/// The same for a socket address; everything that is neither IPv4 nor IPv6 is refused.
bool allows(const address_policy& policy, const sockaddr* address, socklen_t length);

}  // namespace parley::providers
