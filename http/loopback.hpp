/// What mode `single` admits: requests of this machine, for this machine. Pure, any thread.
///
/// A page of another site can make a browser of this machine send requests here, also by a name of
/// its own that leads to 127.0.0.1 (DNS rebinding); then Host and Origin name that site.
#pragma once

#include "http/clean_request.hpp"
#include "http/peer_address.hpp"

namespace parley::http {

bool is_loopback(const peer_address& address);
/// "localhost", 127.0.0.0/8 or [::1], with or without a port.
bool is_loopback_host(std::string_view host);
/// The same of "http://host:port"; "null" is none.
bool is_loopback_origin(std::string_view origin);

/// errc::forbidden, reason `loopback_only`, unless peer, Host and Origin are of this machine and no
/// proxy says that it speaks for another one.
expected<void> check_loopback(const request_head& head, const peer_address& peer);

}  // namespace parley::http
