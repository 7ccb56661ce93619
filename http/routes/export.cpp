// Chats as files.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

expected<void> export_session(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  auto format = enum_of<transcript_format>(request.query("format").value_or("json"));
  if (!format) {
    fault_list faults;
    faults.add("/format", "one_of", "Must be json, md or txt.", R"(["json","md","txt"])");
    return std::move(faults).to_error();
  }
  at.ask_for_transcript(x, id, *format);
  return {};
}

}  // namespace parley::http::routes
