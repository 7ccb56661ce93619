#include "providers/upstream.hpp"

#include "providers/transfer.hpp"

namespace parley::providers {

namespace {

using std::chrono::milliseconds;

constexpr int rounds_max = 16;
// What is read in a round of the loop, about a millisecond of parsing, before all that is left
// waits for the next one.
constexpr size_t bytes_per_round_max = size_t{64} << 10;

}  // namespace

CURLcode start_libcurl() {
  static const auto result = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  return result;
}

struct upstream::state final : io_round_end {
  struct side;

  /// Stands between one socket of libcurl and the loop.
  struct socket_watch final : io_watcher {
    void on_ready(uint32_t events) override {
      if (events & (EPOLLIN | EPOLLRDHUP)) mask |= CURL_CSELECT_IN;
      if (events & EPOLLOUT) mask |= CURL_CSELECT_OUT;
      if (events & (EPOLLERR | EPOLLHUP)) mask |= CURL_CSELECT_ERR | CURL_CSELECT_IN;
      owner->owner.take_turn(*this);
    }
    side* owner = nullptr;
    curl_socket_t socket = CURL_SOCKET_BAD;
    watch_id watch = 0;
    int mask = 0;  ///< what libcurl has not been told yet
    bool is_queued = false;
  };

  /// One multi handle. Calls that may reach private addresses and calls that may not never share
  /// one, so that they share no connection either.
  struct side {
    explicit side(state& s) : owner(s), timer([this] { on_due(); }) {}

    void on_due() {
      owner.drive(*this, CURL_SOCKET_TIMEOUT, 0);
      // The loop's clock stands still during a round, so the timer may be a little early. Libcurl
      // then does nothing and, believing the timer still runs, does not set it again.
      long left_ms = -1;
      if (!multi || is_due || timer.is_armed()) return;
      ::curl_multi_timeout(multi, &left_ms);
      if (left_ms >= 0) timer.arm(owner.loop, milliseconds{left_ms});
    }

    state& owner;
    CURLM* multi = nullptr;
    CURLSH* tls_sessions = nullptr;  // kept per handle otherwise, and handles change hosts
    io_timer timer;
    bool is_due = false;  // libcurl wants to be called without waiting for the loop's next tick
  };

  state(io_loop& l, upstream_limits bounds)
      : loop(l), limits(bounds), for_admins(*this), for_users(*this) {
    if (start_libcurl() != CURLE_OK) return;
    set_up(for_admins);
    set_up(for_users);
  }

  void set_up(side& s) const {
    s.multi = ::curl_multi_init();
    if (!s.multi) return;
    s.tls_sessions = ::curl_share_init();
    if (s.tls_sessions)
      ::curl_share_setopt(s.tls_sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    ::curl_multi_setopt(s.multi, CURLMOPT_SOCKETFUNCTION, &on_socket);
    ::curl_multi_setopt(s.multi, CURLMOPT_SOCKETDATA, &s);
    ::curl_multi_setopt(s.multi, CURLMOPT_TIMERFUNCTION, &on_timer);
    ::curl_multi_setopt(s.multi, CURLMOPT_TIMERDATA, &s);
    ::curl_multi_setopt(s.multi, CURLMOPT_MAXCONNECTS,
                        static_cast<long>(limits.idle_connections_max));
  }

  void close() {
    for (auto& [id, call] : transfers) take_off(*call);
    transfers.clear();
    for (auto* easy : idle_handles) ::curl_easy_cleanup(easy);
    idle_handles.clear();
    for (auto* s : {&for_admins, &for_users}) {
      if (s->multi) ::curl_multi_cleanup(s->multi);
      if (s->tls_sessions) ::curl_share_cleanup(s->tls_sessions);
      s->multi = nullptr;
      s->tls_sessions = nullptr;
      s->timer.cancel();
    }
  }

  side& side_of(const transfer& call) {
    return call.request.policy->owner == model_owner::admin ? for_admins : for_users;
  }

  // An exception must not pass through libcurl, which would refuse every call after it.
  static int on_socket(CURL*, curl_socket_t socket, int what, void* user, void* known) noexcept {
    auto& s = *static_cast<side*>(user);
    auto& self = s.owner;
    auto* watch = static_cast<socket_watch*>(known);
    if (what == CURL_POLL_REMOVE) {
      if (watch) self.release(*watch);
      return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (watch) {
      self.loop.change(watch->watch, events);
      return 0;
    }
    watch = self.new_watch();
    auto id = self.loop.watch(socket, events, *watch);
    if (!id) {
      self.idle_watches.push_back(watch);
      return -1;
    }
    watch->mask = 0;
    watch->owner = &s;
    watch->socket = socket;
    watch->watch = *id;
    ::curl_multi_assign(s.multi, socket, watch);
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* user) noexcept {
    auto& s = *static_cast<side*>(user);
    s.is_due = timeout_ms == 0;
    if (timeout_ms > 0)
      s.timer.arm(s.owner.loop, milliseconds{timeout_ms});
    else
      s.timer.cancel();
    return 0;
  }

  socket_watch* new_watch() {
    if (idle_watches.empty()) {
      watches.push_back(std::make_unique<socket_watch>());
      return watches.back().get();
    }
    auto* result = idle_watches.back();
    idle_watches.pop_back();
    return result;
  }

  void release(socket_watch& watch) {
    loop.unwatch(watch.watch);
    watch.watch = 0;
    if (std::exchange(watch.is_queued, false)) std::erase(queue, &watch);
    idle_watches.push_back(&watch);
  }

  // Without memory a transfer may have lost its socket: nothing would ever wake it again.
  void act(side& s, curl_socket_t socket, int mask) {
    int running = 0;
    s.is_due = false;
    auto before = round.bytes.size();
    if (::curl_multi_socket_action(s.multi, socket, mask, &running) == CURLM_OUT_OF_MEMORY)
      std::terminate();
    taken += round.bytes.size() - before;
  }

  void take_turn(socket_watch& watch) {
    if (watch.is_queued) return;
    if (std::exchange(round_begun, loop.now()) != loop.now()) taken = 0;
    if (taken < bytes_per_round_max) return drive_socket(watch);
    watch.is_queued = true;
    queue.push_back(&watch);
    loop.at_round_end(*this);
  }

  void drive_socket(socket_watch& watch) {
    drive(*watch.owner, watch.socket, std::exchange(watch.mask, 0));
  }

  void drive_next() {
    auto* watch = queue.front();
    queue.pop_front();
    watch->is_queued = false;
    drive_socket(*watch);
  }

  /// One that stood still goes on, unless its listener made it stand still again.
  void resume_next() {
    auto* call = find(round.resting.front());
    round.resting.pop_front();
    if (!call || !call->easy || call->is_paused) return;
    call->begin_turn();
    // Libcurl may hand over here what it took before it stood still.
    ::curl_easy_pause(call->easy, CURLPAUSE_CONT);
    drive(side_of(*call), CURL_SOCKET_TIMEOUT, 0);
  }

  /// Lets libcurl work, then tells the listeners what came of it.
  void drive(side& s, curl_socket_t socket, int mask) {
    if (!s.multi) return;
    act(s, socket, mask);
    for (int i = 0; s.is_due && i < rounds_max; ++i) act(s, CURL_SOCKET_TIMEOUT, 0);
    collect_ends(s);
    deliver();
    launch_waiting();
    ask_for_round();
  }

  void collect_ends(side& s) {
    int left = 0;
    while (auto* message = ::curl_multi_info_read(s.multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      auto code = message->data.result;  // the message is gone with its handle
      char* found = nullptr;
      ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &found);
      auto& call = *reinterpret_cast<transfer*>(found);
      call.is_finished = true;
      take_off(call);
      round.entries.push_back({call.id, round_log::kind::end, code, 0, 0});
    }
  }

  void deliver() {
    // Listeners may start, cancel and drain calls here; a start that fails adds to the log.
    for (size_t i = 0; i < round.entries.size(); ++i) {
      auto entry = round.entries[i];
      auto* call = find(entry.id);
      if (!call) continue;
      if (entry.what == round_log::kind::end) {
        finish(*call, call->end_of(entry.code));
        continue;
      }
      if (entry.what == round_log::kind::head) drop_request(*call);
      if (!call->listener) continue;
      if (entry.what == round_log::kind::head)
        call->listener->on_head(entry.id, response_head{call->head});
      else
        call->listener->on_bytes(entry.id,
                                 std::string_view{round.bytes}.substr(entry.begin, entry.size));
    }
    round.clear();
  }

  /// The first response byte is here: neither key nor body is needed again.
  void drop_request(transfer& call) {
    if (call.easy && !call.is_finished) ::curl_easy_setopt(call.easy, CURLOPT_HTTPHEADER, nullptr);
    call.wipe_headers();
  }

  void finish(transfer& call, const upstream_end& end) {
    auto node = transfers.extract(call.id);
    take_off(call);
    if (call.listener) call.listener->on_end(call.id, end);
  }

  transfer* find(upstream_call_id id) {
    auto found = transfers.find(id);
    return found == transfers.end() ? nullptr : found->second.get();
  }

  void give_up(upstream_call_id id) {
    auto* call = find(id);
    if (!call) return;
    if (loop.now() < call->due()) return call->arm_deadline();
    finish(*call, call->end_of(CURLE_OPERATION_TIMEDOUT));
    launch_waiting();
    ask_for_round();
  }

  void launch(transfer& call) {
    auto& s = side_of(call);
    auto* easy = new_handle();
    auto is_ok = easy && s.multi && call.prepare(easy) &&
                 ::curl_easy_setopt(easy, CURLOPT_SHARE, s.tls_sessions) == CURLE_OK;
    call.is_resolving = is_ok && !call.request.base.is_literal();
    if (is_ok && ::curl_multi_add_handle(s.multi, easy) == CURLM_OK) return call.begin_wait();
    if (easy) ::curl_easy_cleanup(easy);
    call.easy = nullptr;
    call.is_resolving = false;
    call.is_finished = true;
    round.entries.push_back({call.id, round_log::kind::end, CURLE_FAILED_INIT, 0, 0});
  }

  bool may_look_up(const transfer& call) const {
    if (call.request.base.is_literal()) return true;
    size_t all = 0;
    size_t same_host = 0;
    for (auto id : looking_up) {
      auto found = transfers.find(id);
      if (found == transfers.end() || !found->second->is_resolving) continue;
      ++all;
      if (found->second->request.base.host() == call.request.base.host()) ++same_host;
    }
    return all < limits.lookups_max && same_host < limits.lookups_per_host_max;
  }

  void launch_or_wait(transfer& call) {
    if (!may_look_up(call)) return waiting.push_back(call.id);
    launch(call);
    if (call.is_resolving) looking_up.push_back(call.id);
  }

  void launch_waiting() {
    auto freed = std::erase_if(looking_up, [this](upstream_call_id id) {
      auto* call = find(id);
      return !call || !call->is_resolving;
    });
    if (freed == 0 || waiting.empty()) return;
    for (auto id : std::exchange(waiting, {})) {
      if (auto* call = find(id)) launch_or_wait(*call);
    }
  }

  /// libcurl wants to be called at once, or a call failed while it was started: both wait for the
  /// end of the loop's round, since listeners must not be called inside `start`.
  void ask_for_round() {
    auto has_work = for_admins.is_due || for_users.is_due || !round.entries.empty();
    if (has_work || !queue.empty() || !round.resting.empty()) loop.at_round_end(*this);
  }

  void on_round_end() override {
    for (auto* s : {&for_admins, &for_users}) {
      if (s->is_due) drive(*s, CURL_SOCKET_TIMEOUT, 0);
    }
    if (!round.entries.empty()) {
      deliver();
      launch_waiting();
    }
    taken = 0;  // those that wait have a share of their own, whatever came before them
    while (taken < bytes_per_round_max && !queue.empty()) drive_next();
    // At least one in each round: what brings much goes on, however many bring little.
    if (!round.resting.empty()) resume_next();
    while (taken < bytes_per_round_max && !round.resting.empty()) resume_next();
    ask_for_round();
  }

  CURL* new_handle() {
    if (idle_handles.empty()) return ::curl_easy_init();
    auto* result = idle_handles.back();
    idle_handles.pop_back();
    return result;
  }

  void recycle(CURL* easy) {
    if (idle_handles.size() >= limits.idle_handles_max) return ::curl_easy_cleanup(easy);
    ::curl_easy_reset(easy);
    ::curl_easy_setopt(easy, CURLOPT_SHARE, nullptr);
    idle_handles.push_back(easy);
  }

  /// Removing the handle of an unfinished HTTP/1.1 call closes its connection.
  void take_off(transfer& call) {
    call.deadline.cancel();
    if (!call.easy) {
      if (!call.is_finished) std::erase(waiting, call.id);
      return;
    }
    ::curl_multi_remove_handle(side_of(call).multi, call.easy);
    auto* easy = std::exchange(call.easy, nullptr);
    // One that was taken out of a look-up keeps buffers, and refuses options ever after; one that
    // was taken while it stood still might stand still for the next call as well.
    if (call.is_finished && !call.is_still())
      recycle(easy);
    else
      ::curl_easy_cleanup(easy);
    call.wipe_headers();
    call.is_resolving = false;
  }

  io_loop& loop;
  const upstream_limits limits;
  round_log round;
  side for_admins;
  side for_users;
  std::unordered_map<upstream_call_id, std::unique_ptr<transfer>> transfers;
  std::vector<upstream_call_id> waiting;  // for a look-up, in their order
  std::vector<upstream_call_id> looking_up;
  std::deque<socket_watch*> queue;  // that have something, and wait for their turn
  size_t taken = 0;                 // bytes, in the round of the loop that began then
  std::chrono::steady_clock::time_point round_begun;
  std::vector<CURL*> idle_handles;
  std::vector<std::unique_ptr<socket_watch>> watches;
  std::vector<socket_watch*> idle_watches;
  upstream_call_id last_id = 0;
};

upstream::upstream(io_loop& loop, upstream_limits limits)
    : state_(std::make_unique<state>(loop, limits)) {}

upstream::~upstream() {
  state_->close();
}

expected<upstream_call_id> upstream::start(upstream_request request, upstream_listener& listener) {
  auto& s = *state_;
  if (s.transfers.size() >= s.limits.calls_max)
    return make_error(errc::unavailable, "upstream_calls", "Too many calls are running.");
  auto id = ++s.last_id;
  auto call = std::make_unique<transfer>(std::move(request),
                                         transfer::surroundings{s.loop, s.limits, s.round},
                                         [&s, id] { s.give_up(id); });
  call->id = id;
  call->listener = &listener;
  call->ends_at = s.loop.now() + milliseconds{s.limits.total_ms};
  auto& placed = *s.transfers.emplace(id, std::move(call)).first->second;
  placed.begin_wait();
  s.launch_or_wait(placed);
  s.ask_for_round();
  return id;
}

void upstream::cancel(upstream_call_id id) {
  auto node = state_->transfers.extract(id);
  if (node.empty()) return;
  state_->take_off(*node.mapped());
  state_->ask_for_round();
}

void upstream::pause(upstream_call_id id, bool is_paused) {
  auto* call = state_->find(id);
  if (!call || call->is_paused == is_paused || !call->may_pause()) return;
  call->is_paused = is_paused;
  call->begin_wait();
  if (!is_paused)
    state_->round.resting.push_back(id);
  else if (!call->is_resting)
    ::curl_easy_pause(call->easy, CURLPAUSE_RECV);
  state_->ask_for_round();
}

void upstream::drain(upstream_call_id id) {
  auto* call = state_->find(id);
  if (!call) return;
  if (call->is_finished || call->is_paused || !call->easy) return cancel(id);
  call->listener = nullptr;
  call->begin_wait();
}

size_t upstream::calls() const {
  return state_->transfers.size();
}

}  // namespace parley::providers
