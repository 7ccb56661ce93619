#include "http/forwarded.hpp"

#include <algorithm>

#include "base/ids.hpp"

namespace parley::http {

peer_address client_address(const peer_address& peer, std::optional<std::string_view> forwarded_for,
                            const std::vector<address_range>& trusted) {
  auto client = peer;
  auto rest = forwarded_for.value_or("");
  while (!rest.empty() && is_in_any(trusted, client)) {
    auto comma = rest.rfind(',');
    auto hop = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
    while (hop.starts_with(' ')) hop.remove_prefix(1);
    while (hop.ends_with(' ')) hop.remove_suffix(1);
    auto address = peer_address::parse(hop);
    if (!address) break;  // what stands left of it is anybody's word
    client = *address;
  }
  return client;
}

std::string request_id_of(std::optional<std::string_view> given) {
  constexpr size_t length_max = 64;
  auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (given && !given->empty() && given->size() <= length_max &&
      std::all_of(given->begin(), given->end(), is_allowed))
    return std::string{*given};
  return uuid_text(make_uuid());
}

}  // namespace parley::http
