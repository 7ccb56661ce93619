#include "storage/reader_actor.hpp"

#include "storage/statement_time.hpp"

namespace parley::storage {

namespace {

error too_busy() {
  return make_error(errc::unavailable, "Too many questions wait for the database.",
                    error_detail{"storage_queue_full", {}, 1, {}});
}

}  // namespace

// -- reader --------------------------------------------------------------------------------------

expected<void> reader_state::open_if_needed() {
  if (db_ && !db_->is_suspect()) return {};
  db_.reset();
  TRY(db_, parts_.files->open_reader());
  return {};
}

template <class Question>
auto reader_state::on(const Question& question)
    -> caf::result<typename decltype(read(std::declval<const read_context&>(),
                                          question))::value_type> {
  if (parts_.load) parts_.load->fetch_sub(1, std::memory_order_relaxed);
  TRY_DONE(open_if_needed());
  statement_time<Question> timed;
  read_context in{*db_, parts_.clock->now(), parts_.page_bytes_max, parts_.window_bytes_max};
  auto answer = read(in, question);
  if (!answer) return std::move(answer.error());
  return std::move(*answer);
}

void reader_state::on(const release_memory&) {
  if (db_) db_->release_memory();
}

reader_actor::behavior_type reader(reader_actor::stateful_pointer<reader_state> self,
                                   reader_parts parts) {
  harden(self);
  self->state.start(std::move(parts));
  return handle_table<reader_actor>(self);
}

// -- pool ----------------------------------------------------------------------------------------

reader_pool_state::~reader_pool_state() {
  for (const auto& one : members_) caf::anon_send_exit(one.actor, caf::exit_reason::user_shutdown);
}

void reader_pool_state::start(reader_pool_parts parts) {
  parts_ = std::move(parts);
  while (members_.size() < std::max<size_t>(parts_.readers, 1)) members_.push_back(make_member());
}

reader_pool_state::member reader_pool_state::make_member() {
  auto parts = parts_.reader;
  // Counted up here and down by the reader, on its thread.
  parts.load = std::make_shared<std::atomic<int64_t>>(0);
  auto load = parts.load;
  auto spawned = parts_.spawn_reader(std::move(parts));
  self_->monitor(spawned);
  return {std::move(spawned), std::move(load)};
}

const reader_actor* reader_pool_state::next() {
  auto least = std::min_element(
      members_.begin(), members_.end(),
      [](const member& a, const member& b) { return a.load->load() < b.load->load(); });
  if (least == members_.end() || least->load->load() >= parts_.questions_max) return nullptr;
  least->load->fetch_add(1, std::memory_order_relaxed);
  return &least->actor;
}

void reader_pool_state::replace(const caf::actor_addr& ended) {
  for (auto& one : members_)
    if (one.actor.address() == ended) one = make_member();
}

void reader_pool_state::on(const release_memory& message) {
  for (const auto& one : members_) self_->send(one.actor, message);
}

namespace {

// The reader answers the asker itself.
template <class Question, class Answer>
auto forward(reader_actor::stateful_pointer<reader_pool_state> self) {
  return [self](const Question& question) -> caf::result<Answer> {
    if (auto next = self->state.next()) return hand_on(self, *next, question);
    return too_busy();
  };
}

}  // namespace

reader_actor::behavior_type reader_pool(reader_actor::stateful_pointer<reader_pool_state> self,
                                        reader_pool_parts parts) {
  harden(self);
  self->state.start(std::move(parts));
  self->set_down_handler([self](caf::down_msg& down) { self->state.replace(down.source); });
  return {forward<find_username, found_user>(self),
          forward<load_user, user_state_loaded>(self),
          forward<find_spent_token, spent_token>(self),
          forward<list_accounts, page_of<user>>(self),
          forward<load_system, system_loaded>(self),
          forward<load_session, session_loaded>(self),
          forward<read_messages, message_list>(self),
          forward<read_contents, content_list>(self),
          forward<read_session, session>(self),
          forward<page_sessions, page_of<session>>(self),
          forward<find_old_sessions, old_sessions>(self),
          forward<page_messages, page_of<message>>(self),
          forward<read_message, message>(self),
          forward<find_key, known_key>(self),
          forward<find_invitation, found_invitation>(self),
          forward<page_audit, page_of<audit_entry>>(self),
          forward<check_audit, audit_check>(self),
          forward<page_invitations, page_of<invitation>>(self),
          forward<load_calibrations, calibration_list>(self),
          forward<sum_windows, window_sums>(self),
          forward<read_usage, usage_report>(self),
          forward<read_upload, upload>(self),
          forward<read_job, job>(self),
          forward<page_jobs, page_of<job>>(self),
          forward<load_transfers, transfers_loaded>(self),
          forward<search_texts, search_page>(self),
          handle<release_memory>(self)};
}

}  // namespace parley::storage
