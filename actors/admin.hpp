/// The actor of the system's settings and models.
#pragma once

#include "actors/directory.hpp"

namespace parley {

/// What a login page needs to know.
struct get_methods {};
PARLEY_INSPECT(get_methods)

struct login_methods {
  parley::registration registration = parley::registration::closed;
  bool needs_setup = false;    ///< no account exists yet
  bool needs_password = true;  ///< false: mode `single`, and its account has none
  std::optional<std::string> banner{};
  std::optional<std::string> maintenance{};
};
PARLEY_INSPECT(login_methods, registration, needs_setup, needs_password, banner, maintenance)

/// Makes an account and its first login. The first account becomes ADMIN; beyond loopback it needs
/// the setup code printed at start.
struct register_user {
  patch_of<user> account;
  secret_text password;
  secret_text setup_code;
  client from;
  secret_text invite_code{};
};
PARLEY_INSPECT(register_user, account, password, setup_code, from, invite_code)

/// Makes an account without a login. EDGE has had the caller admitted, here and below.
struct make_user {
  patch_of<user> account;
  secret_text password;
  parley::role role = parley::role::user;
  bool must_change_password = false;
  std::optional<owned_key> key;
  caller by{};
};
PARLEY_INSPECT(make_user, account, password, role, must_change_password, key, by)

/// Makes an account without a password: a one-time code is answered, to be handed over.
struct enrol_user {
  patch_of<user> account;
  parley::role role = parley::role::user;
  std::optional<owned_key> key;
  caller by;
};
PARLEY_INSPECT(enrol_user, account, role, key, by)

struct list_users {
  page_request page;
  std::string search;
  std::optional<parley::role> role{};
  std::optional<user_status> status{};
  user_order order = user_order::username;
};
PARLEY_INSPECT(list_users, page, search, role, status, order)

struct get_user {
  user_id id;
};
PARLEY_INSPECT(get_user, id)

struct change_user {
  user_id id;
  alter_account change;
};
PARLEY_INSPECT(change_user, id, change)

/// For those who lost theirs, and for the account of mode `single` that never had one.
struct reset_password {
  user_id id;
  set_password wanted;
};
PARLEY_INSPECT(reset_password, id, wanted)

struct issue_reset_code {
  user_id id;
  caller by;
};
PARLEY_INSPECT(issue_reset_code, id, by)

struct drop_user {
  user_id id;
  caller by{};
};
PARLEY_INSPECT(drop_user, id, by)

struct list_invitations {
  page_request page;
};
PARLEY_INSPECT(list_invitations, page)

struct get_invitation {
  invitation_id id;
};
PARLEY_INSPECT(get_invitation, id)

struct add_invitation {
  new_invitation_body wanted;
  std::optional<owned_key> key;
  caller by;
};
PARLEY_INSPECT(add_invitation, wanted, key, by)

/// The code is shown this once: empty for a request that is repeated.
struct made_invitation {
  invitation made;
  secret_text code;
};
PARLEY_INSPECT(made_invitation, made, code)

struct drop_invitation {
  invitation_id id;
  caller by;
};
PARLEY_INSPECT(drop_invitation, id, by)

struct list_audit {
  page_request page;
  audit_filter filter;
};
PARLEY_INSPECT(list_audit, page, filter)

struct get_system {};
PARLEY_INSPECT(get_system)

struct change_system {
  patch_of<system_settings> patch;
  int64_t if_version = 0;
  caller by{};
};
PARLEY_INSPECT(change_system, patch, if_version, by)

struct add_system_model {
  patch_of<model_config> patch;
  std::optional<owned_key> key;
  caller by{};
};
PARLEY_INSPECT(add_system_model, patch, key, by)

/// As draft_model.
struct draft_system_model {
  patch_of<model_config> patch;
};
PARLEY_INSPECT(draft_system_model, patch)

struct change_system_model {
  model_id id;
  patch_of<model_config> patch;
  int64_t if_version = 0;
  caller by{};
};
PARLEY_INSPECT(change_system_model, id, patch, if_version, by)

struct drop_system_model {
  model_id id;
  int64_t if_version = 0;
  caller by{};
};
PARLEY_INSPECT(drop_system_model, id, if_version, by)

struct get_quotas {};
PARLEY_INSPECT(get_quotas)

/// Replaces them all; they hold at once.
struct change_quotas {
  quota_settings quotas;
  int64_t if_version = 0;
  caller by{};
};
PARLEY_INSPECT(change_quotas, quotas, if_version, by)

/// Of everyone.
struct list_all_usage {
  usage_query query;
};
PARLEY_INSPECT(list_all_usage, query)

/// The ADMIN actor: system settings, system models, making of accounts. One a node, floats, never
/// sleeps.
using admin_actor = caf::typed_actor<
    // message              answer             what it does
    ask<get_methods, login_methods>,         //
    ask<register_user, login_ticket>,        // as `registration` allows
    ask<make_user, user>,                    //
    ask<list_users, page_of<user>>,          // READER answers
    ask<get_user, user>,                     //
    ask<change_user, user>,                  // USER answers
    ask<reset_password, user>,               // USER answers
    ask<drop_user, done>,                    // USER answers
    ask<get_system, system_settings>,        //
    ask<change_system, system_settings>,     //
    ask<find_system_model, model_config>,    // enabled ones only
    ask<list_system_models, model_list>,     // all
    ask<add_system_model, model_config>,     //
    ask<change_system_model, model_config>,  //
    ask<drop_system_model, done>,            //
    ask<get_quotas, quota_settings>,         //
    ask<change_quotas, quota_settings>,      //
    ask<list_all_usage, usage_report>,       // READER answers
    ask<enrol_user, reset_ticket>,           // an account with a code in place of a password
    ask<issue_reset_code, reset_ticket>,     // USER answers
    ask<get_invitation, invitation>,         //
    ask<add_invitation, made_invitation>,    //
    ask<drop_invitation, done>,              //
    ask<list_audit, page_of<audit_entry>>,   // READER answers
    ask<draft_system_model, model_config>,   // not stored
    // READER answers
    ask<list_invitations, page_of<invitation>>,
    tell<meet_directory>>;  // from app/node

}  // namespace parley
