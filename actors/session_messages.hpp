/// What SESSION is asked and what it tells its readers and its USER.
#pragma once

#include "actors/provider.hpp"
#include "actors/spending_messages.hpp"
#include "chat/reply_event.hpp"
#include "schema/session.hpp"

namespace parley {

/// Whoever reads a reply as it grows: EDGE.
using slice_reader_actor = caf::typed_actor<tell<slice>>;

/// A reader joins: slices of at most `credit` bytes of text in flight are sent from `after` on.
struct follower {
  slice_reader_actor reader;
  uint64_t stream = 0;  ///< the reader's name for it, unique within the reader
  int64_t after = 0;
  int64_t credit = 0;  ///< bytes of text
  login_id login;      ///< its end ends the stream
  bool stops_on_leave = false;
};
PARLEY_INSPECT(follower, reader, stream, after, credit, login, stops_on_leave)

/// Idempotency-Key of a request.
struct request_key {
  std::string route;
  std::string key;
  std::string body_sha256;
};
PARLEY_INSPECT(request_key, route, key, body_sha256)

/// The key of a user, for what USER does not make itself.
struct owned_key {
  user_id owner;
  request_key key;
};
PARLEY_INSPECT(owned_key, owner, key)

/// One turn. Answered once user message and reply row are stored; then the follower is served.
struct start_turn {
  draft content;
  provider_actor provider;  ///< that of the loop the request came in on
  std::optional<follower> follow;
  std::optional<request_key> key;
  spender by{};  ///< filled in by USER
};
PARLEY_INSPECT(start_turn, content, provider, follow, key, by)

/// Joins the reply `message`, running or stored.
struct follow_reply {
  message_id message;
  follower follow;
};
PARLEY_INSPECT(follow_reply, message, follow)

/// From a reader: so many more bytes may be sent.
struct grant_credit {
  slice_reader_actor reader;
  uint64_t stream = 0;
  int64_t bytes = 0;
};
PARLEY_INSPECT(grant_credit, reader, stream, bytes)

/// From a reader: its client is gone.
struct leave_reply {
  slice_reader_actor reader;
  uint64_t stream = 0;
};
PARLEY_INSPECT(leave_reply, reader, stream)

/// Ends the running reply; what arrived is kept. Not running any more is no fault.
struct stop_reply {
  message_id message;  ///< none: whichever runs
};
PARLEY_INSPECT(stop_reply, message)

/// A merge patch of the session. `if_version` 0: no condition.
struct change_session {
  patch_of<session> patch;
  int64_t if_version = 0;
  std::vector<std::string> added_tags{};
};
PARLEY_INSPECT(change_session, patch, if_version, added_tags)

/// A new session with a copy of one branch. Not of a reply that still runs.
struct fork_session {
  session_id made;
  message_id leaf;  ///< the branch's last message; none: of the branch shown
  std::optional<std::string> title;
  std::optional<request_key> key;
};
PARLEY_INSPECT(fork_session, made, leaf, title, key)

/// Stops what runs, removes the session with its messages and ends.
struct drop_session {
  int64_t if_version = 0;
};
PARLEY_INSPECT(drop_session, if_version)

/// From USER: streams of this login end with an error; none stands for every login.
struct end_streams {
  login_id login;
};
PARLEY_INSPECT(end_streams, login)

/// USER's answer to session_idle: nothing was sent since.
struct sleep_now {};
PARLEY_INSPECT(sleep_now)

/// Memory is short: whoever has nothing to do says so, as if it were time (session_idle,
/// user_idle).
struct rest {};
PARLEY_INSPECT(rest)

/// SESSION to USER: something that other devices want to know (api.md, Live changes). `data` is a
/// JSON object.
struct note_event {
  std::string name;
  std::string data;
};
PARLEY_INSPECT(note_event, name, data)

/// SESSION to USER, whenever it changes: about what it holds while it sleeps not.
struct session_weighs {
  session_id session;
  int64_t bytes = 0;
};
PARLEY_INSPECT(session_weighs, session, bytes)

/// SESSION to itself, now and then: idle?
struct idle_check {};
PARLEY_INSPECT(idle_check)

/// SESSION to itself, once a turn is over: counts and summary.
struct session_work {};
PARLEY_INSPECT(session_work)

/// SESSION to USER: nothing to do; `seen` counts the messages got from USER so far: start_turn,
/// follow_reply, stop_reply, change_session, drop_session and end_streams, handed on or its own.
struct session_idle {
  session_id session;
  uint64_t seen = 0;
};
PARLEY_INSPECT(session_idle, session, seen)

/// SESSION to USER: the turn that was granted is over, well or not. Told exactly once for each
/// start_turn, also for one that was refused or that joined a running reply.
struct turn_ended {
  session_id session;
};
PARLEY_INSPECT(turn_ended, session)

enum class model_purpose : uint8_t { turn = 1, summary, title };

/// SESSION to USER: the model to use. errc::not_found if the user can't see it.
struct find_model {
  model_id id;  ///< none: the user's or the system's default
  /// For a summary the system's summary model goes first; for a title there is only the system's.
  model_purpose purpose = model_purpose::turn;
};
PARLEY_INSPECT(find_model, id, purpose)

/// What a turn would send, without sending it.
struct preview_turn {
  draft content;
};
PARLEY_INSPECT(preview_turn, content)

struct turn_preview {
  model_id model;
  std::string model_name;
  context_used context;
  std::optional<int64_t> reply_tokens_max;
};
PARLEY_INSPECT(turn_preview, model, model_name, context, reply_tokens_max)

/// A merge patch of what its user notes on a message.
struct change_message {
  message_id id;
  patch_of<message> patch;
  int64_t if_version = 0;
};
PARLEY_INSPECT(change_message, id, patch, if_version)

/// Removes a message and all that answers to it. Refused while a reply runs there.
struct drop_message {
  message_id id;
  int64_t if_version = 0;
};
PARLEY_INSPECT(drop_message, id, if_version)

struct get_summary {};
PARLEY_INSPECT(get_summary)

/// From its user. It covers what the one before covered; of a new one that is all but the end that
/// the last request sent.
struct write_summary {
  std::string text;
  int64_t if_version = 0;
};
PARLEY_INSPECT(write_summary, text, if_version)

struct drop_summary {
  int64_t if_version = 0;
};
PARLEY_INSPECT(drop_summary, if_version)

/// Let the model write it now, over all but the last turns.
struct make_summary {
  provider_actor provider;
};
PARLEY_INSPECT(make_summary, provider)

}  // namespace parley
