#include "actors/impl/jobs_actor.hpp"

#include "actors/floating.hpp"
#include "actors/impl/jobs_state.hpp"
#include "base/log.hpp"
#include "chat/event_text.hpp"

namespace parley {

std::string file_name_of(const upload_id& id) {
  return to_string(id) + ".upload";
}
std::string file_name_of(const job_id& id) {
  return to_string(id) + ".zip";
}

jobs_state::~jobs_state() {
  for (auto& [id, entry] : entries_) *entry.is_stopped = true;
  if (files_) caf::anon_send_exit(files_, caf::exit_reason::user_shutdown);
}

void jobs_state::begin(jobs_parts given) {
  parts_ = std::move(given);
  hire_files();
  // `await` keeps questions in the mailbox until what waits is here.
  self->request(parts_.reader, caf::infinite, load_transfers{})
      .await([this](const transfers_loaded& found) { load(found); },
             [this](const error& cause) {
               log_error("jobs.not_loaded", {{"cause", cause}});
               self->quit(cause);
             });
  self->delayed_send(self, parts_.limits.check_every, jobs_check{});
}

// What was running ended with the process, whatever it had done: its sessions are whole, and a
// second import leaves them out.
void jobs_state::load(const transfers_loaded& found) {
  for (const auto& known : found.unfinished) {
    auto& added = entries_[known.id];
    added.work = known;
    if (known.status == job_status::queued) continue;
    log_warning("job.interrupted", {{"job", known.id}});
    finish(added, {known.id, job_status::interrupted});
  }
  keep_known_files(found);
  work();
}

void jobs_state::keep_known_files(const transfers_loaded& found) {
  keep_files kept;
  for (const auto& id : found.uploads) kept.names.push_back(file_name_of(id));
  for (const auto& id : found.files) kept.names.push_back(file_name_of(id));
  for (const auto& [id, known] : entries_) kept.names.push_back(file_name_of(id));
  self->send(files_, std::move(kept));
}

void jobs_state::hire_files() {
  files_ = parts_.start_files();
  self->monitor(files_);
}

void jobs_state::on(const meet_directory& met) {
  directory_ = met.directory;
  work();
}

jobs_state::entry* jobs_state::find(job_id id) {
  auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

jobs_state::entry* jobs_state::find(user_id owner, job_id id) {
  auto* found = find(id);
  return found == nullptr || found->work.owner_id != owner ? nullptr : found;
}

// Events of a job have its time as id.
void jobs_state::renew(job& changed) const {
  ++changed.version;
  changed.updated_at = std::max(now(), instant{changed.updated_at.ms + 1});
}

// -- Running ------------------------------------------------------------------------------------

bool jobs_state::may_run(const entry& wanted) const {
  return wanted.is_waiting() && std::none_of(entries_.begin(), entries_.end(), [&](auto& other) {
           return other.second.is_active() && other.second.work.owner_id == wanted.work.owner_id;
         });
}

void jobs_state::work() {
  if (!directory_) return;
  auto running = std::count_if(entries_.begin(), entries_.end(),
                               [](auto& known) { return known.second.is_active(); });
  for (auto& [id, next] : entries_) {
    if (static_cast<size_t>(running) >= parts_.limits.running_max) return;
    if (!may_run(next)) continue;
    ++running;
    begin_job(next);
  }
}

// Stored before it runs: a job that a crash has cut off must not begin again by itself.
void jobs_state::begin_job(entry& next) {
  next.is_starting = true;
  auto begun = next.work;
  begun.status = job_status::running;
  begun.started_at = now();
  renew(begun);
  self->request(parts_.storage, caf::infinite, commit{{change_transfer{update_job{begun}}}})
      .then(
          [this, begun](const done&) {
            auto* found = find(begun.id);
            if (found == nullptr) return;
            found->work = begun;
            run_job(begun.id);
          },
          [this, id = begun.id](const error& cause) {
            log_warning("job.not_begun", {{"job", id}, {"error", cause}});
            auto* found = find(id);
            if (found == nullptr) return;
            found->is_starting = false;
            // Its owner is gone, and with them the job.
            if (code_of(cause) == errc::not_found) return close(id);
            retry_later();
          });
}

void jobs_state::run_job(job_id id) {
  auto& begun = *find(id);
  begun.is_starting = false;
  try {
    begun.worker =
        parts_.start_job({begun.work, begun.is_stopped, caf::actor_cast<job_parent_actor>(self)});
    self->monitor(begun.worker);
  } catch (const std::exception& thrown) {  // no thread to be had, for example
    count_mishap(mishap::exception, "job_worker", thrown.what());
    auto cause = make_error(errc::unavailable, "Too much is running. Please try again later.");
    return finish(begun, {id, job_status::failed, {}, message_error_of(cause)});
  }
  tell_followers(begun, "progress");
  tell_owner(begun.work);
}

void jobs_state::on(const job_progressed& told) {
  auto* found = find(told.id);
  if (found == nullptr) return;
  if (told.made_count > 0)
    tell_user(found->work.owner_id, note_imported{told.made, told.made_count});
  if (found->is_ending) return;
  found->work.done = told.done;
  found->work.total = told.total;
  renew(found->work);
  tell_followers(*found, "progress");
  tell_owner(found->work);
}

void jobs_state::on(const job_ended& told) {
  if (auto* found = find(told.id); found != nullptr && !found->is_ending) finish(*found, told);
}

void jobs_state::on_down(const caf::down_msg& down) {
  if (files_.address() == down.source) return hire_files();
  for (auto& [id, known] : entries_) {
    if (!known.worker || known.worker.address() != down.source) continue;
    known.worker = nullptr;
    if (known.is_ending) return;
    log_error("job.worker_lost", {{"job", id}, {"error", down.reason}});
    auto cause = make_error(errc::internal);
    return finish(known, {id, job_status::failed, {}, message_error_of(cause)});
  }
}

// -- The end ------------------------------------------------------------------------------------

void jobs_state::finish(entry& over, const job_ended& how) {
  over.is_ending = true;
  auto& work = over.work;
  work.status = how.status;
  work.report = how.report;
  work.error = how.fault;
  work.finished_at = now();
  work.expires_at = now() + parts_.limits.report_age_max;
  if (how.status == job_status::done) work.done = work.total;
  if (how.file_bytes)
    work.file = job_file{"parley-" + to_string(work.created_at).substr(0, 10) + ".zip",
                         *how.file_bytes, now() + parts_.limits.file_age_max};
  renew(work);
  store_end(work.id);
}

void jobs_state::store_end(job_id id) {
  const auto& work = find(id)->work;
  std::vector<change> changes{change_transfer{update_job{work}}};
  if (work.upload_id && work.status == job_status::done)
    changes.emplace_back(change_transfer{erase_upload{work.owner_id, *work.upload_id}});
  self->request(parts_.storage, caf::infinite, commit{std::move(changes)})
      .then([this, id](const done&) { close(id); },
            [this, id](const error& cause) {
              log_warning("job.end_not_stored", {{"job", id}, {"error", cause}});
              if (code_of(cause) == errc::not_found) return close(id);
              retry_later();
            });
}

void jobs_state::close(job_id id) {
  auto* over = find(id);
  if (over == nullptr) return;
  const auto& work = over->work;
  if (work.upload_id && work.status == job_status::done)
    self->send(files_, erase_file{file_name_of(*work.upload_id)});
  if (work.kind == job_kind::export_all && !work.file)
    self->send(files_, erase_file{file_name_of(id)});
  tell_followers(*over, "done");
  tell_owner(work);
  entries_.erase(id);
  this->work();
}

void jobs_state::retry_later() {
  if (std::exchange(is_retry_due_, true)) return;
  self->delayed_send(self, parts_.limits.retry_after, jobs_check{});
}

void jobs_state::on(const jobs_check&) {
  if (std::exchange(is_retry_due_, false)) {
    std::vector<job_id> over;
    for (const auto& [id, known] : entries_)
      if (known.is_ending) over.push_back(id);
    for (auto id : over) store_end(id);
    return work();
  }
  self->delayed_send(self, parts_.limits.check_every, jobs_check{});
  self->request(parts_.reader, caf::infinite, load_transfers{})
      .then([this](const transfers_loaded& found) { keep_known_files(found); },
            [](const error& cause) {
              log_warning("jobs.files_not_swept", {{"error", cause}});
            });
}

// -- Who hears of it ----------------------------------------------------------------------------

template <class M>
void jobs_state::tell_user(user_id user, M message) {
  if (!directory_) return;
  self->request(directory_, caf::infinite, locate{user})
      .then([this, message](const located& found) { self->send(found.holder, message); },
            [user](const error& cause) {
              log_warning("job.owner_not_told", {{"user", user}, {"error", cause}});
            });
}

void jobs_state::tell_owner(const job& of) {
  tell_user(of.owner_id, note_event{"job.progress", event_text(of)});
}

namespace {

account_event event_of(const job& work, std::string name) {
  return {work.updated_at.ms, std::move(name), json_of(work)};
}

}  // namespace

void jobs_state::tell_followers(const entry& of, const std::string& name) const {
  auto happened = event_of(of.work, name);
  for (const auto& known : of.followers)
    self->send(known.reader, event_slice{known.stream, {happened}, {}});
}

size_t jobs_state::count_followers() const {
  size_t count = 0;
  for (const auto& [id, known] : entries_) count += known.followers.size();
  return count;
}

caf::result<events_joined> jobs_state::on(const follow_job& asked) {
  auto is_news = [after = asked.after](const account_event& event) {
    return !after || *after < event.id;
  };
  if (auto* found = find(asked.who.user, asked.id)) {
    if (count_followers() >= parts_.limits.followers_max) {
      error_detail detail;
      detail.reason = "listeners_max";
      detail.retry_after_s = 1;
      return make_error(errc::rate_limited, "Too many listeners.", std::move(detail));
    }
    found->followers.push_back({asked.reader, asked.stream, asked.who.user, asked.who.login});
    events_joined joined;
    auto present = event_of(found->work, "progress");
    if (is_news(present) && !found->is_ending) joined.events.push_back(std::move(present));
    return joined;
  }
  auto held = answers.hold<events_joined>(self);
  self->request(parts_.reader, caf::infinite, read_job{asked.who.user, asked.id})
      .then(
          [this, key = held.first](const job& known) {
            answers.deliver<events_joined>(key, {{event_of(known, "done")}});
          },
          [this, key = held.first](error& cause) {
            answers.fail<events_joined>(key, std::move(cause));
          });
  return held.second;
}

void jobs_state::on(const leave_events& leaving) {
  for (auto& [id, known] : entries_)
    std::erase_if(known.followers, [&](const follower& one) {
      return one.stream == leaving.stream && one.reader == leaving.reader;
    });
}

void jobs_state::on(const end_job_streams& ended) {
  event_slice last;
  last.error =
      message_error{to_string(errc::unauthenticated), "token_revoked", "This login has ended."};
  for (auto& [id, known] : entries_)
    std::erase_if(known.followers, [&](const follower& one) {
      if (one.user != ended.user || (!ended.login.is_none() && one.login != ended.login))
        return false;
      last.stream = one.stream;
      self->send(one.reader, last);
      return true;
    });
}

namespace {

jobs_actor::behavior_type run_jobs(jobs_actor::stateful_pointer<jobs_state> self,
                                   const std::shared_ptr<jobs_parts>& parts) {
  harden(self);
  self->set_down_handler([self](caf::down_msg& down) { self->state.on_down(down); });
  self->state.begin(*parts);
  return handle_table<jobs_actor>(self);
}

}  // namespace

jobs_actor spawn_jobs(caf::actor_system& system, jobs_parts parts) {
  // Shared because CAF copies what it hands to an actor's function.
  return spawn_floating(system, run_jobs, std::make_shared<jobs_parts>(std::move(parts)));
}

}  // namespace parley
