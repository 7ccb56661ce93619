/// The rules all actors share: how a table row is written, how an actor is hardened, how a late
/// answer is kept. See docs/house.md section 5 for the three rules that keep a server alive.
#pragma once

#include <atomic>
#include <caf/all.hpp>
#include <memory>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/ids.hpp"
#include "schema/api_key.hpp"
#include "schema/user.hpp"

namespace parley {

/// A row of a table: the message M is answered by R, or by an error.
template <class M, class R>
using ask = typename caf::replies_to<M>::template with<R>;
/// A row without an answer. Its handler returns void; a failure is a message of its own.
template <class M>
using tell = caf::reacts_to<M>;

/// Who asks, as the access token or API key says it. EDGE may refuse on it; only USER admits. Of a
/// key `login` is what its streams are known by; without `scope` nothing but a login will do.
struct caller {
  user_id user;
  login_id login;
  int64_t version = 0;
  role needs = role::user;
  std::string request_id;
  std::string address{};
  std::string key_hash{};  ///< SHA-256 of the API key; empty: a login
  std::optional<key_scope> scope{};

  bool is_key() const { return !key_hash.empty(); }
};
PARLEY_INSPECT(caller, user, login, version, needs, request_id, address, key_hash, scope)

/// Where a request came from.
struct client {
  std::string address;
  std::string user_agent;
  std::string request_id{};
};
PARLEY_INSPECT(client, address, user_agent, request_id)

/// One page of a list. `cursor` is what the last page gave, empty for the first.
struct page_request {
  int32_t limit = 50;
  std::string cursor;
  bool is_descending = true;
  bool needs_total = false;
};
PARLEY_INSPECT(page_request, limit, cursor, is_descending, needs_total)

template <class Item>
struct page_of {
  std::vector<Item> items;
  std::optional<std::string> next_cursor;
  std::optional<int64_t> total;
};
template <class Inspector, class Item>
typename Inspector::result_type inspect(Inspector& inspector, page_of<Item>& page) {
  return inspector(caf::meta::type_name("page"), page.items, page.next_cursor, page.total);
}

/// What goes wrong without ending anything; counted, so that a flood is seen in /metrics.
enum class mishap : uint8_t { unexpected_message = 1, failed_tell, exception, exit_refused };
void count_mishap(mishap kind, std::string_view actor_name, std::string_view cause);
uint64_t mishaps(mishap kind);

/// Called before each handler; null in production. Tests make a handler throw with it.
using fault_hook = void (*)(std::string_view actor_name, std::type_index message);
extern std::atomic<fault_hook> handler_fault_hook;

/// To be called by every actor's constructor or behaviour function. Afterwards an unknown message
/// is counted and its asker told, an error sent back by a `tell` is counted, an exception ends the
/// actor without a print, and of foreign exits only `kill` and `user_shutdown` end it. Without
/// memory for an answer the process ends: its asker could not be told.
void harden(caf::scheduled_actor* self);

namespace detail {

/// A question of `asker`, put to `next` as if by the asker itself.
template <class Handle, class M>
void put(const Handle& next, const caf::strong_actor_ptr& asker, caf::message_id id,
         const caf::mailbox_element::forwarding_stack& stages, M message,
         caf::execution_unit* unit) {
  auto element = caf::make_mailbox_element(asker, id, stages, std::move(message));
  caf::actor_cast<caf::abstract_actor*>(next)->enqueue(std::move(element), unit);
}

template <class Handle, class M>
using delegated_of =
    typename caf::response_type<typename Handle::signatures, std::decay_t<M>>::delegated_type;

}  // namespace detail

/// Hands the question that `self` is answering on as `message`: `next` answers the asker itself.
/// CAF's delegate takes the asker out of the question before it allocates: without memory nobody
/// would ever answer.
template <class Handle, class M>
detail::delegated_of<Handle, M> hand_on(caf::local_actor* self, const Handle& next, M message) {
  auto& asked = *self->current_mailbox_element();
  detail::put(next, asked.sender, asked.mid, asked.stages, std::move(message), self->context());
  asked.mid.mark_as_answered();
  return {};
}

/// A late answer: delivers `unavailable` when it is dropped, so nobody waits for ever. Keep it in
/// the actor's state (a promise captured by a lambda alone is lost when the actor ends).
template <class R>
class answer {
 public:
  answer() = default;
  explicit answer(caf::typed_response_promise<R> promise)
      : promise_(std::move(promise)), is_open_(true) {}
  answer(answer&& other) noexcept
      : promise_(std::move(other.promise_)), is_open_(std::exchange(other.is_open_, false)) {}
  answer& operator=(answer&& other) noexcept {
    if (this == &other) return *this;
    drop();
    promise_ = std::move(other.promise_);
    is_open_ = std::exchange(other.is_open_, false);
    return *this;
  }
  ~answer() { drop(); }

  bool is_open() const { return is_open_; }
  void deliver(R result) {
    if (!is_open_) return;
    promise_.deliver(std::move(result));
    is_open_ = false;  // not before: without memory for it the asker still gets an error
  }
  void fail(error cause) {
    if (!is_open_) return;
    promise_.deliver(std::move(cause));
    is_open_ = false;
  }
  /// Hands the question on as `message`: `next` answers the asker itself.
  template <class Handle, class M>
  void hand_on(const Handle& next, M message) {
    if (!is_open_) return;
    const caf::response_promise& known = promise_;
    detail::put(next, known.source(), known.id(), known.stages(), std::move(message), nullptr);
    promise_ = {};
    is_open_ = false;
  }

 private:
  void drop() { fail(make_error(errc::unavailable)); }

  caf::typed_response_promise<R> promise_;
  bool is_open_ = false;
};

/// The late answers of one actor, kept in its state. `hold` gives a key that lambdas may capture.
class held_answers {
 public:
  template <class R, class Self>
  std::pair<uint64_t, caf::typed_response_promise<R>> hold(Self* self) {
    auto promise = self->template make_response_promise<R>();
    auto key = ++last_key_;
    held_.emplace(key, std::make_unique<slot_of<R>>(promise));
    return {key, promise};
  }
  /// The same for an answer that exists already.
  template <class R>
  uint64_t keep(answer<R> open) {
    held_.emplace(++last_key_, std::make_unique<slot_of<R>>(std::move(open)));
    return last_key_;
  }
  /// Empty when it was taken before.
  template <class R>
  answer<R> take(uint64_t key) {
    auto found = held_.find(key);
    if (found == held_.end()) return {};
    auto taken = std::move(static_cast<slot_of<R>&>(*found->second).held);
    held_.erase(found);
    return taken;
  }
  template <class R>
  void deliver(uint64_t key, R result) {
    take<R>(key).deliver(std::move(result));
  }
  template <class R>
  void fail(uint64_t key, error cause) {
    take<R>(key).fail(std::move(cause));
  }
  template <class R, class Handle, class M>
  void hand_on(uint64_t key, const Handle& next, M message) {
    take<R>(key).hand_on(next, std::move(message));
  }
  size_t size() const { return held_.size(); }

 private:
  struct slot {
    virtual ~slot() = default;
  };
  template <class R>
  struct slot_of : slot {
    explicit slot_of(caf::typed_response_promise<R> promise) : held(std::move(promise)) {}
    explicit slot_of(answer<R> open) : held(std::move(open)) {}
    answer<R> held;
  };
  std::unordered_map<uint64_t, std::unique_ptr<slot>> held_;
  uint64_t last_key_ = 0;
};

/// One row of a behaviour: forwards M to `state.on(message)`. An `on(M&&)` keeps the message and
/// moves it; CAF copies first what others share.
template <class M, class Self>
auto handle(Self* self) {
  auto meet_hook = [self] {
    if (auto hook = handler_fault_hook.load(std::memory_order_relaxed))
      hook(self->name(), typeid(M));
  };
  if constexpr (requires(const M& message) { self->state.on(message); })
    return [=](const M& message) {
      meet_hook();
      return self->state.on(message);
    };
  else
    return [=](M& message) {
      meet_hook();
      return self->state.on(std::move(message));
    };
}

namespace detail {

template <class Row>
struct message_of_row;
template <class M, class Answer>
struct message_of_row<caf::typed_mpi<caf::detail::type_list<M>, Answer>> {
  using type = M;
};

template <class Table>
struct table_handlers;
template <class... Rows>
struct table_handlers<caf::typed_actor<Rows...>> {
  template <class Self>
  static typename caf::typed_actor<Rows...>::behavior_type make(Self* self) {
    return {handle<typename message_of_row<Rows>::type>(self)...};
  }
};

}  // namespace detail

/// The behaviour of an actor that forwards every row of its table to `state.on`.
template <class Table, class Self>
typename Table::behavior_type handle_table(Self* self) {
  return detail::table_handlers<Table>::make(self);
}

/// Registers every message type of all tables, for errors' texts and for other nodes.
void add_message_types(caf::actor_system_config& config);

}  // namespace parley
