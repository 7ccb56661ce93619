// Addresses that nobody may call, in made-up spellings: none gets past the URL and the guard. The
// generator knows what it hides; the code under test has to find out. 50,000 spellings, or as many
// as PARLEY_SPELLINGS says.
#include <arpa/inet.h>
#include <netdb.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "providers/upstream_url.hpp"

using namespace parley;
using namespace parley::providers;

namespace {

class speller {
 public:
  explicit speller(uint32_t seed) : random_(seed) {}

  uint32_t number(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  /// Of a network that models of users may never call.
  uint32_t forbidden_address() {
    struct network {
      uint32_t base;
      uint32_t bits;
    };
    static constexpr network networks[] = {
        {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},  {0xa9fe0000, 16},
        {0xac100000, 12}, {0xc0000000, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xe0000000, 4},
        {0xf0000000, 4},  {0xa9fea9fe, 32}, {0x7f000001, 32}, {0xa83f8110, 32}};
    auto& chosen = networks[number(std::size(networks))];
    auto host = chosen.bits == 32 ? 0 : static_cast<uint32_t>(random_()) & (~0u >> chosen.bits);
    return chosen.base | host;
  }

  std::string host_of(uint32_t v4) {
    switch (number(4)) {
      case 0:
        return "[" + as_v6(v4) + "]";
      default:
        return dressed(as_v4(v4));
    }
  }

  std::string url_of(const std::string& host) {
    static constexpr const char* schemes[] = {"https://",  "HTTPS://", "hTTps://", "https:/",
                                              "https:///", "",         "//",       "http://"};
    auto text = schemes[number(3) ? 0 : number(std::size(schemes))] + host;
    static constexpr const char* tails[] = {"",          "/",           "/v1",         ":443",
                                            ":443/v1",   ":0443/v1",    "#@a.example", "/..//v1",
                                            "?@8.8.8.8", "\\@8.8.8.8/", ":/v1",        "/%2e%2e"};
    text += tails[number(std::size(tails))];
    if (number(10) == 0) text.insert(text.find_first_not_of("htpsHTPS:/"), "8.8.8.8@");
    return text;
  }

 private:
  static std::string printed(const char* format, uint32_t value) {
    char text[40];
    std::snprintf(text, sizeof text, format, value);
    return text;
  }

  std::string part(uint32_t value) {
    static constexpr const char* formats[] = {"%u", "0%o", "0x%x", "0X%X", "000%o", "0x000%x"};
    return printed(formats[number(2) ? 0 : number(std::size(formats))], value);
  }

  /// As inet_aton(3) reads it: one to four parts, each in decimal, octal or hex.
  std::string as_v4(uint32_t v4) {
    auto parts = 1 + number(4);
    std::string text;
    for (uint32_t i = 0; i + 1 < parts; ++i) text += part(v4 >> (24 - 8 * i) & 0xff) + ".";
    auto left = 32 - 8 * (parts - 1);
    return text + part(left == 32 ? v4 : v4 & ((1u << left) - 1));
  }

  /// What DNS, browsers and editors make of an address.
  std::string dressed(std::string text) {
    switch (number(8)) {
      case 0:
        return text + ".";
      case 1: {
        auto at = number(static_cast<uint32_t>(text.size()));
        return text.replace(at, 1, printed("%%%02x", static_cast<uint8_t>(text[at])));
      }
      case 2: {  // full-width digits and dots, U+FF10 and U+3002
        std::string wide;
        for (auto c : text) {
          if (c >= '0' && c <= '9')
            wide += "\xEF\xBC" + std::string(1, static_cast<char>(0x90 + (c - '0')));
          else if (c == '.')
            wide += "\xE3\x80\x82";
          else
            wide += c;
        }
        return wide;
      }
      default:
        return text;
    }
  }

  std::string as_v6(uint32_t v4) {
    in6_addr bytes{};
    auto put_v4 = [&](size_t at) {
      for (size_t i = 0; i < 4; ++i)
        bytes.s6_addr[at + i] = static_cast<uint8_t>(v4 >> (24 - 8 * i));
    };
    static constexpr uint8_t nat64[] = {0, 0x64, 0xff, 0x9b};
    auto kind = number(5);
    if (kind == 0) {  // v4-mapped
      bytes.s6_addr[10] = bytes.s6_addr[11] = 0xff;
      put_v4(12);
    } else if (kind == 1) {
      std::memcpy(bytes.s6_addr, nat64, sizeof nat64);
      put_v4(12);
    } else if (kind == 2) {  // 6to4
      bytes.s6_addr[0] = 0x20, bytes.s6_addr[1] = 0x02;
      put_v4(2);
    } else if (kind == 3) {  // v4-compatible
      put_v4(12);
    } else {  // unique local or link-local, with the address at its end
      bytes.s6_addr[0] = number(2) ? 0xfd : 0xfe;
      bytes.s6_addr[1] = 0x80;
      put_v4(12);
    }
    std::string text;
    if (number(2)) {
      char canonical[INET6_ADDRSTRLEN];
      text = ::inet_ntop(AF_INET6, &bytes, canonical, sizeof canonical);
    } else {  // every group written out
      for (size_t i = 0; i < 16; i += 2)
        text += (i ? ":" : "") +
                printed(number(2) ? "%x" : "%04X",
                        static_cast<uint32_t>(bytes.s6_addr[i] << 8 | bytes.s6_addr[i + 1]));
    }
    if (number(10) == 0) text += number(2) ? "%25eth0" : "%1";
    return text;
  }

  std::mt19937 random_;
};

/// Whether a socket to where this host leads, without asking any name server, would be opened.
bool is_reachable(const upstream_url& url, const address_policy& policy) {
  auto host = url.host();
  if (!host.empty() && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_flags = AI_NUMERICHOST;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  auto port = std::to_string(url.port());
  if (::getaddrinfo(host.c_str(), port.c_str(), &wanted, &found) != 0) return false;
  bool result = false;
  for (auto* at = found; at; at = at->ai_next)
    result = result || allows(policy, at->ai_addr, at->ai_addrlen);
  ::freeaddrinfo(found);
  return result;
}

size_t spellings() {
  auto* wanted = std::getenv("PARLEY_SPELLINGS");
  return wanted ? std::strtoul(wanted, nullptr, 10) : 50'000;
}

}  // namespace

TEST_CASE("no spelling of a forbidden address leads to it", "[address_guard]") {
  speller spell{20'251'123};
  address_policy by_user;
  size_t parsed = 0;
  for (size_t i = 0; i < spellings(); ++i) {
    auto text = spell.url_of(spell.host_of(spell.forbidden_address()));
    auto url = upstream_url::parse(text, by_user);
    if (!url) continue;
    ++parsed;
    auto host = url->host();
    // "8.8.8.8@…" and the like are refused as a whole, so the host is never another one.
    if (url->is_literal() || is_reachable(*url, by_user)) FAIL_CHECK(text << " -> " << host);
  }
  // Some stay names ("0x7f.1%25"), which the resolver does not read as addresses.
  CHECK(parsed < spellings());
}

TEST_CASE("the same spellings of a public address are understood", "[address_guard]") {
  speller spell{7};
  address_policy by_user;
  size_t literal = 0;
  for (size_t i = 0; i < 2'000; ++i) {
    auto url = upstream_url::parse(spell.url_of(spell.host_of(0x08080808)), by_user);
    if (url && url->is_literal() && is_reachable(*url, by_user)) ++literal;
  }
  // Else the test above would prove nothing.
  CHECK(literal > 200);
}
