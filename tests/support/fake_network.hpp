/// Name servers and the way out, replaced: for tests of where calls go.
///
/// Defines getaddrinfo(3) and connect(2) for the whole executable, libcurl included; so exactly one
/// file of an executable includes it. Until a fake_network is there, both do what they always do.
/// While it is, names that end in ".test" are answered by it and others only if they are addresses,
/// connections to the loopback are counted and made, and no other leaves the machine: each is
/// counted and refused.
#pragma once

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace parley::test {

class fake_network {
 public:
  /// The addresses of a name, in their spelling of inet_pton(3); none: there is no such name.
  /// Called on libcurl's resolver threads, several at a time; may block.
  using resolver = std::function<std::vector<std::string>(const std::string& name)>;

  explicit fake_network(resolver names) : names_(std::move(names)) { current().store(this); }
  /// Waits for look-ups that are under way.
  ~fake_network() {
    current().store(nullptr);
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return lookups_now_ == 0; });
  }
  fake_network(const fake_network&) = delete;
  fake_network& operator=(const fake_network&) = delete;

  size_t loopback_connects() const { return loopback_; }
  size_t outward_connects() const { return outward_; }
  size_t lookups() const { return lookups_; }
  size_t lookups_now() const {
    std::lock_guard guard{mutex_};
    return lookups_now_;
  }
  size_t lookups_peak() const { return lookups_peak_; }

  static std::atomic<fake_network*>& current() {
    static std::atomic<fake_network*> network{nullptr};
    return network;
  }

  std::vector<std::string> look_up(const std::string& name) {
    {
      std::lock_guard guard{mutex_};
      ++lookups_;
      lookups_peak_ = std::max<size_t>(lookups_peak_, ++lookups_now_);
    }
    auto found = names_(name);
    std::lock_guard guard{mutex_};
    --lookups_now_;
    changed_.notify_all();
    return found;
  }

  /// Whether the connection may be made.
  bool admit(const sockaddr* address) {
    auto is_loopback = false;
    if (address->sa_family == AF_INET) {
      auto& v4 = *reinterpret_cast<const sockaddr_in*>(address);
      is_loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
    } else if (address->sa_family == AF_INET6) {
      auto& v6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
      is_loopback = IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_V4MAPPED(&v6);
    } else {
      return true;
    }
    ++(is_loopback ? loopback_ : outward_);
    return is_loopback;
  }

 private:
  resolver names_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<size_t> loopback_{0};
  std::atomic<size_t> outward_{0};
  std::atomic<size_t> lookups_{0};
  std::atomic<size_t> lookups_peak_{0};
  size_t lookups_now_ = 0;
};

template <class Function>
Function* next_symbol(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace parley::test

extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  static auto* real = parley::test::next_symbol<decltype(::getaddrinfo)>("getaddrinfo");
  auto* network = parley::test::fake_network::current().load();
  std::string name{node ? node : ""};
  constexpr std::string_view ending = ".test";
  if (!network) return real(node, service, hints, result);
  if (name.size() < ending.size() ||
      name.compare(name.size() - ending.size(), ending.size(), ending) != 0) {
    addrinfo literal{};
    if (hints) literal = *hints;
    literal.ai_flags |= AI_NUMERICHOST;
    return real(node, service, &literal, result);
  }
  // Real look-ups of literals, so that freeaddrinfo(3) finds what it expects.
  addrinfo* first = nullptr;
  for (auto& literal : network->look_up(name)) {
    addrinfo wanted{};
    if (hints) wanted = *hints;
    wanted.ai_flags = AI_NUMERICHOST;
    wanted.ai_family = AF_UNSPEC;
    addrinfo* one = nullptr;
    if (real(literal.c_str(), service, &wanted, &one) != 0) continue;
    auto** last = &first;
    while (*last) last = &(*last)->ai_next;
    *last = one;
  }
  if (!first) return EAI_NONAME;
  *result = first;
  return 0;
}

extern "C" int connect(int socket, const sockaddr* address, socklen_t size) {
  static auto* real = parley::test::next_symbol<decltype(::connect)>("connect");
  auto* network = parley::test::fake_network::current().load();
  if (network && !network->admit(address)) {
    errno = ECONNREFUSED;
    return -1;
  }
  return real(socket, address, size);
}
