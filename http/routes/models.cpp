// Model configurations.
#include "http/edge.hpp"
#include "http/routes/routes.hpp"

namespace parley::http::routes {

namespace {

bool is_admin(const exchange& x) {
  return x.role == name_of(role::admin);
}

answer made(const model_config& model) {
  return created_answer(model, "/api/models/" + to_string(model.id));
}

}  // namespace

expected<void> get_models(edge& at, exchange& x, const parsed_request&) {
  at.ask_user<model_list>(x, list_models{x.who},
                          [](const model_list& list) { return list_answer(list.items); });
  return {};
}

expected<void> post_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<model_config>(request, use::in_create));
  TRY(auto key, at.read_key(x, request));
  at.ask_user<model_config>(x, add_model{x.who, std::move(patch), std::move(key)}, made);
  return {};
}

expected<void> post_system_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto patch, read_body<model_config>(request, use::in_create));
  TRY(auto key, read_owned_key(at, x, request));
  at.ask_admin<model_config>(x, add_system_model{std::move(patch), std::move(key)}, made);
  return {};
}

expected<void> get_model(edge& at, exchange& x, const parsed_request&) {
  TRY(auto id, path_id<model_id>(x, 0));
  at.ask_user<model_config>(x, parley::get_model{x.who, id},
                            [](const model_config& model) { return record_answer(200, model); });
  return {};
}

expected<void> patch_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<model_id>(x, 0));
  TRY(auto version, read_if_match(request));
  TRY(auto patch, read_body<model_config>(request, use::in_patch));
  auto render = [](const model_config& model) { return record_answer(200, model); };
  change_model own{x.who, id, patch, version};
  // An ADMIN's id may be that of a system model or of one of their own.
  if (is_admin(x))
    at.ask_admin_or_user<model_config>(x, change_system_model{id, patch, version}, own, render);
  else
    at.ask_user<model_config>(x, own, render);
  return {};
}

expected<void> delete_model(edge& at, exchange& x, const parsed_request& request) {
  TRY(auto id, path_id<model_id>(x, 0));
  TRY(auto version, read_if_match(request));
  auto render = [](const done&) { return empty_answer(); };
  drop_model own{x.who, id, version};
  if (is_admin(x))
    at.ask_admin_or_user<done>(x, drop_system_model{id, version}, own, render);
  else
    at.ask_user<done>(x, own, render);
  return {};
}

}  // namespace parley::http::routes
