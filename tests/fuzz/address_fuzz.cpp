// Any text as a base URL: whatever a user's policy accepts is https to a name or a global address,
// and the URL libcurl will use names exactly the origin that was checked.
#include <curl/curl.h>

#include <cstdlib>

#include "providers/upstream_url.hpp"

using namespace parley::providers;

namespace {

std::string part(Curl_URL* url, CURLUPart which, unsigned flags) {
  char* text = nullptr;
  if (::curl_url_get(url, which, &text, flags) != CURLUE_OK) std::abort();
  std::string result{text};
  ::curl_free(text);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)allowed_network::parse(text);
  if (size == 16 || size == 4) {
    ip_address address;
    address.is_v6 = size == 16;
    std::copy(data, data + size, address.bytes.begin());
    auto is_global = kind_of(address) == address_kind::global;
    if (allows(address_policy{}, address, 443) != is_global) std::abort();
  }
  auto url = upstream_url::parse(text, address_policy{});
  if (!url) return 0;
  if (!url->is_https() || url->port() != 443) std::abort();
  auto request = url->with_path("/chat/completions");
  if (!request) return 0;
  auto host = part(request.get(), CURLUPART_HOST, 0);
  auto origin = part(request.get(), CURLUPART_SCHEME, 0) + "://" + host + ":" +
                part(request.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (origin != url->origin()) std::abort();
  auto bare = host.front() == '[' ? host.substr(1, host.size() - 2) : host;
  if (auto address = ip_address::parse(bare); address && kind_of(*address) != address_kind::global)
    std::abort();
  return 0;
}
