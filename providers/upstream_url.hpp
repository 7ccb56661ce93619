/// A provider's base URL, parsed once: what is checked is what libcurl uses (one parser, no
/// difference between two to exploit; docs/reliability.md, row SSRF).
///
/// Immutable after parsing, any thread. Fails with invalid_input / upstream_not_allowed; the
/// sentence never tells what a host answered.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "providers/address_guard.hpp"

struct Curl_URL;

namespace parley::providers {

struct url_deleter {
  void operator()(Curl_URL* url) const;
};
using url_handle = std::unique_ptr<Curl_URL, url_deleter>;

constexpr size_t url_bytes_max = 2048;

class upstream_url {
 public:
  /// https only; http for models made by an admin. A literal address must be allowed as well, so
  /// that whoever types it is told at once.
  static expected<upstream_url> parse(std::string_view text, const address_policy& policy);

  /// "https://api.example.com:443": what a stored API key is bound to.
  const std::string& origin() const { return origin_; }
  /// Lower case; IPv6 in brackets.
  const std::string& host() const { return host_; }
  uint16_t port() const { return port_; }
  bool is_https() const { return is_https_; }
  /// The host is an address, so that no look-up is needed.
  bool is_literal() const { return is_literal_; }

  /// A copy whose path is this one's with "/suffix" behind it; the suffix's "?query" follows a
  /// query this one has. Null only without memory.
  url_handle with_path(std::string_view suffix) const;

 private:
  upstream_url() = default;

  std::shared_ptr<Curl_URL> url_;  // shared by copies; only ever read after parsing
  std::string path_;
  std::string origin_;
  std::string host_;
  uint16_t port_ = 0;
  bool is_https_ = false;
  bool is_literal_ = false;
};

/// The origin alone, by the rules for admins: for comparing two base URLs.
expected<std::string> origin_of(std::string_view base_url);

}  // namespace parley::providers
