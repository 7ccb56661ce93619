// Search over one's sessions and messages.
#include "chat/search_text.hpp"
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

expected<void> get_search(edge& at, exchange& x, const parsed_request& request) {
  fault_list faults;
  search_filter filter;
  filter.type = query_name<search_kind>(request, "type", faults);
  filter.session = query_id<session_id>(request, "sessionId", faults);
  filter.folder = query_id<folder_id>(request, "folderId", faults);
  filter.role = query_name<message_role>(request, "role", faults);
  filter.model = query_id<model_id>(request, "modelId", faults);
  filter.archived = query_flag(request, "archived", faults);
  filter.from = query_instant(request, "from", faults);
  filter.to = query_instant(request, "to", faults);
  auto question = request.query("q");
  if (!question)
    faults.add("/q", "required", "This field is needed.");
  else if (question->size() > search_question_bytes_max)
    faults.add("/q", "length_max", "This question is too long.",
               std::to_string(search_question_bytes_max));
  // Their order is not the client's to choose.
  TRY(auto page, read_page(request, std::span<const std::string_view>{}, true, std::move(faults)));
  at.ask_user<search_page>(x, search_own{x.who, std::move(*question), filter, page},
                           [](const search_page& found) { return record_answer(200, found); });
  return {};
}

}  // namespace parley::http::routes
