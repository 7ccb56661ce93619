#include "actors/channel_reports.hpp"

#include <algorithm>

namespace parley {

std::string origin_in(std::string_view base_url) {
  auto scheme = base_url.substr(0, base_url.find("://"));
  auto place = base_url.substr(std::min(base_url.size(), scheme.size() + 3));
  place = place.substr(0, place.find_first_of("/?#"));
  // The colons of an IPv6 address stand within brackets.
  auto has_port =
      place.find(':', place.rfind(']') == place.npos ? 0 : place.rfind(']')) != place.npos;
  std::string origin{scheme};
  origin.append("://").append(place);
  std::transform(origin.begin(), origin.end(), origin.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  if (!has_port) origin += origin.starts_with("https") ? ":443" : ":80";
  return origin;
}

const channel_report* find_report(const channel_reports& all, model_id model,
                                  std::string_view channel, const std::string& base_url) {
  auto origin = origin_in(base_url);
  auto found = std::find_if(all.items.begin(), all.items.end(), [&](const channel_report& one) {
    return one.model == model && one.channel == channel && one.origin == origin;
  });
  return found == all.items.end() ? nullptr : &*found;
}

}  // namespace parley
