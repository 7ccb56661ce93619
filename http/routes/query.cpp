// Parameters of queries that several resources have.
#include "http/routes/routes.hpp"

namespace parley::http::routes {

std::optional<bool> query_flag(const parsed_request& request, const char* name,
                               fault_list& faults) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false")
    faults.add(std::string{"/"} + name, "type", "Must be true or false.", "\"boolean\"");
  return *text == "true";
}

std::optional<instant> query_instant(const parsed_request& request, const char* name,
                                     fault_list& faults) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  auto at = parse_instant(*text);
  if (!at) faults.add(std::string{"/"} + name, "instant", "Must be an RFC 3339 date-time.");
  return at;
}

}  // namespace parley::http::routes
