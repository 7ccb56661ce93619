// Sessions and their messages.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

namespace {

template <class Id>
std::optional<Id> query_id(const parsed_request& request, const char* name, fault_list& faults) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  auto id = Id::parse(*text);
  if (!id) faults.add(std::string{"/"} + name, "id", "This is not an id.");
  return id;
}

}  // namespace

expected<void> get_sessions(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto page, read_page(request, "updatedAt", true));
  at.ask_user<page_of<session>>(x, list_sessions{x.who, page},
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

expected<void> get_messages(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<session_id>(x, 0));
  fault_list faults;
  auto leaf = query_id<message_id>(request, "branch", faults);
  auto after = query_id<message_id>(request, "after", faults);
  TRY(auto page, read_page(request, "createdAt", true, std::move(faults)));
  at.ask_user<page_of<message>>(x, list_messages{x.who, id, page, leaf, after},
                                [](const page_of<message>& found) { return page_answer(found); });
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
