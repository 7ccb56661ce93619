#include "actors/impl/session_actor.hpp"

#include "actors/impl/session_state.hpp"
#include "actors/numerous.hpp"
#include "base/log.hpp"

namespace parley {

namespace {

constexpr std::chrono::seconds retry_interval{1};

class session_impl final : public numerous_actor<session_actor, session_state> {
 public:
  session_impl(caf::actor_config& config, session_parts parts)
      : numerous_actor(config), parts_(std::make_unique<session_parts>(std::move(parts))) {}

  session_actor::behavior_type make_behavior() override {
    state.begin(std::move(*std::exchange(parts_, nullptr)));
    return rows();
  }

 private:
  std::unique_ptr<session_parts> parts_;  ///< until it begins
};

}  // namespace

session_actor spawn_session(caf::actor_system& system, session_parts parts) {
  return system.spawn<session_impl>(std::move(parts));
}

error too_many_askers() {
  error_detail detail;
  detail.retry_after_s = 1;
  return make_error(errc::unavailable, "Too many requests wait in this session.", detail);
}

void session_state::begin(session_parts parts) {
  harden(self_);
  parts_ = std::move(parts);
  texts_ = text_window{parts_.limits.texts_bytes_max};
  last_used_ = self_->clock().now();
  // Without its USER nobody admits callers and nobody would find this actor again.
  self_->monitor(parts_.parent);
  self_->set_down_handler([this](caf::down_msg& down) { on_down(down); });
  if (parts_.fresh) {
    header_ = *parts_.fresh.take();
    is_fresh_ = true;
    return;
  }
  load();
}

void session_state::load() {
  // `await` keeps everything else in the mailbox until the answer is here.
  self_->request(parts_.reader, caf::infinite, load_session{parts_.owner, parts_.id})
      .await([this](const session_loaded& loaded) { take(loaded); },
             [this](const error& cause) {
               // Requests in the mailbox are answered by on(...) with not_found, or by CAF with
               // `receiver down`, which the edge takes for unavailable.
               if (code_of(cause) != errc::not_found) return self_->quit(cause);
               is_gone_ = true;
               tell_idle();
             });
}

void session_state::take(const session_loaded& loaded) {
  header_ = loaded.header;
  messages_ = loaded.messages;
  summary_ = loaded.summary;
  tell_weight();
  schedule_check();
  mend_interrupted();
}

// There is nothing to sleep over, but USER lets go only when it has sent nothing meanwhile: it is
// asked again after each request that it did send.
error session_state::refuse_absent() {
  if (is_gone_) tell_idle();
  return make_error(errc::not_found);
}

void session_state::tell_idle() {
  self_->send(parts_.parent, session_idle{parts_.id, seen_});
}

// The headers are what grows; the rest is much the same for all.
void session_state::tell_weight() {
  constexpr size_t fixed_bytes = 4096;
  auto bytes = fixed_bytes + messages_.capacity() * sizeof(message_header) + texts_.bytes() +
               (header_.system_prompt ? header_.system_prompt->size() : 0) +
               (summary_ ? summary_->text.size() : 0);
  if (std::exchange(weight_, bytes) != bytes)
    self_->send(parts_.parent, session_weighs{parts_.id, static_cast<int64_t>(bytes)});
}

void session_state::end() {
  // What is left at USER and PROVIDER of a monitor outlives this actor otherwise.
  self_->demonitor(parts_.parent.address());
  for (auto& entry : replies_) cancel(*entry);
  end_summary(make_error(errc::unavailable));
  end_title(make_error(errc::unavailable));
  self_->quit();
}

void session_state::on_down(const caf::down_msg& down) {
  if (down.source == parts_.parent.address()) return end_with_parent();
  for (auto& entry : replies_)
    if (entry->call != 0 && entry->provider.address() == down.source)
      fail_call(*entry, make_error(errc::unavailable, "provider_lost", "Please try again."));
  if (job_ && job_->call != 0 && job_->provider.address() == down.source)
    end_summary(make_error(errc::unavailable, "provider_lost", "Please try again."));
  if (title_job_ && title_job_->provider.address() == down.source)
    end_title(make_error(errc::unavailable, "provider_lost", "Please try again."));
}

// Nobody is told any more; what there is goes to the database before this actor ends.
void session_state::end_with_parent() {
  commit last;
  for (auto& row : unsaved_) last.changes.emplace_back(finish_message{row});
  for (auto& entry : replies_) {
    cancel(*entry);
    for (auto& reader : entry->readers)
      cut_off(reader, make_error(errc::unavailable, "session_lost", "Please try again."));
    if (entry->at == reply::phase::streaming) {
      reply_ending ending;
      ending.status = message_status::interrupted;
      fill_ending(*entry, ending);
      if (entry->spent) last.changes.emplace_back(change_metering{add_usage{*entry->spent}});
    } else if (entry->at == reply::phase::finishing) {
      entry->row.parts = entry->log.parts();  // its own may be on their way to STORAGE
    } else {
      continue;
    }
    last.changes.emplace_back(finish_message{entry->row});
  }
  if (!last.changes.empty()) caf::anon_send(parts_.storage, std::move(last));
  end();
}

bool session_state::is_idle() const {
  return replies_.empty() && unsaved_.empty() && answers_.size() == 0 && !is_record_busy_ &&
         !is_counting_ && !job_ && !title_job_;
}

void session_state::schedule_check() {
  auto wait = unsaved_.empty() ? std::min(parts_.limits.idle_max, parts_.limits.reply_keep)
                               : std::chrono::milliseconds{retry_interval};
  auto due = self_->clock().now() + wait;
  if (check_due_ && *check_due_ <= due) return;
  check_due_ = due;
  self_->delayed_send(self_, wait, idle_check{});
}

void session_state::on(const idle_check&) {
  // One that an earlier check has overtaken.
  if (!check_due_ || self_->clock().now() < *check_due_) return;
  check_due_.reset();
  store_unsaved();
  drop_old_replies();
  if (is_gone_ || (is_idle() && self_->clock().now() - last_used_ >= parts_.limits.idle_max))
    tell_idle();
  schedule_check();
}

// Asleep, a temporary session would be gone.
void session_state::on(const rest&) {
  if (is_idle() && !header_.temporary) tell_idle();
}

void session_state::on(const sleep_now&) {
  if (is_gone_ || is_idle()) end();
}

reply* session_state::find(message_id id) {
  for (auto& entry : replies_)
    if (entry->id() == id) return entry.get();
  return nullptr;
}

reply* session_state::find_call(call_id call) {
  for (auto& entry : replies_)
    if (entry->call == call && call != 0) return entry.get();
  return nullptr;
}

// From the newest: what is asked for is nearly always there.
const message_header* session_state::header_of(message_id id) const {
  for (auto known = messages_.rbegin(); known != messages_.rend(); ++known)
    if (known->id == id) return &*known;
  return nullptr;
}

}  // namespace parley
