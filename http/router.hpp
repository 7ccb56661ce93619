/// THE table: method, path, role, body limit, rate class, handler of every route.
#pragma once

#include "base/settings.hpp"
#include "http/exchange.hpp"

namespace parley::http {

class edge;

/// Of an upload (api.md).
inline constexpr size_t piece_bytes_max = 8_MiB;

/// Reads the request and answers now (edge::answer) or asks an actor; runs on the edge's thread.
/// An error it returns is the answer.
using route_handler = expected<void> (*)(edge& at, exchange& x, const parsed_request& request);

struct route {
  route_row row;
  route_handler handle = nullptr;
};

/// The rows, in the order of api.md; body limits come from the settings.
std::vector<route> make_routes(const settings& values);

/// The rows as the guard needs them, and their handlers. Read-only, any thread.
class router {
 public:
  static expected<router> make(const settings& values);

  const route_table& table() const { return table_; }
  route_handler handler(route_index route) const { return handlers_[route]; }

 private:
  router(route_table table, std::vector<route_handler> handlers)
      : table_(std::move(table)), handlers_(std::move(handlers)) {}

  route_table table_;
  std::vector<route_handler> handlers_;
};

}  // namespace parley::http
