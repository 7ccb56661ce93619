#include "actors/impl/login_limits.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace parley {

namespace {

// Longer names belong to nobody; what is kept of them has a bound.
constexpr size_t name_bytes_max = 64;

/// As READER compares names: without regard to ASCII case.
std::string folded(std::string_view name) {
  std::string result{name.substr(0, name_bytes_max)};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

std::string account_key(const login_limits::attempt& from) {
  return network_of(from.address) + ' ' + folded(from.username);
}

std::string place_key(const login_limits::attempt& from) {
  return from.address + ' ' + folded(from.username);
}

uint32_t whole_seconds(double seconds) {
  return static_cast<uint32_t>(std::max(1.0, std::ceil(seconds)));
}

}  // namespace

std::string network_of(std::string_view address) {
  std::string text{address.substr(0, name_bytes_max)};
  std::array<uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    bytes[3] = 0;
    char shown[INET_ADDRSTRLEN];
    return std::string{::inet_ntop(AF_INET, bytes.data(), shown, sizeof shown)} + "/24";
  }
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return text;
  constexpr std::array<uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  char shown[INET6_ADDRSTRLEN];
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin())) {
    bytes[15] = 0;
    return std::string{::inet_ntop(AF_INET, bytes.data() + 12, shown, sizeof shown)} + "/24";
  }
  std::fill(bytes.begin() + 8, bytes.end(), uint8_t{0});
  return std::string{::inet_ntop(AF_INET6, bytes.data(), shown, sizeof shown)} + "/64";
}

login_limits::login_limits(limits bounds)
    : limits_(bounds),
      accounts_(bounds.entries_max),
      addresses_(bounds.entries_max),
      known_(bounds.entries_max) {}

uint32_t login_limits::begin(const attempt& from, instant now) {
  auto& account = accounts_.touch(account_key(from));
  auto& address = addresses_.touch(from.address);
  leak(address, now);
  auto known = is_known(from, now);
  if (auto wait = account_wait(account, now); wait > 0) return wait;
  if (auto wait = address_wait(address, known); wait > 0) return wait;
  ++account.under_way;
  if (!known) ++address.under_way;
  return 0;
}

void login_limits::end(const attempt& from, outcome result, instant now) {
  auto& account = accounts_.touch(account_key(from));
  auto& address = addresses_.touch(from.address);
  leak(address, now);
  auto known = is_known(from, now);
  account.under_way = std::max(0, account.under_way - 1);
  if (!known) address.under_way = std::max(0, address.under_way - 1);
  if (result == outcome::wrong) {
    ++account.failures;
    account.last_failure = now;
    (known ? address.known_failures : address.failures) += 1;
  } else if (result == outcome::right) {
    account.failures = 0;
    // Each account that proves itself here widens the address's allowance by one: an office is no
    // attacker, and who guesses does not collect accounts.
    if (!known) address.known_accounts += 1;
    known_.touch(place_key(from)) = now;
  }
}

void login_limits::leak(address_record& address, instant now) const {
  auto passed = std::chrono::duration<double>(now - address.seen).count();
  address.seen = now;
  // A wall clock that was set back forgives nothing.
  if (passed <= 0) return;
  auto per_second = [&](double budget) {
    return budget / std::chrono::duration<double>(limits_.address_window).count();
  };
  address.failures =
      std::max(0.0, address.failures - passed * per_second(limits_.address_failures_max));
  address.known_failures =
      std::max(0.0, address.known_failures - passed * per_second(limits_.address_failures_ceiling));
}

bool login_limits::is_known(const attempt& from, instant now) {
  auto* last = known_.find(place_key(from));
  return last != nullptr && now - *last <= limits_.known_for;
}

uint32_t login_limits::account_wait(const account_record& account, instant now) const {
  if (account.failures < limits_.failures_free) {
    // One at a time is always let through: else nobody could ever prove who they are.
    auto guesses_max = std::max(limits_.parallel_max, limits_.failures_free);
    return account.failures + account.under_way < guesses_max ? 0 : 1;
  }
  auto exponent = std::min(account.failures - limits_.failures_free, 20);
  auto delay = std::min<std::chrono::seconds>(limits_.delay_max,
                                              std::chrono::seconds{int64_t{1} << exponent});
  auto left = std::chrono::duration<double>(account.last_failure + delay - now).count();
  if (left > 0) return whole_seconds(left);
  return account.under_way == 0 ? 0 : 1;  // from here on one guess at a time
}

uint32_t login_limits::address_wait(const address_record& address, bool known) const {
  auto window = std::chrono::duration<double>(limits_.address_window).count();
  auto ceiling = limits_.address_failures_ceiling;
  auto all = address.failures + address.known_failures + address.under_way;
  if (all >= ceiling) return whole_seconds((all - ceiling + 1) * window / ceiling);
  auto budget = std::min(ceiling, limits_.address_failures_max + address.known_accounts);
  if (known || address.failures < budget) return 0;
  return whole_seconds((address.failures - budget + 1) * window / limits_.address_failures_max);
}

}  // namespace parley
