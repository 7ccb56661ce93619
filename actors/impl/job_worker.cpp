#include "actors/impl/job_worker.hpp"

#include <thread>

#include "base/log.hpp"

namespace parley {

namespace {

constexpr size_t made_named_max = 100;

using job_worker_actor = caf::typed_actor<tell<jobs_check>>;

struct job_worker_state {
  static inline const char* name = "job_worker";
  explicit job_worker_state(job_worker_actor::pointer actor) : self(actor) {}

  // The one message that it gets.
  void on(const jobs_check&) {
    switch (run->work().kind) {
      case job_kind::import_chats:
        run_import(*run);
        break;
      case job_kind::export_all:
        run_export(*run);
        break;
      case job_kind::backup:
        run_backup(*run);
        break;
    }
    self->quit();
  }

  job_worker_actor::pointer self;
  std::shared_ptr<job_run> run;
};

job_worker_actor::behavior_type run_job_worker(
    job_worker_actor::stateful_pointer<job_worker_state> self,
    const std::shared_ptr<job_run>& run) {
  harden(self);
  self->state.run = run;
  return handle_table<job_worker_actor>(self);
}

}  // namespace

caf::actor spawn_job_worker(caf::actor_system& system, job_order order,
                            std::shared_ptr<const job_tools> tools) {
  // Shared because CAF copies what it hands to an actor's function.
  auto run = std::make_shared<job_run>(system, std::move(order), std::move(tools));
  auto worker = system.spawn<caf::detached>(run_job_worker, run);
  caf::anon_send(worker, jobs_check{});
  return caf::actor_cast<caf::actor>(worker);
}

error job_run::stopped() {
  return make_error(errc::conflict, "job_cancelled", "The job was cancelled.");
}

expected<void> job_run::store(const commit& batch) const {
  constexpr int tries_max = 50;
  for (int tries = 1;; ++tries) {
    auto stored = ask_and_wait<done>(system_, tools_->storage, batch);
    if (stored) return {};
    auto code = code_of(stored.error());
    if ((code != errc::unavailable && code != errc::timeout) || tries == tries_max || is_stopped())
      return std::move(stored.error());
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}

void job_run::advance(int64_t done, int64_t total) {
  news_.done = done;
  news_.total = total;
  if (std::chrono::steady_clock::now() - told_ >= tools_->tell_every) tell();
}

void job_run::note_made(const session& made) {
  ++news_.made_count;
  if (news_.made.size() >= made_named_max) return;
  // Who hears of it is told its title; the rest is to be asked for.
  auto& named = news_.made.emplace_back();
  named.id = made.id;
  named.version = made.version;
  named.title = made.title;
  named.updated_at = made.updated_at;
}

void job_run::tell() {
  told_ = std::chrono::steady_clock::now();
  news_.id = work().id;
  caf::anon_send(order_.parent, news_);
  news_.made.clear();
  news_.made_count = 0;
}

void job_run::end(job_ended how) {
  tell();
  how.id = work().id;
  caf::anon_send(order_.parent, std::move(how));
}

void job_run::fail(const error& cause, std::optional<job_report> report) {
  if (is_stopped()) return end({{}, job_status::cancelled, std::move(report)});
  log_info("job.failed", {{"job", work().id}, {"error", cause}});
  end({{}, job_status::failed, std::move(report), message_error_of(cause)});
}

void run_backup(job_run& run) {
  auto made = run.tools().back_up([&run](int64_t done, int64_t total) {
    run.advance(done, total);
    return !run.is_stopped();
  });
  // By the end of the server, which nobody has asked this job for.
  if (!made && !run.is_stopped() && detail_of(made.error()).reason == "backup_stopped")
    return run.end({{}, job_status::interrupted});
  if (!made) return run.fail(made.error());
  run.end({{}, job_status::done, job_report{{}, {}, std::move(*made)}});
}

}  // namespace parley
