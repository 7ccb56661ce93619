/// How often somebody may guess passwords (docs/reliability.md, row Brute force). Pure but for what
/// it remembers, which is bounded; owned by DIRECTORY, on whatever thread that runs.
///
/// An attempt is asked for before any hashing and counts until its end is told: parallel guesses
/// find no gap. Names that nobody has count like any other.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"

namespace parley {

/// At most `size_max` entries; the one untouched for longest goes first.
template <class Value>
class recent_map {
 public:
  explicit recent_map(size_t size_max) : size_max_(size_max) {}

  Value* find(const std::string& key) {
    auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->second;
  }
  /// Finds or makes it; it is the youngest then.
  Value& touch(const std::string& key) {
    if (auto found = index_.find(key); found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->second;
    }
    if (index_.size() >= size_max_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, Value{});
    index_.emplace(key, entries_.begin());
    return entries_.front().second;
  }
  size_t size() const { return index_.size(); }

 private:
  using entry = std::pair<std::string, Value>;
  size_t size_max_;
  std::list<entry> entries_;
  std::unordered_map<std::string, typename std::list<entry>::iterator> index_;
};

/// The network of an address that one subscriber holds: IPv4 /24, IPv6 /64. Anything else stands
/// for itself.
std::string network_of(std::string_view address);

class login_limits {
 public:
  struct limits {
    int failures_free = 5;  ///< per account and network
    int parallel_max = 20;  ///< attempts under way, per account and network
    std::chrono::seconds delay_max{900};
    double address_failures_max = 30;  ///< per address, within address_window
    double address_failures_ceiling = 300;
    std::chrono::seconds address_window{600};
    std::chrono::hours known_for{30 * 24};
    size_t entries_max = 100'000;  ///< of each kind
  };
  struct attempt {
    std::string username;
    std::string address;
  };
  /// `undecided`: no password was compared.
  enum class outcome : uint8_t { right = 1, wrong, undecided };

  login_limits() : login_limits(limits()) {}
  explicit login_limits(limits bounds);

  /// 0: go on, and tell the end. Otherwise refused; seconds until it is worth another try.
  uint32_t begin(const attempt& from, instant now);
  void end(const attempt& from, outcome result, instant now);

 private:
  /// Failures of one account from one network.
  struct account_record {
    int failures = 0;
    int under_way = 0;
    instant last_failure;
  };
  /// Failures of one address. They leak: `window` after the last one nothing is left of them.
  struct address_record {
    double failures = 0;  ///< by accounts not known here
    double known_failures = 0;
    int under_way = 0;
    double known_accounts = 0;  ///< that have logged in from here
    instant seen;
  };

  void leak(address_record& address, instant now) const;
  bool is_known(const attempt& from, instant now);
  uint32_t account_wait(const account_record& account, instant now) const;
  uint32_t address_wait(const address_record& address, bool known) const;

  limits limits_;
  recent_map<account_record> accounts_;
  recent_map<address_record> addresses_;
  recent_map<instant> known_;  ///< address and account: the last good log-in
};

}  // namespace parley
