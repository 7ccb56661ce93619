/// One SESSION on a scheduler driven by hand, among scripted neighbours: STORAGE, READER, its USER,
/// a PROVIDER and readers of replies, all played by one actor whose mailbox the test looks into.
#pragma once

#include <deque>
#include <map>

#include "actors/impl/counter_actor.hpp"
#include "actors/impl/session_actor.hpp"
#include "tests/support/actor_world.hpp"

namespace parley::tests {

/// What the neighbours got, and what they shall answer. Owned by the test; outlives the actors.
struct session_script {
  // STORAGE
  std::vector<commit> commits;  ///< all that came, failed ones too
  std::vector<checkpoint_reply> checkpoints;
  bool holds_checkpoints = false;  ///< while set, nobody hears that they are stored
  bool holds_commits = false;      ///< while set, commits are not answered
  std::deque<answer<done>> held_commits;
  error fail_commit;  ///< while set, commits fail with it
  /// Asked for each commit; an error fails it.
  std::function<error(const commit&)> judge;
  // READER
  session header;  ///< follows the commits that were stored
  std::map<message_id, message> rows;
  std::vector<message_header> headers;
  std::optional<session_summary> summary;
  bool is_absent = false;
  error fail_read;
  std::vector<read_contents> windows;
  std::vector<int64_t> weights;  ///< as USER was told
  size_t loads = 0;
  // USER
  model_config model;
  std::optional<model_config> summary_model;
  std::optional<model_config> fallback;  ///< found by its id
  std::optional<model_config> title_model;
  std::vector<note_event> events;
  std::vector<reserve_spend> reserved;
  error fail_spend;  ///< while set, nothing may be spent
  bool is_metered = false;
  std::vector<tokens_streamed> streamed;
  std::vector<spend_settled> settled;
  error fail_model;
  bool holds_models = false;
  std::deque<answer<model_config>> held_models;
  std::vector<find_model> models_asked;
  size_t turns_ended = 0;
  std::vector<session_idle> farewells;
  // PROVIDER
  std::vector<complete> calls;
  std::vector<call_id> cancelled;
  std::vector<pause_call> pauses;
  // readers, by stream
  std::map<uint64_t, std::vector<slice>> slices;

  error release_cause;  ///< of the next answer to a held commit

  error store(const commit& wanted);
  void keep(const checkpoint_reply& added);
  void answer_oldest();
};

class session_world : public actor_world {
 public:
  token_counter counter;
  session_script script;
  session_limits limits;
  user_id owner = user_id::make();
  storage_actor storage;
  reader_actor reader;
  session_parent_actor user;
  provider_actor provider;
  counter_actor counting;
  slice_reader_actor edge;
  session_actor target;

  session_world();
  ~session_world();

  /// A session that is stored; `fresh` one that its first turn will store.
  void start();
  void start_fresh();
  /// A stored message, child of the one added before.
  message_id add(message_role role, std::string text, int32_t tokens = 10);

  bool has_ended() const { return *has_ended_; }
  template <class Handle>
  void kill(const Handle& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }

  template <class R, class M>
  expected<R> ask(M message) {
    return actor_world::ask<R>(target, std::move(message));
  }
  /// For asking several at once; then `run`, then `answer_of`.
  template <class M>
  auto ask_later(M message) {
    return actor_world::ask_later(target, std::move(message));
  }
  template <class M>
  void tell(M message) {
    caf::anon_send(target, std::move(message));
    run();
  }

  // -- A turn and what a provider says ----------------------------------------------------------

  start_turn turn(std::string text, uint64_t stream = 1, int64_t credit = 1 << 20);
  follower follow(uint64_t stream, int64_t after = 0, int64_t credit = 1 << 20);
  /// A turn up to its ticket; the test fails if there is none.
  reply_ticket begin(std::string text, uint64_t stream = 1, int64_t credit = 1 << 20);
  call_id last_call() const { return script.calls.empty() ? 0 : script.calls.back().call; }
  void say(std::string text, part_type type = part_type::text);
  void finish(std::optional<usage> used = {});
  void fail(error cause);
  void tick() { tell(reply_tick{last_call()}); }

  /// Answers the oldest commit that is held.
  void release_commit(error cause = {});
  /// Answers those who wait for a model.
  void release_models();
  /// What a reader was shown, one word for an event: "start@1 part@2 'Hi'@4 usage done:complete@5".
  std::string shown(uint64_t stream) const;

 private:
  void spawn(std::optional<session> fresh);

  std::shared_ptr<bool> has_ended_ = std::make_shared<bool>(false);
};

/// The changes of a commit by name: "update_session create_message create_message".
std::string names_of(const commit& wanted);
/// The first change of this type in the commit; the test fails if there is none.
template <class Change>
Change change_in(const commit& wanted) {
  for (const auto& one : wanted.changes)
    if (caf::holds_alternative<Change>(one)) return caf::get<Change>(one);
  throw std::logic_error("no such change in " + names_of(wanted));
}
std::string reason_of(const error& cause);
/// A merge patch from its JSON.
patch_of<session> session_patch(std::string_view json);

}  // namespace parley::tests
