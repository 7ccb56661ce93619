#include "actors/impl/directory_actor.hpp"

#include <algorithm>

#include "actors/floating.hpp"
#include "actors/impl/account_rules.hpp"
#include "actors/impl/audit.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"

namespace parley {

namespace {

constexpr std::chrono::seconds awake_check_every{1};

struct directory_state {
  static inline const char* name = "directory";
  explicit directory_state(directory_actor::pointer actor) : self(actor) {}
  // The next DIRECTORY starts USERs of its own: two of one account must not write.
  ~directory_state() {
    for (const auto& [id, entry] : users_)
      caf::anon_send_exit(entry.holder, caf::exit_reason::user_shutdown);
  }

  void watch_memory() {
    users_awake_ = &metrics().gauge("parley_users_awake", "Users in memory.");
    session_bytes_ = &metrics().gauge("parley_session_bytes", "Held by open sessions.");
    self->delayed_send(self, awake_check_every, awake_check{});
  }

  caf::result<located> on(const locate& message) {
    TRY_DONE(check_room(message.id));
    auto held = answers_.hold<located>(self);
    with_user(message.id, [this, key = held.first](const user_actor& holder) {
      answers_.deliver<located>(key, located{holder});
    });
    return held.second;
  }

  caf::result<login_ticket> on(const log_in_by_name& message) {
    guess<log_in> asked{message.username, message.from, {message.password, message.from}};
    return try_by_name(std::move(asked));
  }

  caf::result<login_ticket> on(const reset_by_name& message) {
    guess<redeem_code> asked{
        message.username, message.from, {message.code, message.next, message.from}};
    return try_by_name(std::move(asked));
  }

  caf::result<login_ticket> on(const log_in_alone& message) {
    if (!parts.is_single)
      return make_error(errc::unauthenticated, "password_needed",
                        "Please log in with name and password.");
    auto held = answers_.hold<login_ticket>(self);
    self->request(parts.reader, caf::infinite, find_username{std::string{single_username}})
        .then(
            [this, key = held.first, from = message.from](const found_user& found) {
              if (!found.id) return answers_.fail<login_ticket>(key, wrong_credentials());
              with_user(*found.id, [this, key, from](const user_actor& holder) {
                answers_.hand_on<login_ticket>(key, holder, open_login{from, true});
              });
            },
            [this, key = held.first](error& cause) {
              answers_.fail<login_ticket>(key, std::move(cause));
            });
    return held.second;
  }

  void on(const user_idle& message) {
    auto found = users_.find(message.id);
    if (found == users_.end() || found->second.is_leaving) return;
    if (self->clock().now() - found->second.looked_up_at < parts.looked_up_grace) return;
    found->second.is_leaving = true;
    self->send(found->second.holder, sleep_now{});
  }

  // Both in the order of last use: those who sleep are the ones least likely to be missed.
  void on(const awake_check&) {
    self->delayed_send(self, awake_check_every, awake_check{});
    users_awake_->set(static_cast<int64_t>(users_.size()));
    int64_t bytes = 0;
    for (const auto& [id, entry] : users_) bytes += entry.gauge->session_bytes;
    session_bytes_->set(bytes);
    // A sixteenth is kept free, so that who comes next need not wait for a sleeper.
    auto crowd = users_.size() + parts.users_awake_max / 16;
    auto over = crowd > parts.users_awake_max ? crowd - parts.users_awake_max : 0;
    if (over == 0 && bytes <= parts.session_bytes_max) return;
    auto excess = bytes - parts.session_bytes_max;
    for (auto* entry : by_last_use()) {
      if (over == 0 && excess <= 0) return;
      auto frees = entry->gauge->idle_session_bytes.load();
      if (over == 0 && frees == 0) continue;
      self->send(entry->holder, rest{});
      excess -= frees;
      if (over > 0) --over;
    }
  }

  void on_down(const caf::down_msg& down) {
    auto named = ids_.find(down.source.id());
    if (named == ids_.end()) return;
    auto id = named->second;
    ids_.erase(named);
    auto node = users_.extract(id);
    if (node.empty()) return;
    for (auto& waiting : node.mapped().waiting) with_user(id, waiting);
  }

  directory_actor::pointer self;
  directory_parts parts;
  login_limits limits;

 private:
  using continuation = std::function<void(const user_actor&)>;
  enum class retries : uint8_t { none = 1, one };

  struct entry {
    user_actor holder;
    std::shared_ptr<user_gauge> gauge;
    caf::actor_clock::time_point looked_up_at;
    bool is_leaving = false;            ///< was told sleep_now
    std::vector<continuation> waiting;  ///< for the successor of one that leaves
  };

  expected<void> check_room(user_id id) const {
    if (users_.size() < parts.users_awake_max || users_.count(id) != 0) return caf::unit;
    error_detail detail;
    detail.reason = "users_awake_max";
    detail.retry_after_s = 1;
    return make_error(errc::unavailable, "Too many users are active now.", std::move(detail));
  }

  std::vector<entry*> by_last_use() {
    std::vector<std::pair<int64_t, entry*>> order;
    for (auto& [id, each] : users_)
      if (!each.is_leaving) order.emplace_back(each.gauge->last_used.load(), &each);
    std::sort(order.begin(), order.end());
    std::vector<entry*> result;
    result.reserve(order.size());
    for (auto& [used, each] : order) result.push_back(each);
    return result;
  }

  /// Calls `next` with the one USER of this id, now or when its predecessor is down.
  void with_user(user_id id, continuation next) {
    auto found = users_.find(id);
    if (found == users_.end()) {
      auto gauge = std::make_shared<user_gauge>();
      auto holder = parts.start_user({id, caf::actor_cast<user_parent_actor>(self), gauge});
      self->monitor(holder);
      ids_[holder.address().id()] = id;
      found = users_.emplace(id, entry{std::move(holder), std::move(gauge), {}, false, {}}).first;
    }
    found->second.looked_up_at = self->clock().now();
    if (found->second.is_leaving)
      found->second.waiting.push_back(std::move(next));
    else
      next(found->second.holder);
  }

  /// What is asked of a USER whose name was given, with a secret that may be guessed.
  template <class M>
  struct guess {
    std::string username;
    client from;
    M message;
  };
  template <class M>
  using guess_ptr = std::shared_ptr<const guess<M>>;

  template <class M>
  caf::result<login_ticket> try_by_name(guess<M> wanted) {
    login_limits::attempt from{wanted.username, wanted.from.address};
    if (auto wait_s = limits.begin(from, parts.clock->now()); wait_s > 0) {
      error_detail detail;
      detail.reason = "login_limited";
      detail.retry_after_s = wait_s;
      return make_error(errc::rate_limited, "Too many failed log-ins, please wait.",
                        std::move(detail));
    }
    auto held = answers_.hold<login_ticket>(self);
    auto key = held.first;
    // Shared: the steps below hand it on without copying the password again.
    auto asked = std::make_shared<const guess<M>>(std::move(wanted));
    self->request(parts.reader, caf::infinite, find_username{asked->username})
        .then(
            [this, key, asked](const found_user& found) {
              auto room = found.id ? check_room(*found.id) : expected<void>{caf::unit};
              if (!room)
                fail(key, asked, {}, room.error());
              else if (found.id)
                ask_user(key, asked, *found.id, retries::one);
              else
                refuse_unknown(key, asked);
            },
            [this, key, asked](error& cause) { fail(key, asked, {}, std::move(cause)); });
    return held.second;
  }

  template <class M>
  void ask_user(uint64_t key, const guess_ptr<M>& asked, user_id id, retries left) {
    with_user(id, [this, key, asked, id, left](const user_actor& holder) {
      self->request(holder, caf::infinite, asked->message)
          .then(
              [this, key, asked](login_ticket& ticket) {
                end(*asked, login_limits::outcome::right);
                answers_.deliver<login_ticket>(key, std::move(ticket));
              },
              [this, key, asked, id, left](error& cause) {
                // It fell asleep just then.
                if (cause == caf::sec::request_receiver_down && left == retries::one)
                  return ask_user(key, asked, id, retries::none);
                fail(key, asked, id, std::move(cause));
              });
    });
  }

  /// As much work and the same answer as for a wrong password.
  void refuse_unknown(uint64_t key, const guess_ptr<log_in>& asked) {
    self->request(parts.hasher, caf::infinite, verify_password{asked->message.password, {}})
        .then([this, key,
               asked](const password_verdict&) { fail(key, asked, {}, wrong_credentials()); },
              [this, key, asked](error& cause) { fail(key, asked, {}, std::move(cause)); });
  }
  /// A wrong code costs no work either.
  void refuse_unknown(uint64_t key, const guess_ptr<redeem_code>& asked) {
    fail(key, asked, {}, wrong_code());
  }

  template <class M>
  void fail(uint64_t key, const guess_ptr<M>& asked, std::optional<user_id> id, error cause) {
    auto is_wrong = code_of(cause) == errc::unauthenticated;
    end(*asked, is_wrong ? login_limits::outcome::wrong : login_limits::outcome::undecided);
    if (is_wrong) note_failure(asked->from, id, id ? asked->username : std::string{});
    answers_.fail<login_ticket>(key, std::move(cause));
  }

  template <class M>
  void end(const guess<M>& asked, login_limits::outcome outcome) {
    limits.end({asked.username, asked.from.address}, outcome, parts.clock->now());
  }

  /// The audit log hears of failures, but a flood of them only as a number. A name that nobody has
  /// is not told: it may be a password, typed into the wrong field.
  void note_failure(const client& from, std::optional<user_id> id, std::string name) {
    constexpr int told_per_minute_max = 60;
    auto now = parts.clock->now();
    if (now - failures_since_ >= std::chrono::minutes{1} || now < failures_since_) {
      failures_since_ = now;
      failures_told_ = 0;
    }
    if (failures_told_ >= told_per_minute_max) return static_cast<void>(++failures_untold_);
    ++failures_told_;
    auto told = audited(from, {}, now, "login.failed",
                        {id ? to_string(*id) : std::string{}, std::move(name)});
    told.entry.result = audit_result::refused;
    if (auto untold = std::exchange(failures_untold_, 0); untold > 0)
      told.entry.detail.text = "{\"untold\":" + std::to_string(untold) + "}";
    self->request(parts.storage, caf::infinite, commit{{std::move(told)}})
        .then([](const done&) {},
              [](const error& cause) {
                log_warning("audit.not_stored", {{"error", cause}});
              });
  }

  std::unordered_map<user_id, entry> users_;
  std::unordered_map<caf::actor_id, user_id> ids_;
  held_answers answers_;
  instant failures_since_;
  int failures_told_ = 0;  ///< within a minute
  int64_t failures_untold_ = 0;
  metric_gauge* users_awake_ = nullptr;
  metric_gauge* session_bytes_ = nullptr;
};

directory_actor::behavior_type run_directory(
    directory_actor::stateful_pointer<directory_state> self,
    const std::shared_ptr<directory_parts>& parts) {
  harden(self);
  self->set_down_handler([self](caf::down_msg& down) { self->state.on_down(down); });
  self->state.parts = *parts;
  self->state.limits = login_limits{parts->limits};
  self->state.watch_memory();
  return {handle<locate>(self),        handle<log_in_by_name>(self), handle<log_in_alone>(self),
          handle<reset_by_name>(self), handle<user_idle>(self),      handle<awake_check>(self)};
}

}  // namespace

directory_actor spawn_directory(caf::actor_system& system, directory_parts parts) {
  // Shared because CAF copies what it hands to an actor's function.
  return spawn_floating(system, run_directory, std::make_shared<directory_parts>(std::move(parts)));
}

}  // namespace parley
