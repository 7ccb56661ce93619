/// What the edge must know of a route before a byte of its body is read, and the match of a raw
/// path.
///
/// Built once at start from the rows of THE table (http/router); read-only afterwards, so any
/// thread may use it. Matching is by path segments: no regular expressions, nothing is normalised,
/// so what is checked as one route can't be served as another. Rows that contradict each other are
/// an error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "http/method.hpp"

namespace parley::http {

/// Who may call. The edge refuses on the token alone; only USER admits.
enum class caller_role : uint8_t { anyone, user, admin };

enum class body_mode : uint8_t {
  none,      ///< a body is refused (413)
  buffered,  ///< collected in memory up to `body_bytes_max`
};

/// Which bucket of the rate limiter a call takes from; http/limits gives them sizes.
enum class rate_class : uint8_t { none, read, write, login, chat, upload };

/// One row. The pattern and `accepts` must live as long as the table (literals do).
struct route_row {
  method verb = method::get;
  /// "/api/sessions/{id}": a segment is a literal or one parameter.
  std::string_view pattern = {};
  caller_role min_role = caller_role::admin;
  body_mode body = body_mode::none;
  size_t body_bytes_max = 0;
  rate_class rate = rate_class::read;
  /// The media type a body must have ("application/json"); empty: any (or no body).
  std::string_view accepts = {};
};

/// The place of a row in what the table was built from; the router keeps its handlers in that
/// order.
using route_index = uint16_t;
constexpr route_index no_route = UINT16_MAX;

struct route_match {
  enum class outcome : uint8_t {
    found,         ///< `route`, `values` and `methods` are set
    wrong_method,  ///< the path exists for `methods` only
    unknown_path,
    malformed_path,  ///< a segment that no resource can have: answer 400
  };
  outcome result = outcome::unknown_path;
  route_index route = no_route;
  /// The decoded parameters in the order of the pattern.
  std::vector<std::string> values;
  /// What the path can do: with GET goes HEAD, with anything goes OPTIONS.
  method_set methods;
};

class route_table {
 public:
  /// Refuses bad patterns, two rows for one method and path, a body limit without a body.
  static expected<route_table> make(std::vector<route_row> rows);
  route_table(route_table&&) noexcept;
  route_table& operator=(route_table&&) noexcept;
  ~route_table();

  /// `raw_path` begins with '/' and is still percent-encoded; each segment is decoded once. HEAD is
  /// served by GET's row unless it has its own. OPTIONS without a row of its own is found on every
  /// known path, with `route` being `no_route`.
  route_match match(method verb, std::string_view raw_path) const;

  const route_row& row(route_index route) const { return rows_[route]; }
  size_t size() const { return rows_.size(); }
  /// Where parameter `name` stands in route_match::values; -1 if the pattern does not have it.
  int parameter_index(route_index route, std::string_view name) const;

 private:
  struct node;
  route_table();
  expected<void> add(route_index route);

  std::vector<route_row> rows_;
  std::unique_ptr<node> root_;
};

/// Splits at '/', decodes each segment once. Malformed: a bad escape, a segment that holds '/',
/// '\', a control byte or bad UTF-8 once decoded, and "." or "..", which others would resolve.
expected<std::vector<std::string>> split_path(std::string_view raw_path);

}  // namespace parley::http
