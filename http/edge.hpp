/// The state of an EDGE actor: the exchanges in flight, and what route handlers may do with them.
///
/// Lives on one I/O thread. The reactor calls it as its sink; what is more than bookkeeping goes
/// through the actor's own mailbox, so that actors are asked from a handler only.
#pragma once

#include <unordered_set>

#include "http/edge_actor.hpp"
#include "http/exchange.hpp"
#include "http/router.hpp"
#include "http/v1_request.hpp"

namespace parley::http {

class edge : public exchange_sink {
 public:
  using pointer = edge_actor::stateful_pointer<edge>;
  static inline const char* name = "edge";

  explicit edge(pointer self) : self_(self) {}
  ~edge() override;
  void begin(io_loop& loop, edge_parts parts, const listen_address& address,
             const listen_result& listening);

  void on(const request_arrived& arrived);
  void on(const client_gone& gone);
  void on(const buffer_drained& drained);
  void on(const slice& events);
  void on(const event_slice& events);
  void on(const call_slice& news);
  void on(const drain& stop);
  void on(const cut_exchanges& stop);
  caf::result<stream_count> on(const count_streams& count);

  // -- For route handlers -------------------------------------------------------------------------

  const settings& values() const { return *parts_.values; }
  const wall_clock& clock() const { return *parts_.clock; }
  node_status& status() const { return *parts_.status; }
  const reactor_counters& counters() const { return reactor_->counters(); }
  const admin_actor& admin() const { return parts_.admin; }
  const jobs_actor& jobs() const { return parts_.jobs; }
  const directory_actor& directory() const { return parts_.directory; }

  void answer_now(exchange& x, answer what);
  void fail(exchange& x, const error& cause);

  /// Asks any actor; `render` makes the answer of its result.
  template <class R, class Handle, class M, class Render>
  void ask_actor(const exchange& x, const Handle& whom, M message, Render render);
  /// The same, and `refuse` makes the answer of an error.
  template <class R, class Handle, class M, class Render, class Refuse>
  void ask_actor_or(const exchange& x, const Handle& whom, M message, Render render, Refuse refuse);
  /// Asks the caller's USER actor, which is found and started first. Tried again once if it has
  /// just gone to sleep.
  template <class R, class M, class Render>
  void ask_user(const exchange& x, M message, Render render);
  /// Has USER admit the caller, then asks ADMIN.
  template <class R, class M, class Render>
  void ask_admin(const exchange& x, M message, Render render);
  /// Has USER admit the caller, then asks JOBS.
  template <class R, class M, class Render>
  void ask_jobs(const exchange& x, M message, Render render);
  /// Has USER admit the caller, then asks LOGS.
  template <class R, class M, class Render>
  void ask_logs(const exchange& x, M message, Render render);
  /// Has USER admit the caller, then asks ALERTS.
  template <class R, class M, class Render>
  void ask_alerts(const exchange& x, M message, Render render);
  /// Asks ADMIN first, and USER when ADMIN knows no such object.
  template <class R, class M, class N, class Render>
  void ask_admin_or_user(const exchange& x, M to_admin, N to_user, Render render);
  /// The USER of somebody who has no access token here (refresh).
  template <class R, class M, class Render>
  void ask_user_of(const exchange& x, user_id user, M message, Render render);

  /// A turn or a join: the reply is streamed, or answered whole, once the ticket is there.
  template <class M>
  void ask_for_reply(exchange& x, M message);
  /// Live changes, streamed until the client goes.
  void ask_for_events(exchange& x, std::optional<int64_t> after);
  /// How a job goes on, streamed until it is over or the client goes.
  void ask_for_job_events(exchange& x, job_id id, std::optional<int64_t> after);
  /// What an export has made, streamed.
  void ask_for_file(exchange& x, job_id id);
  /// A chat as a file, streamed.
  void ask_for_transcript(exchange& x, session_id id, transcript_format format);
  /// A call of /v1: the reply is streamed, or answered whole, once USER has let the call in.
  void ask_for_call(exchange& x, v1_wish wish, std::unique_ptr<v1_writer> writer);
  void ask_for_embedding(exchange& x, v1_embedding_wish wish);
  follower make_follower(const exchange& x, int64_t after, bool stops_on_leave) const;
  const provider_actor& provider() const { return parts_.provider; }

  /// The Idempotency-Key, if there is one, for the exchange's route.
  expected<std::optional<request_key>> read_key(const exchange& x,
                                                const parsed_request& request) const;

  exchange* find(exchange_key key);

 private:
  // exchange_sink, called by the reactor.
  void on_request(exchange_ref ref, clean_request&& request) override;
  void on_refused(exchange_ref ref, refusal&& why) override;
  void on_gone(exchange_ref ref) override;
  void on_writable(exchange_ref ref) override;

  exchange& open_exchange(exchange_ref ref, clean_request&& request);
  void read_client(exchange& x);
  expected<void> check_rate(exchange& x);
  expected<void> check_caller(exchange& x, const parsed_request& request) const;
  expected<void> serve(exchange& x, const parsed_request& request);
  void answer_options(exchange& x);
  void add_standing_headers(const exchange& x, answer& what) const;

  // edge_log.cpp
  void log_exchange(const exchange& x, int status) const;
  void log_left(exchange& x) const;
  void write_line(const exchange& x, int status, std::chrono::nanoseconds took) const;
  void note_first_words(exchange& x, bool has_words) const {
    if (has_words && x.steps.first == std::chrono::steady_clock::time_point{})
      x.steps.first = loop_->now();
  }

  using user_callback = std::function<void(const user_actor&)>;
  void with_user(exchange_key key, user_id user, const user_callback& use);
  void forget_user(user_id user);
  void note_admitted(const exchange& x);
  template <class R, class Handle, class M, class Render>
  void ask_admitted(const exchange& x, const Handle& whom, M message, Render render);
  template <class R, class M, class Render>
  void request_user(exchange_key key, user_id user, M message, Render render, int tries);

  // edge_streams.cpp
  void open_reply(exchange& x, const reply_ticket& ticket);
  bool begin_events(exchange& x);
  bool begin_body(exchange& x, answer head);
  /// Writes what there is room for and says how much; the rest waits for buffer_drained.
  size_t write_front(exchange_ref ref, std::string_view pending);
  void push(exchange& x);
  void end_stream(exchange& x);
  void answer_message(exchange& x);
  void grant(exchange& x);
  void leave(exchange& x);
  /// As `fail`, and who waits for a whole message does not any more.
  void break_reply(exchange& x, const error& cause);
  void beat();
  void on_holder_down(const caf::actor_addr& holder);
  /// Bytes of text: as events of a token each they fill about half of out_bytes_max.
  int64_t credit_max() const { return static_cast<int64_t>(parts_.values->out_bytes_max / 32); }

  // edge_feeds.cpp
  bool may_open_stream(exchange& x);
  void open_feed(exchange& x, const events_joined& joined, bool is_of_job);
  void push_feed(exchange& x);
  void end_feed(exchange& x);
  void leave_feed(exchange& x);
  void on_source_down(const caf::actor_addr& holder);

  // edge_files.cpp
  void open_job_file(exchange& x, const job& made);
  void push_file(exchange& x);
  void ask_for_piece(exchange& x);
  void take_piece(exchange& x, std::string bytes);
  void end_file(exchange& x);
  void break_file(exchange& x, const error& cause);
  void leave_file(exchange& x);

  // edge_downloads.cpp
  void open_download(exchange& x, transcript writer, transcript_format format);
  void push_download(exchange& x);
  void ask_for_page(exchange& x);
  void take_page(exchange& x, const page_of<message>& page);
  void end_download(exchange& x);
  void break_download(exchange& x, const error& cause);
  void leave_download(exchange& x);

  // edge_calls.cpp
  template <class Begin>
  void open_call_of(exchange& x, std::string model, Begin begin);
  void take_call(exchange& x, const call_ticket& ticket);
  void push_call(exchange& x);
  void end_call(exchange& x);
  void break_call(exchange& x, const error& cause);
  void release_call(exchange& x);
  void leave_call_of(exchange& x);
  void on_call_down(const caf::actor_addr& holder);
  /// An answer that came when nobody waited for it any more.
  template <class R>
  void drop_unread(const R&) {}
  void drop_unread(const call_ticket& ticket);

  void close_exchange(exchange_key key);
  template <class M>
  void tell_self(M message);

  pointer self_;
  io_loop* loop_ = nullptr;
  edge_parts parts_;
  /// Where an answer goes that is given while httplib runs the handler.
  answer* inline_answer_ = nullptr;
  std::unique_ptr<engine> engine_;
  std::unique_ptr<reactor> reactor_;
  std::unordered_map<exchange_key, std::unique_ptr<exchange>> exchanges_;
  std::unordered_map<user_id, user_actor> users_;  ///< dropped on `down`
  std::unordered_set<login_id> admitted_keys_;     ///< API keys, by what their streams are known by
  std::unique_ptr<io_timer> heart_;
  std::vector<address_range> trusted_;
  uint64_t streams_ = 0;
  /// Lent to a stream while it has something to write.
  std::string spare_;
};

// -- Definitions of the templates
// -------------------------------------------------------------------

template <class R, class Handle, class M, class Render>
void edge::ask_actor(const exchange& x, const Handle& whom, M message, Render render) {
  self_->request(whom, caf::infinite, std::move(message))
      .then(
          [this, key = x.key(), render](const R& result) {
            auto* open = find(key);
            if (open == nullptr) return;
            if constexpr (std::is_void_v<decltype(render(result))>)
              render(result);
            else
              answer_now(*open, render(result));
          },
          [this, key = x.key()](const error& cause) {
            if (auto* open = find(key)) fail(*open, cause);
          });
}

template <class R, class Handle, class M, class Render, class Refuse>
void edge::ask_actor_or(const exchange& x, const Handle& whom, M message, Render render,
                        Refuse refuse) {
  self_->request(whom, caf::infinite, std::move(message))
      .then(
          [key = x.key(), this, render](const R& result) {
            auto* open = find(key);
            if (open == nullptr) return;
            if constexpr (std::is_void_v<decltype(render(result))>)
              render(result);
            else
              answer_now(*open, render(result));
          },
          [this, key = x.key(), refuse](const error& cause) {
            if (auto* open = find(key)) refuse(*open, cause);
          });
}

template <class R, class M, class Render>
void edge::ask_user(const exchange& x, M message, Render render) {
  request_user<R>(x.key(), x.who.user, std::move(message), render, 2);
}

template <class R, class M, class Render>
void edge::ask_user_of(const exchange& x, user_id user, M message, Render render) {
  request_user<R>(x.key(), user, std::move(message), render, 2);
}

template <class R, class M, class Render>
void edge::request_user(exchange_key key, user_id user, M message, Render render, int tries) {
  with_user(key, user, [=, this, message = std::move(message)](const user_actor& holder) {
    self_->request(holder, caf::infinite, message)
        .then(
            [this, key, render](const R& result) {
              auto* open = find(key);
              if (open == nullptr) return drop_unread(result);
              note_admitted(*open);
              if constexpr (std::is_void_v<decltype(render(result))>)
                render(result);
              else
                answer_now(*open, render(result));
            },
            [=, this](const error& cause) {
              auto* open = find(key);
              if (open == nullptr) return;
              if (!(cause == caf::sec::request_receiver_down) || tries <= 1)
                return fail(*open, cause);
              forget_user(user);
              request_user<R>(key, user, message, render, tries - 1);
            });
  });
}

template <class R, class Handle, class M, class Render>
void edge::ask_admitted(const exchange& x, const Handle& whom, M message, Render render) {
  request_user<done>(
      x.key(), x.who.user, admit{x.who},
      [this, key = x.key(), whom, message = std::move(message), render](const done&) {
        if (auto* open = find(key)) ask_actor<R>(*open, whom, message, render);
      },
      2);
}

template <class R, class M, class Render>
void edge::ask_admin(const exchange& x, M message, Render render) {
  ask_admitted<R>(x, parts_.admin, std::move(message), render);
}

template <class R, class M, class Render>
void edge::ask_logs(const exchange& x, M message, Render render) {
  ask_admitted<R>(x, parts_.logs, std::move(message), render);
}

template <class R, class M, class Render>
void edge::ask_alerts(const exchange& x, M message, Render render) {
  ask_admitted<R>(x, parts_.alerts, std::move(message), render);
}

template <class R, class M, class Render>
void edge::ask_jobs(const exchange& x, M message, Render render) {
  // Shared, so that a piece of a file is not copied.
  auto held = std::make_shared<M>(std::move(message));
  request_user<done>(
      x.key(), x.who.user, admit{x.who},
      [this, key = x.key(), held, render](const done&) {
        if (auto* open = find(key)) ask_actor<R>(*open, parts_.jobs, std::move(*held), render);
      },
      2);
}

template <class R, class M, class N, class Render>
void edge::ask_admin_or_user(const exchange& x, M to_admin, N to_user, Render render) {
  auto who = x.who;
  who.needs = role::admin;
  request_user<done>(
      x.key(), who.user, admit{who},
      [=, this, key = x.key()](const done&) {
        self_->request(parts_.admin, caf::infinite, to_admin)
            .then(
                [=, this](const R& result) {
                  if (auto* open = find(key)) answer_now(*open, render(result));
                },
                [=, this](const error& cause) {
                  auto* open = find(key);
                  if (open == nullptr) return;
                  if (code_of(cause) != errc::not_found) return fail(*open, cause);
                  ask_user<R>(*open, to_user, render);
                });
      },
      2);
}

template <class M>
void edge::ask_for_reply(exchange& x, M message) {
  if (streams_ >= parts_.values->share_of_thread(parts_.values->streams_max))
    return fail(x, make_error(errc::unavailable, "streams_max", "Too many open streams."));
  request_user<reply_ticket>(
      x.key(), x.who.user, std::move(message),
      [this, key = x.key()](const reply_ticket& ticket) {
        if (auto* open = find(key)) open_reply(*open, ticket);
      },
      2);
}

}  // namespace parley::http
