/// URLs in made-up spellings that hide an address: what an attacker would type as a base URL.
///
/// The generator knows what it hides; the code under test has to find out. The same seed gives the
/// same spellings.
#pragma once

#include <arpa/inet.h>

#include <cstdio>
#include <cstring>
#include <random>
#include <string>

namespace parley::test {

class url_speller {
 public:
  explicit url_speller(uint32_t seed) : random_(seed) {}

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

}  // namespace parley::test
