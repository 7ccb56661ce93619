/// The actor of one account.
#pragma once

#include "actors/call.hpp"
#include "actors/key_messages.hpp"
#include "actors/user_messages.hpp"

namespace parley {

/// What USER needs of ADMIN.
using system_models_actor =
    caf::typed_actor<ask<find_system_model, model_config>, ask<list_system_models, model_list>>;
/// What USER needs of DIRECTORY.
using user_parent_actor = caf::typed_actor<tell<user_idle>>;

/// The USER actor: an account with its logins, settings and personal models, and the handles of its
/// open sessions. Spawned and watched by DIRECTORY, once in the whole cluster; floats. Admits every
/// caller: login, token version, status, role. Sleeps after user_idle_max_s without open sessions.
using user_actor = caf::typed_actor<
    // message             answer              what it does
    ask<log_in, login_ticket>,             // from DIRECTORY: password -> new login
    ask<open_login, login_ticket>,         // from ADMIN: it is new; DIRECTORY: it has no password
    ask<refresh_login, login_ticket>,      // rotate; a token used twice ends the login
    ask<admit, done>,                      // for requests that others answer
    ask<log_out, done>,                    // end the caller's login, its streams too
    ask<list_logins, login_list>,          //
    ask<end_login, done>,                  // end another of one's logins
    ask<get_account, user>,                //
    ask<change_account, user>,             // profile
    ask<change_password, done>,            // ends all other logins
    ask<leave, done>,                      // remove the account
    ask<alter_account, user>,              // from ADMIN: role, status
    ask<set_password, user>,               // from ADMIN
    ask<make_reset_code, reset_ticket>,    // from ADMIN
    ask<redeem_code, login_ticket>,        // from DIRECTORY
    ask<remove_account, done>,             // from ADMIN
    ask<get_settings, user_settings>,      //
    ask<change_settings, user_settings>,   //
    ask<list_models, model_list>,          // personal and system
    ask<get_model, model_config>,          //
    ask<draft_model, model_config>,        // not stored
    ask<get_tried_model, model_config>,    // also one that is disabled
    ask<add_model, model_config>,          // personal
    ask<change_model, model_config>,       // a new origin without a new key clears the key
    ask<drop_model, done>,                 //
    ask<add_session, session>,             //
    ask<list_sessions, page_of<session>>,  // READER answers
    ask<get_session, session>,             // READER answers
    ask<patch_session, session>,           // SESSION answers
    ask<remove_session, done>,             // SESSION answers
    ask<fork_own_session, session>,        // SESSION answers
    ask<change_sessions, bulk_result>,     // SESSIONs do it, a few at a time
    ask<expire_sessions, bulk_result>,     // from UPKEEP: remove what is old
    ask<list_folders, folder_list>,        //
    ask<get_folder, folder>,               //
    ask<add_folder, folder>,               //
    ask<change_folder, folder>,            //
    ask<drop_folder, done>,                // its sessions stay
    ask<list_messages, page_of<message>>,  // READER answers
    ask<get_message, message>,             // READER answers
    ask<search_own, search_page>,          // READER answers
    ask<post_message, reply_ticket>,       // SESSION answers
    ask<join_reply, reply_ticket>,         // SESSION answers
    ask<stop_turn, done>,                  // SESSION answers
    ask<change_session_message, message>,  // SESSION answers
    ask<drop_session_message, done>,       // SESSION answers
    ask<preview_message, turn_preview>,    // SESSION answers
    ask<get_session_summary, session_summary>,    // SESSION answers
    ask<write_session_summary, session_summary>,  // SESSION answers
    ask<drop_session_summary, done>,              // SESSION answers
    ask<make_session_summary, session_summary>,   // SESSION answers
    ask<count_tokens, counted_tokens>,            // with COUNTER's help
    ask<join_events, events_joined>,              // then event_slice as things happen
    tell<leave_events>,                           // from EDGE: the client is gone
    ask<get_named_model, model_config>,           // of /v1
    ask<open_call, call_ticket>,                  // of /v1; then the reader asks CALL
    tell<call_ended>,                             // from CALL: what it used
    ask<list_api_keys, api_key_list>,             //
    ask<get_api_key, api_key>,                    //
    ask<add_api_key, api_key_ticket>,             // shown once
    ask<drop_api_key, done>,                      // its streams end
    ask<list_usage, usage_report>,                // READER answers
    ask<list_limits, limit_list>,                 // quotas as they stand
    ask<reserve_spend, spend_granted>,            // from SESSION: may this reply run?
    tell<tokens_streamed>,                        // from SESSION: so many it has now
    tell<spend_settled>,                          // from SESSION: it is over
    ask<find_model, model_config>,                // from SESSION
    tell<note_event>,                             // from SESSION, JOBS
    tell<note_imported>,                          // from JOBS: it has stored sessions
    tell<session_idle>,                           // from SESSION
    tell<turn_ended>,                             // from SESSION
    tell<session_weighs>,                         // from SESSION
    tell<rest>,                                   // from DIRECTORY: sleep, sessions too, if idle
    tell<idle_check>,                             // from itself
    tell<sleep_now>>;                             // from DIRECTORY: yes, end

}  // namespace parley
