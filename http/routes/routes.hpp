/// Handlers of http/router's table, by resource. See route_handler for what a handler is.
#pragma once

#include "http/edge.hpp"
#include "http/router.hpp"
#include "schema/user.hpp"

namespace parley::http::routes {

/// What a body says of the account it is to make.
template <class Body>
patch_of<user> account_in(const Body& body) {
  patch_of<user> account;
  account.set(&user::username, body.username);
  account.set(&user::display_name, body.display_name);
  account.set(&user::email, body.email);
  return account;
}

/// edge::read_key for what ADMIN makes: the key is the caller's.
inline expected<std::optional<owned_key>> read_owned_key(const edge& at, const exchange& x,
                                                         const parsed_request& request) {
  TRY(auto key, at.read_key(x, request));
  if (!key) return std::optional<owned_key>{};
  return std::optional<owned_key>{owned_key{x.who.user, std::move(*key)}};
}

// -- Parameters of a query; none when it is not given, a fault when it can't be read -------------

template <class Id>
std::optional<Id> query_id(const parsed_request& request, const char* name, fault_list& faults) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  auto id = Id::parse(*text);
  if (!id) faults.add(std::string{"/"} + name, "id", "This is not an id.");
  return id;
}
template <named_enum Enum>
std::optional<Enum> query_name(const parsed_request& request, const char* name,
                               fault_list& faults) {
  auto text = request.query(name);
  if (!text) return std::nullopt;
  auto value = enum_of<Enum>(*text);
  if (!value) faults.add(std::string{"/"} + name, "one_of", "This is no value of it.");
  return value;
}
std::optional<bool> query_flag(const parsed_request& request, const char* name, fault_list& faults);
std::optional<instant> query_instant(const parsed_request& request, const char* name,
                                     fault_list& faults);

// home.cpp
expected<void> home(edge& at, exchange& x, const parsed_request& request);
expected<void> alive(edge& at, exchange& x, const parsed_request& request);
expected<void> ready(edge& at, exchange& x, const parsed_request& request);
expected<void> health(edge& at, exchange& x, const parsed_request& request);
expected<void> about(edge& at, exchange& x, const parsed_request& request);
expected<void> show_metrics(edge& at, exchange& x, const parsed_request& request);

// docs.cpp
expected<void> show_contract(edge& at, exchange& x, const parsed_request& request);
expected<void> show_docs(edge& at, exchange& x, const parsed_request& request);
expected<void> show_docs_script(edge& at, exchange& x, const parsed_request& request);

// auth.cpp
expected<void> auth_methods(edge& at, exchange& x, const parsed_request& request);
expected<void> register_account(edge& at, exchange& x, const parsed_request& request);
expected<void> log_in(edge& at, exchange& x, const parsed_request& request);
expected<void> reset_password(edge& at, exchange& x, const parsed_request& request);
expected<void> refresh(edge& at, exchange& x, const parsed_request& request);
expected<void> log_out(edge& at, exchange& x, const parsed_request& request);
expected<void> put_password(edge& at, exchange& x, const parsed_request& request);
expected<void> get_logins(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_login(edge& at, exchange& x, const parsed_request& request);

// users.cpp
expected<void> get_me(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_me(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_me(edge& at, exchange& x, const parsed_request& request);
expected<void> get_users(edge& at, exchange& x, const parsed_request& request);
expected<void> post_user(edge& at, exchange& x, const parsed_request& request);
expected<void> get_user(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_user(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_user(edge& at, exchange& x, const parsed_request& request);
expected<void> post_reset_code(edge& at, exchange& x, const parsed_request& request);
expected<void> get_invitations(edge& at, exchange& x, const parsed_request& request);
expected<void> get_invitation(edge& at, exchange& x, const parsed_request& request);
expected<void> post_invitation(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_invitation(edge& at, exchange& x, const parsed_request& request);

// models.cpp
expected<void> get_models(edge& at, exchange& x, const parsed_request& request);
expected<void> post_model(edge& at, exchange& x, const parsed_request& request);
expected<void> post_system_model(edge& at, exchange& x, const parsed_request& request);
expected<void> get_model(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_model(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_model(edge& at, exchange& x, const parsed_request& request);
expected<void> test_model(edge& at, exchange& x, const parsed_request& request);
expected<void> discover_models(edge& at, exchange& x, const parsed_request& request);

// admin.cpp
expected<void> get_audit(edge& at, exchange& x, const parsed_request& request);
expected<void> get_streams(edge& at, exchange& x, const parsed_request& request);
expected<void> get_channels(edge& at, exchange& x, const parsed_request& request);
expected<void> get_alerts(edge& at, exchange& x, const parsed_request& request);
expected<void> post_alert_test(edge& at, exchange& x, const parsed_request& request);

// logs.cpp
expected<void> get_logs(edge& at, exchange& x, const parsed_request& request);
expected<void> get_log_summary(edge& at, exchange& x, const parsed_request& request);

// sessions.cpp
expected<void> get_sessions(edge& at, exchange& x, const parsed_request& request);
expected<void> post_session(edge& at, exchange& x, const parsed_request& request);
expected<void> get_session(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_session(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_session(edge& at, exchange& x, const parsed_request& request);
expected<void> fork_session(edge& at, exchange& x, const parsed_request& request);
expected<void> change_many(edge& at, exchange& x, const parsed_request& request);
expected<void> get_messages(edge& at, exchange& x, const parsed_request& request);
expected<void> get_message(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_message(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_message(edge& at, exchange& x, const parsed_request& request);
expected<void> get_summary(edge& at, exchange& x, const parsed_request& request);
expected<void> put_summary(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_summary(edge& at, exchange& x, const parsed_request& request);
expected<void> post_summary(edge& at, exchange& x, const parsed_request& request);

// export.cpp
expected<void> export_session(edge& at, exchange& x, const parsed_request& request);

// folders.cpp
expected<void> get_folders(edge& at, exchange& x, const parsed_request& request);
expected<void> post_folder(edge& at, exchange& x, const parsed_request& request);
expected<void> get_folder(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_folder(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_folder(edge& at, exchange& x, const parsed_request& request);

// search.cpp
expected<void> get_search(edge& at, exchange& x, const parsed_request& request);

// chat.cpp
expected<void> post_turn(edge& at, exchange& x, const parsed_request& request);
expected<void> post_again(edge& at, exchange& x, const parsed_request& request);
expected<void> post_more(edge& at, exchange& x, const parsed_request& request);
expected<void> follow_turn(edge& at, exchange& x, const parsed_request& request);
expected<void> stop_turn(edge& at, exchange& x, const parsed_request& request);
expected<void> preview_turn(edge& at, exchange& x, const parsed_request& request);

// events.cpp
expected<void> get_events(edge& at, exchange& x, const parsed_request& request);

// tokens.cpp
expected<void> post_count(edge& at, exchange& x, const parsed_request& request);

// v1.cpp
expected<void> get_v1_models(edge& at, exchange& x, const parsed_request& request);
expected<void> get_v1_model(edge& at, exchange& x, const parsed_request& request);
expected<void> post_v1_chat(edge& at, exchange& x, const parsed_request& request);
expected<void> post_v1_embeddings(edge& at, exchange& x, const parsed_request& request);
expected<void> post_v1_messages(edge& at, exchange& x, const parsed_request& request);
expected<void> post_v1_count(edge& at, exchange& x, const parsed_request& request);
// keys.cpp
expected<void> get_keys(edge& at, exchange& x, const parsed_request& request);
expected<void> post_key(edge& at, exchange& x, const parsed_request& request);
expected<void> get_key(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_key(edge& at, exchange& x, const parsed_request& request);

// usage.cpp
expected<void> get_usage(edge& at, exchange& x, const parsed_request& request);
expected<void> get_limits(edge& at, exchange& x, const parsed_request& request);
expected<void> get_all_usage(edge& at, exchange& x, const parsed_request& request);
expected<void> get_quotas(edge& at, exchange& x, const parsed_request& request);
expected<void> put_quotas(edge& at, exchange& x, const parsed_request& request);

// settings.cpp
expected<void> get_settings(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_settings(edge& at, exchange& x, const parsed_request& request);
expected<void> get_system_settings(edge& at, exchange& x, const parsed_request& request);
expected<void> patch_system_settings(edge& at, exchange& x, const parsed_request& request);

// transfers.cpp; those of backups are for ADMINs
expected<void> post_backup(edge& at, exchange& x, const parsed_request& request);
expected<void> get_backups(edge& at, exchange& x, const parsed_request& request);
expected<void> post_upload(edge& at, exchange& x, const parsed_request& request);
expected<void> get_upload(edge& at, exchange& x, const parsed_request& request);
expected<void> put_piece(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_upload(edge& at, exchange& x, const parsed_request& request);
expected<void> post_import(edge& at, exchange& x, const parsed_request& request);
expected<void> post_export(edge& at, exchange& x, const parsed_request& request);
expected<void> get_jobs(edge& at, exchange& x, const parsed_request& request);
expected<void> get_job(edge& at, exchange& x, const parsed_request& request);
expected<void> delete_job(edge& at, exchange& x, const parsed_request& request);
expected<void> get_job_events(edge& at, exchange& x, const parsed_request& request);
expected<void> get_job_file(edge& at, exchange& x, const parsed_request& request);

}  // namespace parley::http::routes
