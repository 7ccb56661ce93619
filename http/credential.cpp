#include "http/credential.hpp"

namespace parley::http {

std::optional<std::string> read_credential(const parsed_request& request, const route_row& row) {
  if (row.pattern.starts_with("/v1/"))
    if (auto key = request.header("x-api-key"); key && !key->empty()) return key;
  auto header = request.header("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (!header || !header->starts_with(scheme)) return std::nullopt;
  return header->substr(scheme.size());
}

}  // namespace parley::http
