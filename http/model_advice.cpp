#include "http/model_advice.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace parley::http {

namespace {

std::string_view host_of(std::string_view url) {
  auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (url.starts_with('[')) return url.substr(0, url.find(']') + 1);
  return url.substr(0, url.find(':'));
}

bool is_this_machine(std::string_view url) {
  auto host = host_of(url);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

struct known_advice {
  std::string_view reason;
  std::string_view sentence;
};

constexpr std::array known = {
    known_advice{"upstream_auth", "Check the API key; it may be missing, wrong or revoked."},
    known_advice{
        "upstream_not_found",
        "Check the model's id and the base URL; discovery lists what the provider offers."},
    known_advice{"model_unknown", "Discovery lists the models that the provider offers."},
    known_advice{"upstream_quota", "The account at the provider has no credit left."},
    known_advice{"upstream_rate_limited", "The provider asks for patience; try again later."},
    known_advice{"upstream_overloaded", "The provider asks for patience; try again later."},
    known_advice{"upstream_timeout",
                 "It may be loading the model, or a firewall drops the connection; try again."},
    known_advice{"upstream_tls",
                 "Its certificate is not trusted here; caCertificates can name the authority."},
    known_advice{"upstream_redirect", "Use the address that it redirects to as base URL."},
    known_advice{"upstream_not_allowed",
                 "An ADMIN can allow addresses with the setting upstream_allow."},
    known_advice{"upstream_broken",
                 "What answers there does not speak this provider's format; check base URL and "
                 "provider."},
    known_advice{"key_unreadable", "Type the API key again."},
};

}  // namespace

std::string advice_on(const error& cause, const model_config& model, bool is_contained) {
  auto reason = detail_of(cause).reason;
  if (reason == "upstream_unreachable" && is_this_machine(model.base_url))
    return is_contained ? "This server runs in a container, where localhost is the container "
                          "itself: use host.docker.internal or the machine's own address."
                        : "Nothing listens there: is the model server running, and on this port?";
  if (reason == "upstream_unreachable")
    return "Check host name and port of the base URL, and that this server may reach them.";
  auto found = std::find_if(known.begin(), known.end(),
                            [&](const known_advice& one) { return one.reason == reason; });
  return found == known.end() ? std::string{} : std::string{found->sentence};
}

bool is_in_container() {
  std::error_code fault;
  return std::filesystem::exists("/.dockerenv", fault) ||
         std::filesystem::exists("/run/.containerenv", fault);
}

}  // namespace parley::http
