#include "actors/impl/hasher_actor.hpp"

#include <sys/resource.h>

#include <cmath>
#include <deque>
#include <variant>

#include "actors/floating.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"

namespace parley {

namespace {

// -- A worker -----------------------------------------------------------------------------------

struct worker_state {
  static inline const char* name = "hash_worker";
  explicit worker_state(hash_worker_actor::pointer) {}

  caf::result<hashed_password> on(const hash_password& message) const {
    TRY(auto hash, hasher->hash(message.password.reveal()));
    return hashed_password{std::move(hash)};
  }

  caf::result<password_verdict> on(const verify_password& message) const {
    const auto& password = message.password.reveal();
    if (message.hash.empty()) {
      TRY([[maybe_unused]] auto is_right, hasher->verify_for_nobody(password));
      return password_verdict{};
    }
    password_verdict verdict;
    TRY(verdict.is_right, hasher->verify(password, message.hash));
    if (verdict.is_right && hasher->needs_rehash(message.hash)) {
      TRY(verdict.rehashed, hasher->hash(password));
    }
    return verdict;
  }

  const password_hasher* hasher = nullptr;
};

hash_worker_actor::behavior_type run_hash_worker(
    hash_worker_actor::stateful_pointer<worker_state> self, const password_hasher* hasher,
    hashing_thread thread) {
  harden(self);
  self->state.hasher = hasher;
  // On Linux it holds for the calling thread alone. A server without spare time still answers.
  if (thread == hashing_thread::own && ::setpriority(PRIO_PROCESS, 0, 10) != 0)
    log_warning("hasher.not_nice", {{"errno", errno}});
  return {handle<hash_password>(self), handle<verify_password>(self)};
}

// -- The pool -----------------------------------------------------------------------------------

struct hasher_state;
using hasher_self = hasher_actor::stateful_pointer<hasher_state>;

struct hasher_state {
  static inline const char* name = "hasher";
  explicit hasher_state(hasher_actor::pointer actor) : self_(actor) {}
  ~hasher_state() {
    for (const auto& worker : workers_)
      caf::anon_send_exit(worker, caf::exit_reason::user_shutdown);
  }

  void begin(hasher_parts given) {
    parts_ = std::move(given);
    average_ = parts_.first_estimate;
    for (size_t i = 0; i < parts_.threads; ++i) add_worker();
  }

  caf::result<hashed_password> on(const hash_password& message) {
    return enqueue<hash_password, hashed_password>(message);
  }

  caf::result<password_verdict> on(const verify_password& message) {
    return enqueue<verify_password, password_verdict>(message);
  }

  void on_down(const caf::down_msg& down) {
    replace(down.source);
    work();
  }

 private:
  void replace(const caf::actor_addr& ended) {
    auto is_it = [&](const auto& worker) { return worker.address() == ended; };
    auto found = std::find_if(workers_.begin(), workers_.end(), is_it);
    if (found == workers_.end()) return;  // replaced before
    idle_.erase(std::remove(idle_.begin(), idle_.end(), *found), idle_.end());
    workers_.erase(found);
    // Only work ends a worker early, so this can't turn by itself.
    add_worker();
  }

  template <class M>
  struct job {
    M message;
    uint64_t key;
  };
  using any_job = std::variant<job<hash_password>, job<verify_password>>;

  void add_worker() {
    auto worker = parts_.start_worker();
    self_->monitor(worker);
    workers_.push_back(worker);
    idle_.push_back(std::move(worker));
  }

  /// Of all that waits or runs, on all workers together.
  std::chrono::duration<double> expected_wait() const {
    auto count = static_cast<double>(queue_.size() + running_);
    return average_ * count / static_cast<double>(std::max<size_t>(workers_.size(), 1));
  }

  template <class M, class R>
  caf::result<R> enqueue(const M& message) {
    if (auto wait = expected_wait(); wait > parts_.queue_max) {
      error_detail detail;
      detail.reason = "hashing_queue_full";
      detail.retry_after_s = static_cast<uint32_t>(std::ceil(wait.count()));
      return make_error(errc::unavailable, "Too many log-ins at once, please try again later.",
                        std::move(detail));
    }
    auto held = answers_.hold<R>(self_);
    queue_.push_back(job<M>{message, held.first});
    work();
    return held.second;
  }

  void work() {
    while (!queue_.empty() && !idle_.empty()) {
      auto next = std::move(queue_.front());
      queue_.pop_front();
      auto worker = std::move(idle_.back());
      idle_.pop_back();
      std::visit([&](auto& one) { send(worker, one); }, next);
    }
    waiting_.set(static_cast<int64_t>(queue_.size()));
  }

  void send(const hash_worker_actor& worker, job<hash_password>& one) {
    send_to<hashed_password>(worker, one);
  }
  void send(const hash_worker_actor& worker, job<verify_password>& one) {
    send_to<password_verdict>(worker, one);
  }

  template <class R, class M>
  void send_to(const hash_worker_actor& worker, job<M>& one) {
    ++running_;
    auto key = one.key;
    auto since = self_->clock().now();
    self_->request(worker, caf::infinite, std::move(one.message))
        .then(
            [this, worker, key, since](R& result) {
              measure(self_->clock().now() - since);
              answers_.deliver<R>(key, std::move(result));
              finish(worker);
            },
            [this, worker, key](error& cause) {
              // An error that is not ours means that the worker has ended, whether its `down` is
              // here already or not.
              auto has_ended = cause.category() != make_error(errc::internal).category();
              answers_.fail<R>(key, std::move(cause));
              if (has_ended) replace(worker.address());
              finish(worker);
            });
  }

  void finish(const hash_worker_actor& worker) {
    --running_;
    if (std::find(workers_.begin(), workers_.end(), worker) != workers_.end())
      idle_.push_back(worker);
    work();
  }

  void measure(std::chrono::duration<double> took) { average_ += (took - average_) / 8; }

  hasher_actor::pointer self_;
  hasher_parts parts_;
  std::vector<hash_worker_actor> workers_;
  std::vector<hash_worker_actor> idle_;
  std::deque<any_job> queue_;  ///< bounded by expected_wait
  held_answers answers_;
  size_t running_ = 0;
  std::chrono::duration<double> average_{};
  metric_gauge& waiting_ =
      metrics().gauge("parley_hashing_waiting", "Passwords that wait to be hashed.");
};

hasher_actor::behavior_type run_hasher(hasher_self self,
                                       const std::shared_ptr<hasher_parts>& parts) {
  harden(self);
  self->set_down_handler([self](caf::down_msg& down) { self->state.on_down(down); });
  self->state.begin(std::move(*parts));
  return {handle<hash_password>(self), handle<verify_password>(self)};
}

}  // namespace

hash_worker_actor spawn_hash_worker(caf::actor_system& system, const password_hasher& hasher,
                                    hashing_thread thread) {
  if (thread == hashing_thread::own)
    return system.spawn<caf::detached>(run_hash_worker, &hasher, thread);
  return spawn_floating(system, run_hash_worker, &hasher, thread);
}

hasher_actor spawn_hasher(caf::actor_system& system, hasher_parts parts) {
  // Shared because CAF copies what it hands to an actor's function.
  return spawn_floating(system, run_hasher, std::make_shared<hasher_parts>(std::move(parts)));
}

}  // namespace parley
