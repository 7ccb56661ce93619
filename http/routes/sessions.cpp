// Sessions and their messages.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

namespace {

session_filter read_filter(const parsed_request& request, fault_list& faults) {
  session_filter filter;
  if (request.query("folderId") == "none")
    filter.folder_id = folder_id{};
  else
    filter.folder_id = query_id<folder_id>(request, "folderId", faults);
  filter.tag = request.query("tag");
  filter.pinned = query_flag(request, "pinned", faults);
  filter.archived = query_flag(request, "archived", faults).value_or(false);
  filter.model_id = query_id<model_id>(request, "modelId", faults);
  filter.updated_after = query_instant(request, "updatedAfter", faults);
  filter.title_part = request.query("q").value_or("");
  auto sort = request.query("sort").value_or("");
  filter.order = enum_of<session_order>(std::string_view{sort}.substr(sort.starts_with('-')))
                     .value_or(session_order::updated_at);
  return filter;
}

}  // namespace

expected<void> get_sessions(edge& at, exchange& x, const parsed_request& request) {
  fault_list faults;
  auto filter = read_filter(request, faults);
  constexpr auto orders = names_of(session_order{});
  TRY(auto page, read_page(request, orders, true, std::move(faults)));
  at.ask_user<page_of<session>>(x, list_sessions{x.who, page, std::move(filter)},
                                [](const page_of<session>& found) { return page_answer(found); });
  return {};
}

expected<void> post_session(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<session>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  at.ask_user<session>(x, add_session{x.who, std::move(patch), std::move(key)},
                       [](const session& made) {
                         return created_answer(made, "/api/sessions/" + to_string(made.id));
                       });
  return {};
}

expected<void> get_session(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<session_id>(x, 0));
  at.ask_user<session>(x, parley::get_session{x.who, id},
                       [](const session& found) { return record_answer(200, found); });
  return {};
}

expected<void> patch_session(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<session>(request, use::in_patch));
  at.ask_user<session>(x, parley::patch_session{x.who, id, {std::move(patch), version}},
                       [](const session& changed) { return record_answer(200, changed); });
  return {};
}

expected<void> delete_session(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  TRY(auto version, read_if_match(request));
  at.ask_user<done>(x, remove_session{x.who, id, {version}},
                    [](const done&) { return empty_answer(); });
  return {};
}

expected<void> fork_session(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  TRY(auto body, read_body<fork_body>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  parley::fork_session fork;
  fork.leaf = body.value.message_id.value_or(message_id{});
  fork.title = std::move(body.value.title);
  fork.key = std::move(key);
  at.ask_user<session>(x, fork_own_session{x.who, id, std::move(fork)}, [](const session& made) {
    return created_answer(made, "/api/sessions/" + to_string(made.id));
  });
  return {};
}

// A field that says nothing for this action is a fault.
expected<void> change_many(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<bulk_body>(request, use::in_create));
  auto& wanted = body.value;
  fault_list faults;
  auto is_move = wanted.action == session_action::move;
  if (body.has(&bulk_body::folder_id) != is_move)
    faults.add("/folderId", is_move ? "required" : "unknown", "Belongs to the action move.");
  auto is_tag = wanted.action == session_action::tag;
  if (wanted.tags.empty() == is_tag)
    faults.add("/tags", is_tag ? "required" : "unknown", "Belongs to the action tag.");
  if (!faults.is_empty()) return std::move(faults).to_error();
  at.ask_user<bulk_result>(x, change_sessions{x.who, std::move(wanted)},
                           [](const bulk_result& result) { return record_answer(200, result); });
  return {};
}

expected<void> get_messages(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  fault_list faults;
  auto leaf = query_id<message_id>(request, "branch", faults);
  auto after = query_id<message_id>(request, "after", faults);
  TRY(auto page, read_page(request, "createdAt", true, std::move(faults)));
  at.ask_user<page_of<message>>(
      x, list_messages{x.who, id, page, leaf, after},
      [](const page_of<message>& found) { return page_answer(found, json_bytes_of(found.items)); });
  return {};
}

expected<void> get_message(edge& at, exchange& x, const parsed_request&) {
  TRY(auto session, path_id<session_id>(x, 0));
  TRY(auto id, path_id<message_id>(x, 1));
  at.ask_user<message>(x, parley::get_message{x.who, session, id},
                       [](const message& found) { return record_answer(200, found); });
  return {};
}

expected<void> patch_message(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto session, path_id<session_id>(x, 0));
  TRY(auto id, path_id<message_id>(x, 1));
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<message>(request, use::in_patch));
  at.ask_user<message>(x, change_session_message{x.who, session, {id, std::move(patch), version}},
                       [](const message& changed) { return record_answer(200, changed); });
  return {};
}

expected<void> delete_message(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto session, path_id<session_id>(x, 0));
  TRY(auto id, path_id<message_id>(x, 1));
  TRY(auto version, read_if_match(request));
  at.ask_user<done>(x, drop_session_message{x.who, session, {id, version}},
                    [](const done&) { return empty_answer(); });
  return {};
}

// -- The summary --------------------------------------------------------------------------------

expected<void> get_summary(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<session_id>(x, 0));
  at.ask_user<session_summary>(x, get_session_summary{x.who, id}, [](const session_summary& found) {
    return record_answer(200, found);
  });
  return {};
}

expected<void> put_summary(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  TRY(auto version, read_if_match(request));
  TRY(auto body, read_body<summary_body>(request, use::in_create));
  at.ask_user<session_summary>(
      x, write_session_summary{x.who, id, {std::move(body.value.text), version}},
      [](const session_summary& stored) { return record_answer(200, stored); });
  return {};
}

expected<void> delete_summary(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  TRY(auto version, read_if_match(request));
  at.ask_user<done>(x, drop_session_summary{x.who, id, {version}},
                    [](const done&) { return empty_answer(); });
  return {};
}

expected<void> post_summary(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<session_id>(x, 0));
  at.ask_user<session_summary>(
      x, make_session_summary{x.who, id, {at.provider()}},
      [](const session_summary& made) { return record_answer(200, made); });
  return {};
}

}  // namespace parley::http::routes
