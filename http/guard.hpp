/// Strict request framing (edge.md "The guard"): of a client's bytes only a whole, clean,
/// unambiguous request gets past it, matched against THE table on its raw path.
///
/// Owned by a connection of the reactor, on its thread; knows neither sockets nor clocks (deadlines
/// are the reactor's, by `at`). Fails with a refusal, a value; any split of the input gives the
/// same result.
#pragma once

#include <optional>
#include <string_view>

#include "http/chunked.hpp"
#include "http/guard_head.hpp"
#include "http/route_table.hpp"

namespace parley::http {

class guard {
 public:
  enum class phase : uint8_t {
    idle,      ///< not a byte yet
    head,      ///< in the request line or the header
    body,      ///< the head is accepted, the body is not whole
    complete,  ///< take_request
    refused,   ///< take_refusal; nothing more is read
  };

  /// Both must outlive the guard.
  guard(const route_table& routes, const guard_limits& limits)
      : routes_(&routes), limits_(&limits), head_(limits) {}

  /// Takes bytes from `input`, shortening it, until the request is complete or refused; what is
  /// left belongs to the next request.
  phase feed(std::string_view& input);
  phase at() const { return phase_; }

  /// The guard is idle again afterwards.
  clean_request take_request();
  refusal take_refusal() { return std::move(refusal_); }

  /// While in the body: how many more bytes are certain to come.
  size_t bytes_wanted() const;
  /// The body's size if it is known, else what has come of it (chunked).
  size_t body_bytes() const;
  size_t body_bytes_received() const { return request_.body.size(); }
  /// True once, if the client waits for "100 Continue" before it sends the body.
  bool take_continue();

 private:
  void accept_head();
  void match();
  void check_body();
  void refuse(int http_status, errc code, std::string_view sentence);
  void feed_body(std::string_view& input);
  bool has_body() const { return head_.is_chunked() || head_.content_length() > 0; }

  const route_table* routes_;
  const guard_limits* limits_;
  head_reader head_;
  phase phase_ = phase::idle;
  bool is_continue_wanted_ = false;
  clean_request request_;
  refusal refusal_;
  std::optional<chunked_decoder> chunks_;
};

}  // namespace parley::http
