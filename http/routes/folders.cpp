// Folders for sessions.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

expected<void> get_folders(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<folder_list>(x, list_folders{x.who},
                           [](const folder_list& found) { return list_answer(found.items); });
  return {};
}

expected<void> post_folder(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<folder>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  at.ask_user<folder>(x, add_folder{x.who, std::move(patch), std::move(key)},
                      [](const folder& made) {
                        return created_answer(made, "/api/folders/" + to_string(made.id));
                      });
  return {};
}

expected<void> get_folder(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<folder_id>(x, 0));
  at.ask_user<folder>(x, parley::get_folder{x.who, id},
                      [](const folder& found) { return record_answer(200, found); });
  return {};
}

expected<void> patch_folder(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<folder_id>(x, 0));
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<folder>(request, use::in_patch));
  at.ask_user<folder>(x, change_folder{x.who, id, std::move(patch), version},
                      [](const folder& changed) { return record_answer(200, changed); });
  return {};
}

expected<void> delete_folder(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<folder_id>(x, 0));
  TRY(auto version, read_if_match(request));
  at.ask_user<done>(x, drop_folder{x.who, id, version}, [](const done&) { return empty_answer(); });
  return {};
}

}  // namespace parley::http::routes
