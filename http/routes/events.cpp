// Live changes of the caller's account.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

expected<void> get_events(edge& at, exchange& x, const parsed_request& request) {
  if (at.status().is_draining)
    return make_error(errc::unavailable, "draining", "The server is stopping.");
  TRY(auto after, read_position(request));
  at.ask_for_events(x, after);
  return {};
}

}  // namespace parley::http::routes
