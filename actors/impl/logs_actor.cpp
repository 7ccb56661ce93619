#include "actors/impl/logs_actor.hpp"

#include "actors/floating.hpp"
#include "actors/impl/log_search.hpp"
#include "actors/impl/log_sums.hpp"

namespace parley {

namespace {

using namespace std::chrono_literals;

/// Of one question, when sums are missing.
constexpr auto sums_patience = 2s;

// -- The worker ---------------------------------------------------------------------------------

struct log_worker_state {
  static inline const char* name = "log_worker";
  explicit log_worker_state(log_worker_actor::pointer actor) : self_(actor) {}

  void begin(log_worker_parts given) {
    parts_ = std::move(given);
    sums_ = std::make_unique<log_sums>(parts_.directory, sums_keeping::stored);
  }

  caf::result<log_page> on(const read_logs& wanted) const {
    log_place from;
    if (!wanted.page.cursor.empty()) {
      TRY(from, parse_log_cursor(wanted.page.cursor));
    }
    log_bounds bounds;
    bounds.lines_max = static_cast<size_t>(wanted.page.limit);
    bounds.bytes_max = parts_.page_bytes_max;
    auto found = find_log_lines(parts_.directory, wanted.filter, from, bounds);
    log_page page;
    page.lines = std::move(found.lines);
    if (found.next) page.next_cursor = cursor_of(*found.next);
    return page;
  }

  caf::result<log_summary> on(const sum_logs& wanted) {
    auto made = sums_->answer(wanted.query, sums_patience);
    if (!made) return std::move(made.error());
    return std::move(*made);
  }

  // One file at a time: questions come between.
  void on(const sum_up_files&) {
    if (sums_->go_on()) self_->send(self_, sum_up_files{});
  }

 private:
  log_worker_actor::pointer self_;
  log_worker_parts parts_;
  std::unique_ptr<log_sums> sums_;
};

log_worker_actor::behavior_type run_log_worker(
    log_worker_actor::stateful_pointer<log_worker_state> self, const log_worker_parts& parts) {
  harden(self);
  self->state.begin(parts);
  return handle_table<log_worker_actor>(self);
}

// -- LOGS ---------------------------------------------------------------------------------------

struct logs_state {
  static inline const char* name = "logs";
  explicit logs_state(logs_actor::pointer actor) : self_(actor) {}
  ~logs_state() {
    if (worker_) caf::anon_send_exit(worker_, caf::exit_reason::user_shutdown);
  }

  void begin(logs_parts given) {
    parts_ = std::move(given);
    self_->set_down_handler([this](caf::down_msg& down) {
      if (worker_.address() == down.source) hire();
    });
    hire();
    self_->send(self_, sum_up_files{});
  }

  caf::result<log_page> on(const read_logs& question) { return hand_on<log_page>(question); }
  caf::result<log_summary> on(const sum_logs& question) { return hand_on<log_summary>(question); }

  void on(const sum_up_files& due) {
    self_->send(worker_, due);
    self_->delayed_send(self_, parts_.sums_each, due);
  }

 private:
  void hire() {
    worker_ = parts_.start_worker();
    self_->monitor(worker_);
  }

  template <class R, class M>
  caf::result<R> hand_on(const M& question) {
    if (waiting_ >= parts_.questions_max) {
      error_detail detail;
      detail.reason = "logs_busy";
      detail.retry_after_s = 1;
      return make_error(errc::unavailable, "Too many questions wait for the log.", detail);
    }
    ++waiting_;
    auto held = answers_.hold<R>(self_);
    self_->request(worker_, caf::infinite, question)
        .then(
            [this, key = held.first](R& found) {
              --waiting_;
              answers_.deliver<R>(key, std::move(found));
            },
            [this, key = held.first](error& cause) {
              --waiting_;
              answers_.fail<R>(key, std::move(cause));
            });
    return held.second;
  }

  logs_actor::pointer self_;
  logs_parts parts_;
  log_worker_actor worker_;
  held_answers answers_;
  size_t waiting_ = 0;
};

logs_actor::behavior_type run_logs(logs_actor::stateful_pointer<logs_state> self,
                                   const logs_parts& parts) {
  harden(self);
  self->state.begin(parts);
  return handle_table<logs_actor>(self);
}

}  // namespace

log_worker_actor spawn_log_worker(caf::actor_system& system, log_worker_parts parts,
                                  log_thread thread) {
  if (thread == log_thread::own)
    return system.spawn<caf::detached>(run_log_worker, std::move(parts));
  return spawn_floating(system, run_log_worker, std::move(parts));
}

logs_actor spawn_logs(caf::actor_system& system, logs_parts parts) {
  return spawn_floating(system, run_logs, std::move(parts));
}

}  // namespace parley
