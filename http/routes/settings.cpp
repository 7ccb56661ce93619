// Personal and system settings.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

expected<void> get_settings(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<user_settings>(x, parley::get_settings{x.who},
                             [](const user_settings& mine) { return record_answer(200, mine); });
  return {};
}

expected<void> patch_settings(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<user_settings>(request, use::in_patch));
  at.ask_user<user_settings>(x, change_settings{x.who, std::move(patch)},
                             [](const user_settings& mine) { return record_answer(200, mine); });
  return {};
}

expected<void> get_system_settings(edge& at, exchange& x, const parsed_request&) {
  at.ask_admin<system_settings>(
      x, get_system{}, [](const system_settings& known) { return record_answer(200, known); });
  return {};
}

expected<void> patch_system_settings(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<system_settings>(request, use::in_patch));
  at.ask_admin<system_settings>(
      x, change_system{std::move(patch), version, x.who},
      [](const system_settings& changed) { return record_answer(200, changed); });
  return {};
}

}  // namespace parley::http::routes
