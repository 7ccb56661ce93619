/// Who the client is when proxies stand between, and what its request is called in logs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/peer_address.hpp"

namespace parley::http {

/// The client's address. X-Forwarded-For counts only from trusted proxies and is read from the
/// right: the first address that is no trusted proxy is the client.
peer_address client_address(const peer_address& peer, std::optional<std::string_view> forwarded_for,
                            const std::vector<address_range>& trusted);

/// The client's own X-Request-Id if it matches [A-Za-z0-9._-]{1,64}, else a new one.
std::string request_id_of(std::optional<std::string_view> given);

}  // namespace parley::http
