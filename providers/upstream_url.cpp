#include "providers/upstream_url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>

namespace parley::providers {

namespace {

error refused(std::string sentence) {
  return make_error(errc::invalid_input, "upstream_not_allowed", std::move(sentence));
}

std::optional<std::string> part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (::curl_url_get(url, part, &text, flags) != CURLUE_OK) return std::nullopt;
  std::string result{text};
  ::curl_free(text);
  return result;
}

// Names stay ASCII: an internationalised one is given in punycode, so that it has one spelling.
bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253 || host.back() == '.' || host.front() == '.') return false;
  if (host.find("..") != host.npos) return false;
  // A last label that is a number is a broken IPv4 address (WHATWG URL, "ends in a number").
  auto last = host.substr(host.rfind('.') + 1);
  if (last.substr(0, 2) == "0x" || last.find_first_not_of("0123456789") == last.npos) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  });
}

/// Refuses before any parser sees it what parsers are known to disagree about.
expected<void> check_spelling(std::string_view text) {
  if (text.empty()) return refused("The base URL is empty.");
  if (text.size() > url_bytes_max) return refused("The base URL is too long.");
  auto is_odd = [](char c) { return c < 0x21 || c > 0x7e || c == '\\' || c == '#'; };
  if (std::any_of(text.begin(), text.end(), is_odd))
    return refused("The base URL holds a character that is not allowed.");
  auto authority_at = text.find("://");
  if (authority_at == text.npos) return refused("The base URL must begin with https://.");
  auto authority = text.substr(authority_at + 3);
  authority = authority.substr(0, authority.find_first_of("/?"));
  if (authority.empty()) return refused("The base URL names no host.");
  if (authority.find_first_of("@%") != authority.npos)
    return refused("The base URL must not hold a user name or an escaped host.");
  return caf::unit;
}

}  // namespace

void url_deleter::operator()(Curl_URL* url) const {
  ::curl_url_cleanup(url);
}

expected<upstream_url> upstream_url::parse(std::string_view text, const address_policy& policy) {
  TRY_DONE(check_spelling(text));
  url_handle url{::curl_url()};
  if (!url) return make_error(errc::internal);
  auto code = ::curl_url_set(url.get(), CURLUPART_URL, std::string{text}.c_str(),
                             CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK) return refused("The base URL is not well-formed.");
  auto scheme = part_of(url.get(), CURLUPART_SCHEME);
  auto host = part_of(url.get(), CURLUPART_HOST);
  auto path = part_of(url.get(), CURLUPART_PATH);
  if (!scheme || !host || !path) return refused("The base URL names no host.");
  upstream_url result;
  result.is_https_ = *scheme == "https";
  if (!result.is_https_ && !(*scheme == "http" && policy.owner == model_owner::admin))
    return refused("The base URL must begin with https://.");
  std::transform(host->begin(), host->end(), host->begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  auto port = part_of(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  auto number = port ? std::strtoul(port->c_str(), nullptr, 10) : 0;
  if (number > 65535 || !allows_port(policy, static_cast<uint16_t>(number)))
    return refused("This port is not allowed.");
  result.port_ = static_cast<uint16_t>(number);
  auto is_bracketed = host->front() == '[' && host->back() == ']';
  auto literal = ip_address::parse(is_bracketed ? host->substr(1, host->size() - 2) : *host);
  result.is_literal_ = literal.has_value();
  if (literal) {
    if (literal->is_v6 != is_bracketed) return refused("The base URL is not well-formed.");
    if (!allows(policy, *literal, result.port_)) return refused("This address is not allowed.");
    *host = is_bracketed ? "[" + to_string(*literal) + "]" : to_string(*literal);
  } else if (!is_host_name(*host)) {
    return refused("The host of the base URL is not well-formed.");
  }
  // What libcurl resolves is the spelling that was checked.
  if (::curl_url_set(url.get(), CURLUPART_HOST, host->c_str(), 0) != CURLUE_OK)
    return refused("The host of the base URL is not well-formed.");
  while (!path->empty() && path->back() == '/') path->pop_back();
  result.path_ = std::move(*path);
  result.origin_ = *scheme + "://" + *host + ":" + std::to_string(result.port_);
  result.host_ = std::move(*host);
  result.url_ = std::move(url);
  return result;
}

url_handle upstream_url::with_path(std::string_view suffix) const {
  url_handle copy{::curl_url_dup(url_.get())};
  if (!copy) return nullptr;
  auto query_at = std::min(suffix.find('?'), suffix.size());
  auto path = path_;
  if (suffix.empty() || suffix.front() != '/') path += '/';
  path += suffix.substr(0, query_at);
  if (::curl_url_set(copy.get(), CURLUPART_PATH, path.c_str(), 0) != CURLUE_OK) return nullptr;
  if (query_at == suffix.size()) return copy;
  std::string query{suffix.substr(query_at + 1)};
  auto code = ::curl_url_set(copy.get(), CURLUPART_QUERY, query.c_str(), CURLU_APPENDQUERY);
  return code == CURLUE_OK ? std::move(copy) : nullptr;
}

expected<std::string> origin_of(std::string_view base_url) {
  address_policy policy;
  policy.owner = model_owner::admin;
  TRY(auto url, upstream_url::parse(base_url, policy));
  return url.origin();
}

}  // namespace parley::providers
