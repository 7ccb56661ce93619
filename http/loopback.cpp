#include "http/loopback.hpp"

namespace parley::http {

bool is_loopback(const peer_address& address) {
  static const auto v4 = *address_range::parse("127.0.0.0/8");
  static const auto v6 = *address_range::parse("::1");
  return v4.has(address) || v6.has(address);
}

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) {
    auto end = host.find(']');
    if (end == host.npos) return false;
    auto address = peer_address::parse(host.substr(1, end - 1));
    return address && is_loopback(*address) && (end + 1 == host.size() || host[end + 1] == ':');
  }
  auto name = std::string{host.substr(0, host.find(':'))};
  for (auto& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (name == "localhost") return true;
  auto address = peer_address::parse(name);
  return address && is_loopback(*address);
}

bool is_loopback_origin(std::string_view origin) {
  for (std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return is_loopback_host(origin.substr(scheme.size()));
  return false;
}

expected<void> check_loopback(const request_head& head, const peer_address& peer) {
  auto refused = [](std::string sentence) {
    return make_error(errc::forbidden, "loopback_only", std::move(sentence));
  };
  if (!is_loopback(peer)) return refused("This server serves its own machine only.");
  const auto& headers = head.headers;
  auto host = headers.find("host");
  if (!host || !is_loopback_host(*host))
    return refused("This server serves its own machine only: ask it as localhost.");
  if (auto origin = headers.find("origin"); origin && !is_loopback_origin(*origin))
    return refused("Pages of other sites may not use this server.");
  for (auto header : {"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})
    if (headers.find(header))
      return refused("Behind a proxy the server needs mode = \"multi\", with passwords.");
  return {};
}

}  // namespace parley::http
