#include "actors/edge.hpp"
#include "actors/hasher.hpp"

namespace parley {

namespace {

template <class T>
void add(caf::actor_system_config& config, const char* name) {
  config.add_message_type<T>(std::string{"parley::"} + name);
}

}  // namespace

// One line for each struct of the message tables and the records in them.
#define PARLEY_MESSAGE_TYPES(X) \
  X(reply_start)                \
  X(reply_event)                \
  X(reply_snapshot)             \
  X(slice)                      \
  X(caller)                     \
  X(client)                     \
  X(page_request)               \
  X(commit)                     \
  X(checkpoint_reply)           \
  X(checkpoint_lost)            \
  X(flush)                      \
  X(sweep)                      \
  X(find_username)              \
  X(found_user)                 \
  X(load_user)                  \
  X(user_state_loaded)          \
  X(find_spent_token)           \
  X(spent_token)                \
  X(list_accounts)              \
  X(load_system)                \
  X(system_loaded)              \
  X(load_session)               \
  X(session_loaded)             \
  X(read_messages)              \
  X(message_list)               \
  X(read_session)               \
  X(page_sessions)              \
  X(page_messages)              \
  X(read_message)               \
  X(find_key)                   \
  X(known_key)                  \
  X(prompt_message)             \
  X(text_delta)                 \
  X(reply_delta)                \
  X(reply_finished)             \
  X(reply_failed)               \
  X(reply_tick)                 \
  X(complete)                   \
  X(cancel_call)                \
  X(fail_calls)                 \
  X(follower)                   \
  X(request_key)                \
  X(owned_key)                  \
  X(start_turn)                 \
  X(follow_reply)               \
  X(grant_credit)               \
  X(leave_reply)                \
  X(stop_reply)                 \
  X(change_session)             \
  X(drop_session)               \
  X(end_streams)                \
  X(sleep_now)                  \
  X(rest)                       \
  X(idle_check)                 \
  X(session_idle)               \
  X(turn_ended)                 \
  X(session_weighs)             \
  X(find_model)                 \
  X(reply_ticket)               \
  X(log_in)                     \
  X(open_login)                 \
  X(refresh_login)              \
  X(login_ticket)               \
  X(admit)                      \
  X(log_out)                    \
  X(list_logins)                \
  X(login_list)                 \
  X(end_login)                  \
  X(get_account)                \
  X(change_account)             \
  X(change_password)            \
  X(leave)                      \
  X(alter_account)              \
  X(set_password)               \
  X(remove_account)             \
  X(get_settings)               \
  X(change_settings)            \
  X(list_models)                \
  X(model_list)                 \
  X(get_model)                  \
  X(add_model)                  \
  X(change_model)               \
  X(drop_model)                 \
  X(add_session)                \
  X(list_sessions)              \
  X(get_session)                \
  X(patch_session)              \
  X(remove_session)             \
  X(list_messages)              \
  X(get_message)                \
  X(post_message)               \
  X(join_reply)                 \
  X(stop_turn)                  \
  X(user_idle)                  \
  X(find_system_model)          \
  X(list_system_models)         \
  X(locate)                     \
  X(located)                    \
  X(log_in_by_name)             \
  X(log_in_alone)               \
  X(awake_check)                \
  X(get_methods)                \
  X(login_methods)              \
  X(register_user)              \
  X(make_user)                  \
  X(list_users)                 \
  X(get_user)                   \
  X(change_user)                \
  X(reset_password)             \
  X(drop_user)                  \
  X(get_system)                 \
  X(change_system)              \
  X(add_system_model)           \
  X(change_system_model)        \
  X(drop_system_model)          \
  X(meet_directory)             \
  X(hash_password)              \
  X(hashed_password)            \
  X(verify_password)            \
  X(password_verdict)           \
  X(request_arrived)            \
  X(client_gone)                \
  X(buffer_drained)             \
  X(drain)                      \
  X(count_streams)              \
  X(stream_count)               \
  X(part)                       \
  X(usage)                      \
  X(message_tokens)             \
  X(reply_timing)               \
  X(context_used)               \
  X(message_error)              \
  X(message)                    \
  X(message_header)             \
  X(draft)                      \
  X(reply_params)               \
  X(model_config)               \
  X(session)                    \
  X(user)                       \
  X(login)                      \
  X(user_settings)              \
  X(system_settings)            \
  X(create_user)                \
  X(update_user)                \
  X(erase_user)                 \
  X(create_login)               \
  X(rotate_login)               \
  X(erase_logins)               \
  X(put_user_settings)          \
  X(put_system_settings)        \
  X(create_model)               \
  X(update_model)               \
  X(erase_model)                \
  X(create_session)             \
  X(update_session)             \
  X(erase_session)              \
  X(create_message)             \
  X(finish_message)             \
  X(remember_key)

void add_message_types(caf::actor_system_config& config) {
#define PARLEY_ADD(type) add<type>(config, #type);
  PARLEY_MESSAGE_TYPES(PARLEY_ADD)
#undef PARLEY_ADD
  add<done>(config, "done");
  add<page_of<user>>(config, "page_of<user>");
  add<page_of<session>>(config, "page_of<session>");
  add<page_of<message>>(config, "page_of<message>");
}

}  // namespace parley
