/// Calls to model providers: a libcurl multi handle on an io_loop, thousands of calls on one
/// thread.
///
/// Owned by the loop's PROVIDER actor; everything runs on the loop's thread. A call ends with
/// exactly one `on_end`, or silently by `cancel`; no callback comes after either, and none from
/// inside `start`. Addresses are checked at each connect and before each request
/// (address_guard.hpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/io_loop.hpp"
#include "base/secret.hpp"
#include "providers/upstream_url.hpp"

namespace parley::providers {

/// Names one call; never reused. 0 is "none".
using upstream_call_id = uint64_t;

struct upstream_limits {
  uint32_t connect_ms = 5'000;      ///< look-up, TCP and TLS together
  uint32_t first_byte_ms = 60'000;  ///< since the start, or since the last piece of the body sent
  uint32_t idle_ms = 60'000;        ///< between two reads of a reply
  uint32_t total_ms = 30 * 60'000;  ///< a whole call: comment lines must not hold one for ever
  uint32_t drain_ms = 1'000;        ///< for the end of a response whose content is complete
  uint64_t response_bytes_max = 64 << 20;  ///< on the wire; the text in it has its own limit
  size_t head_bytes_max = 64 << 10;
  size_t calls_max = 10'000;  ///< running and waiting
  /// That are waited for. Each is a thread of libcurl's resolver, which outlives a call that is
  /// given up for as long as resolv.conf lets it.
  size_t lookups_max = 64;
  size_t lookups_per_host_max = 16;  ///< so that one host that hangs does not stop the others
  size_t idle_connections_max = 256;
  size_t idle_handles_max = 256;
};

/// The proxy that an ADMIN set. What it resolves and connects to is its own business.
struct upstream_proxy {
  std::string url;    ///< "http://proxy.example.org:3128"
  secret_text login;  ///< "user:password", or nothing
};

struct upstream_request {
  upstream_url base;
  std::string path;                         ///< behind the base's path
  std::vector<std::string> headers;         ///< "Name: value", printable ASCII; never from a client
  secret_text auth_header;                  ///< the whole line; wiped with the first response byte
  std::shared_ptr<const std::string> body;  ///< shared with who may have to send it again
  std::shared_ptr<const address_policy> policy;             ///< one for all calls of its kind
  std::shared_ptr<const std::string> ca_certificates = {};  ///< PEM; none: the system's
  std::shared_ptr<const upstream_proxy> proxy = {};         ///< none: the host itself is called
};

struct response_head {
  int status = 0;
  std::string content_type;    ///< lower case, without parameters
  uint32_t retry_after_s = 0;  ///< 0: none given
};

struct upstream_end {
  error fault;            ///< none: the response is whole
  bool was_sent = false;  ///< the provider may have seen the request
};

class upstream_listener {
 public:
  virtual ~upstream_listener() = default;
  virtual void on_head(upstream_call_id id, const response_head& head) = 0;
  /// What one round of reading brought; the view is valid during the call only.
  virtual void on_bytes(upstream_call_id id, std::string_view bytes) = 0;
  virtual void on_end(upstream_call_id id, const upstream_end& end) = 0;
};

class upstream {
 public:
  /// The loop must outlive it; destruction (on the loop's thread) closes all calls without
  /// callbacks.
  explicit upstream(io_loop& loop, upstream_limits limits = {});
  ~upstream();
  upstream(const upstream&) = delete;
  upstream& operator=(const upstream&) = delete;

  /// `listener` must outlive the call. Fails with unavailable beyond `calls_max`.
  expected<upstream_call_id> start(upstream_request request, upstream_listener& listener);
  /// Closes the socket at once; unknown ids are ignored.
  void cancel(upstream_call_id id);
  /// Reads nothing more of the response until it goes on, so that the provider has to wait: not
  /// `idle_ms`, but as long as `total_ms` allows. Only before a response's head and on HTTP/2
  /// nothing changes: there a stream that stands still holds up all others of its connection.
  void pause(upstream_call_id id, bool is_paused);
  /// No callbacks any more: the content is complete, and what is left of the response is read for
  /// `drain_ms` so that the connection can serve the next call.
  void drain(upstream_call_id id);

  size_t calls() const;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace parley::providers
