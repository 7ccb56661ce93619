#include "http/peer_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace parley::http {

namespace {

constexpr std::array<uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr uint8_t mapped_bits = 96;

peer_address map_ipv4(const void* four_bytes) {
  peer_address result;
  std::copy(mapped_prefix.begin(), mapped_prefix.end(), result.bytes.begin());
  std::memcpy(result.bytes.data() + mapped_prefix.size(), four_bytes, 4);
  return result;
}

}  // namespace

peer_address peer_address::from(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return map_ipv4(&in.sin_addr);
  }
  peer_address result;
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, &address, sizeof in6);
    std::memcpy(result.bytes.data(), &in6.sin6_addr, result.bytes.size());
  }
  return result;
}

std::optional<peer_address> peer_address::parse(std::string_view text) {
  std::string zero_terminated{text};
  if (zero_terminated.find('\0') != std::string::npos) return std::nullopt;
  in_addr four;
  if (::inet_pton(AF_INET, zero_terminated.c_str(), &four) == 1) return map_ipv4(&four);
  peer_address result;
  if (::inet_pton(AF_INET6, zero_terminated.c_str(), result.bytes.data()) == 1) return result;
  return std::nullopt;
}

bool peer_address::is_ipv4() const {
  return std::equal(mapped_prefix.begin(), mapped_prefix.end(), bytes.begin());
}

peer_address peer_address::network() const {
  if (is_ipv4()) return *this;
  auto result = *this;
  std::fill(result.bytes.begin() + 8, result.bytes.end(), uint8_t{0});
  return result;
}

std::string to_string(const peer_address& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.is_ipv4())
    ::inet_ntop(AF_INET, address.bytes.data() + mapped_prefix.size(), text, sizeof text);
  else
    ::inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
  return text;
}

size_t peer_address_hash::operator()(const peer_address& address) const {
  uint64_t halves[2];
  std::memcpy(halves, address.bytes.data(), sizeof halves);
  // The multiplier of splitmix64 spreads neighbouring addresses.
  return (halves[0] * 31 + halves[1]) * 0xbf58476d1ce4e5b9;
}

std::optional<address_range> address_range::parse(std::string_view text) {
  auto slash = text.find('/');
  auto first = peer_address::parse(text.substr(0, slash));
  if (!first) return std::nullopt;
  if (slash == std::string_view::npos) return address_range{*first, 128};
  auto digits = text.substr(slash + 1);
  uint8_t bits = 0;
  auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  auto is_ipv4 = first->is_ipv4() && text.find(':') == std::string_view::npos;
  if (failure != std::errc{} || end != digits.data() + digits.size() || bits > (is_ipv4 ? 32 : 128))
    return std::nullopt;
  return address_range{*first, static_cast<uint8_t>(is_ipv4 ? bits + mapped_bits : bits)};
}

bool address_range::has(const peer_address& address) const {
  auto whole = prefix_bits / 8;
  if (!std::equal(first.bytes.begin(), first.bytes.begin() + whole, address.bytes.begin()))
    return false;
  auto rest = prefix_bits % 8;
  if (rest == 0) return true;
  auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return ((first.bytes[whole] ^ address.bytes[whole]) & mask) == 0;
}

bool is_in_any(const std::vector<address_range>& ranges, const peer_address& address) {
  return std::any_of(ranges.begin(), ranges.end(), [&](auto& range) { return range.has(address); });
}

}  // namespace parley::http
