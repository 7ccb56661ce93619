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

expected<void> get_users(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto page, read_page(request, "username", false));
  at.ask_admin<page_of<user>>(x, list_users{page, request.query("q").value_or("")},
                              [](const page_of<user>& found) { return page_answer(found); });
  return {};
}

expected<void> post_user(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto body, read_body<new_user_body>(request, use::in_create));
  make_user message;
  message.account = account_in(body.value);
  message.password = body.value.password;
  message.role = body.value.role;
  // Somebody else has chosen it.
  message.must_change_password = true;
  TRY(message.key, read_owned_key(at, x, request));
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
  TRY(auto patch, read_body<user_change_body>(request, use::in_patch));
  alter_account change;
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
  at.ask_admin<done>(x, drop_user{id}, [](const done&) { return empty_answer(); });
  return {};
}

}  // namespace parley::http::routes
