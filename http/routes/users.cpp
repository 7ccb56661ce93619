// One's own account, and everybody's for an ADMIN.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"
#include "schema/requests.hpp"

namespace parley::http::routes {

expected<void> get_me(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<user>(x, get_account{x.who}, [](const user& me) { return record_answer(200, me); });
  return {};
}

expected<void> patch_me(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<user>(request, use::in_patch));
  at.ask_user<user>(x, change_account{x.who, std::move(patch), version},
                    [](const user& me) { return record_answer(200, me); });
  return {};
}

expected<void> delete_me(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<done>(x, leave{x.who}, [](const done&) { return empty_answer(); });
  return {};
}

namespace {

template <named_enum Enum>
std::optional<Enum> query_choice(const parsed_request& request, const char* name,
                                 fault_list& faults) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  auto value = enum_of<Enum>(*text);
  if (!value) faults.add(std::string{"/"} + name, "one_of", "There is no such choice.");
  return value;
}

/// A code is shown once, to be handed over; it is gone for a request that is repeated.
void write_code(json_writer& json, const reset_ticket& made) {
  if (made.code.empty()) return;
  json.member("resetCode", made.code.reveal());
  json.member("resetExpiresAt", to_string(made.expires_at));
}

answer enrolled(const reset_ticket& made) {
  auto result = created_answer(made.account, "/api/users/" + to_string(made.account.id));
  if (made.code.empty()) return result;
  // Behind the account's own members.
  std::string more;
  json_writer json{more};
  json.begin_object();
  write_code(json, made);
  json.end_object();
  result.body.back() = ',';
  result.body.append(more, 1);
  return result;
}

}  // namespace

expected<void> get_users(edge& at, exchange& x, const parsed_request& request) {
  fault_list faults;
  list_users wanted;
  wanted.search = request.query("q").value_or("");
  wanted.role = query_choice<role>(request, "role", faults);
  wanted.status = query_choice<user_status>(request, "status", faults);
  constexpr auto orders = names_of(user_order{});
  TRY(wanted.page, read_page(request, orders, false, std::move(faults)));
  auto sort = request.query("sort").value_or("");
  wanted.order = enum_of<user_order>(std::string_view{sort}.substr(sort.starts_with('-')))
                     .value_or(user_order::username);
  at.ask_admin<page_of<user>>(x, std::move(wanted),
                              [](const page_of<user>& found) { return page_answer(found); });
  return {};
}

expected<void> post_user(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<new_user_body>(request, use::in_create));
  TRY(auto key, read_owned_key(at, x, request));
  if (!body.value.password) {
    at.ask_admin<reset_ticket>(
        x, enrol_user{account_in(body.value), body.value.role, std::move(key), x.who}, enrolled);
    return {};
  }
  make_user message;
  message.account = account_in(body.value);
  message.password = *body.value.password;
  message.role = body.value.role;
  // Somebody else has chosen it.
  message.must_change_password = true;
  message.key = std::move(key);
  message.by = x.who;
  at.ask_admin<user>(x, std::move(message), [](const user& made) {
    return created_answer(made, "/api/users/" + to_string(made.id));
  });
  return {};
}

expected<void> get_user(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<user_id>(x, 0));
  at.ask_admin<user>(x, parley::get_user{id},
                     [](const user& found) { return record_answer(200, found); });
  return {};
}

expected<void> patch_user(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<user_id>(x, 0));
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<user_change_body>(request, use::in_patch));
  alter_account change;
  change.labels = patch.value.labels;
  change.if_version = version;
  change.by = x.who;
  change.role = patch.value.role;
  if (patch.value.status)
    change.status =
        *patch.value.status == wanted_status::active ? user_status::active : user_status::disabled;
  at.ask_admin<user>(x, change_user{id, change},
                     [](const user& changed) { return record_answer(200, changed); });
  return {};
}

expected<void> delete_user(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<user_id>(x, 0));
  at.ask_admin<done>(x, drop_user{id, x.who}, [](const done&) { return empty_answer(); });
  return {};
}

expected<void> post_reset_code(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<user_id>(x, 0));
  at.ask_admin<reset_ticket>(x, issue_reset_code{id, x.who}, [](const reset_ticket& made) {
    std::string body;
    json_writer json{body};
    json.begin_object();
    write_code(json, made);
    json.end_object();
    return json_answer(200, std::move(body));
  });
  return {};
}

// -- Invitations --------------------------------------------------------------------------------

expected<void> get_invitations(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto page, read_page(request, "createdAt", true));
  at.ask_admin<page_of<invitation>>(
      x, list_invitations{page},
      [](const page_of<invitation>& found) { return page_answer(found); });
  return {};
}

expected<void> post_invitation(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<new_invitation_body>(request, use::in_create));
  TRY(auto key, read_owned_key(at, x, request));
  at.ask_admin<made_invitation>(x, add_invitation{std::move(body.value), std::move(key), x.who},
                                [](const made_invitation& made) {
                                  std::string text;
                                  json_writer json{text};
                                  json.begin_object().key("invitation");
                                  write_json(json, made.made);
                                  if (!made.code.empty()) json.member("code", made.code.reveal());
                                  json.end_object();
                                  auto result = json_answer(201, std::move(text));
                                  result.headers.emplace_back(
                                      "Location",
                                      "/api/users/invitations/" + to_string(made.made.id));
                                  return result;
                                });
  return {};
}

expected<void> get_invitation(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<invitation_id>(x, 0));
  at.ask_admin<invitation>(x, parley::get_invitation{id},
                           [](const invitation& found) { return record_answer(200, found); });
  return {};
}

expected<void> delete_invitation(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<invitation_id>(x, 0));
  at.ask_admin<done>(x, drop_invitation{id, x.who}, [](const done&) { return empty_answer(); });
  return {};
}

}  // namespace parley::http::routes
