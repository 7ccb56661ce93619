// Addresses that nobody may call, in made-up spellings: none gets past the URL and the guard. The
// generator knows what it hides; the code under test has to find out. 50,000 spellings, or as many
// as PARLEY_SPELLINGS says.
#include <netdb.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "providers/upstream_url.hpp"
#include "tests/support/url_speller.hpp"

using namespace parley;
using namespace parley::providers;
using parley::test::url_speller;

namespace {

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
  url_speller spell{20'251'123};
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
  url_speller spell{7};
  address_policy by_user;
  size_t literal = 0;
  for (size_t i = 0; i < 2'000; ++i) {
    auto url = upstream_url::parse(spell.url_of(spell.host_of(0x08080808)), by_user);
    if (url && url->is_literal() && is_reachable(*url, by_user)) ++literal;
  }
  // Else the test above would prove nothing.
  CHECK(literal > 200);
}
