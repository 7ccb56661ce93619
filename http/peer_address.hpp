/// An IP address as the edge compares it, and ranges of them (`trusted_proxies`).
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::http {

/// IPv6; an IPv4 address stands as ::ffff:a.b.c.d, so both families share one comparison.
struct peer_address {
  std::array<uint8_t, 16> bytes{};

  static peer_address from(const sockaddr_storage& address);
  /// "10.0.0.1" or "::1"; nothing else.
  static std::optional<peer_address> parse(std::string_view text);

  bool is_ipv4() const;
  /// What one household or office has: the address itself for IPv4, its /64 for IPv6.
  peer_address network() const;
  friend auto operator<=>(const peer_address&, const peer_address&) = default;
};

std::string to_string(const peer_address& address);

struct peer_address_hash {
  size_t operator()(const peer_address& address) const;
};

/// A CIDR block, or a single address.
struct address_range {
  peer_address first;
  uint8_t prefix_bits = 128;

  static std::optional<address_range> parse(std::string_view text);
  bool has(const peer_address& address) const;
};

bool is_in_any(const std::vector<address_range>& ranges, const peer_address& address);

}  // namespace parley::http
