// The title of a session, made by the system's title model after the first reply. A call of its
// own, which no turn waits for; once in the life of the session's actor, and never over a title of
// its user's.
#include "actors/impl/session_state.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "chat/title_prompt.hpp"

namespace parley {

// What the first turn left: its question is all of the path that was sent.
void session_state::begin_title() {
  if (is_title_tried_ || !last_ || !last_provider_ || last_->path.size() != 1) return;
  if (header_.temporary) return;
  if (header_.title_source != title_source::by_default || messages_.size() < 2) return;
  if (messages_[1].status == message_status::error) return;
  is_title_tried_ = true;
  title_job_.emplace();
  title_job_->provider = last_provider_;
  read_contents wanted{parts_.owner, parts_.id, {messages_[0].id, messages_[1].id}};
  auto give_up = [this](const error& cause) { end_title(cause); };
  self_->request(parts_.parent, caf::infinite, find_model{{}, model_purpose::title})
      .then(
          [this, wanted, give_up](const model_config& model) {
            self_->request(parts_.reader, caf::infinite, wanted)
                .then([this, model](const content_list& rows) { call_title_model(model, rows); },
                      give_up);
          },
          [this](const error& cause) {
            // No model shall make titles: that is no fault.
            if (code_of(cause) == errc::not_found) return title_job_.reset();
            end_title(cause);
          });
}

void session_state::call_title_model(const model_config& model, const content_list& rows) {
  if (!title_job_) return;
  auto& job = *title_job_;
  std::string question;
  std::string reply;
  for (const auto& row : rows.items)
    (row.role == message_role::user ? question : reply) += sent_text_of(row.parts);
  complete call;
  call.call = make_call_id();
  call.sink = caf::actor_cast<reply_sink_actor>(self_);
  call.caller = parts_.owner;
  call.model = model;
  call.params = model.params;
  call.params.max_tokens = title_tokens_max;
  prompt_message system{message_role::system, {}}, asked{message_role::user, {}};
  system.parts.emplace_back().text = std::string{title_instruction()};
  asked.parts.emplace_back().text = title_request(question, reply);
  job.model = model;
  job.asked_bytes = system.parts[0].text->size() + asked.parts[0].text->size();
  call.messages.push_back(std::move(system));
  call.messages.push_back(std::move(asked));
  if (!watches(job.provider)) self_->monitor(job.provider);
  job.call = call.call;
  self_->send(job.provider, std::move(call));
}

void session_state::hear_title(const reply_delta& delta) {
  for (const auto& added : delta.deltas)
    if (added.type == part_type::text && title_job_->written.size() <= title_written_max)
      title_job_->written += added.text;
}

void session_state::end_title_call() {
  auto title = title_from_reply(title_job_->written);
  title_job_->call = 0;
  if (!watches(title_job_->provider)) self_->demonitor(title_job_->provider.address());
  if (title.empty())
    return end_title(make_error(errc::provider_failed, "title_empty", "The model wrote no title."));
  title_job_.reset();
  store_title(title);
}

void session_state::store_title(const std::string& title) {
  write_record([this, title] {
    // Its user may have given it a title meanwhile.
    if (is_absent() || header_.title_source != title_source::by_default) return next_record_write();
    auto changed = header_;
    changed.title = title;
    changed.title_source = title_source::model;
    ++changed.version;
    commit_record(commit{{update_session{changed}}}, changed, [this](const error& fault) {
      if (fault) log_warning("session.title_failed", {{"session", parts_.id}, {"error", fault}});
    });
  });
}

void session_state::end_title(const error& fault) {
  if (!title_job_) return;
  auto over = std::move(*title_job_);
  title_job_.reset();
  if (over.call != 0) {
    if (!over.written.empty()) note_side_call({over.model, over.asked_bytes, over.written}, {});
    self_->send(over.provider, cancel_call{over.call});
    if (!watches(over.provider)) self_->demonitor(over.provider.address());
  }
  log_warning("session.title_failed", {{"session", parts_.id}, {"error", fault}});
}

}  // namespace parley
