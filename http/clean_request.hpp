/// One whole, clean, unambiguous request, and its refusal: what the guard makes of a client's
/// bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "http/route_table.hpp"

namespace parley::http {

/// Header fields in their order. Names are in lower case, values are free of control bytes and of
/// blanks at their ends. One string holds all of them.
class header_list {
 public:
  struct field {
    std::string_view name;
    std::string_view value;
  };

  void add(std::string_view name, std::string_view value);
  size_t size() const { return places_.size(); }
  field at(size_t index) const;
  /// The first field of that name (given in lower case).
  std::optional<std::string_view> find(std::string_view name) const;

 private:
  struct place {
    uint32_t begin;
    uint16_t name_bytes;
    uint16_t value_bytes;
  };
  std::string text_;
  std::vector<place> places_;
};

/// What the request line and the header said.
struct request_head {
  method verb = method::get;
  bool is_http_1_0 = false;
  bool is_keep_alive = true;
  std::string path;   ///< as it came, still encoded; for logs, never to be matched again
  std::string query;  ///< as it came, without '?'
  /// Without those that only frame the message (Content-Length, Transfer-Encoding, Connection, TE,
  /// Expect …), Range, Accept-Encoding, REMOTE_*, LOCAL_* and all names holding '_'.
  header_list headers;
};

struct clean_request {
  request_head head;
  /// `no_route` only for OPTIONS on a path without a row of its own, and for "OPTIONS *".
  route_index route = no_route;
  /// The decoded path parameters in the order of the pattern.
  std::vector<std::string> path_values;
  /// What the path can do: the value of Allow.
  method_set methods;
  std::string body;  ///< decoded from its framing
};

/// Why a request was not handed on. The answer closes the connection, unless `is_framed`.
struct refusal {
  int status = 400;
  errc code = errc::malformed;
  std::string sentence;
  method_set allow;  ///< with 405
  /// The request was understood to its end, only its meaning was refused (404, 405): the connection
  /// may be kept if `head.is_keep_alive`.
  bool is_framed = false;
  /// As far as it was read: to know HEAD, Origin and X-Request-Id.
  request_head head;
};

/// The request as bytes again, its body with Content-Length. For tests: the guard must read from
/// them what it was given.
std::string serialise(const clean_request& request);

}  // namespace parley::http
