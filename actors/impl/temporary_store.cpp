#include "actors/impl/temporary_store.hpp"

#include <algorithm>
#include <charconv>

#include "actors/floating.hpp"

namespace parley {

namespace {

size_t bytes_of(const message& entry) {
  return sizeof(message) + entry.metadata.text.size() + content_bytes_of(entry);
}

struct temporary_state {
  static inline const char* name = "temporary_store";
  explicit temporary_state(temporary_store_actor::pointer actor) : self(actor) {}

  // -- What STORAGE does --------------------------------------------------------------------------

  caf::result<done> on(const commit& message) {
    auto before = std::tuple{header, messages, summary, keys};
    commit used;
    for (const auto& one : message.changes) {
      if (caf::holds_alternative<change_metering>(one)) {
        used.changes.push_back(one);
        continue;
      }
      auto fault = caf::visit([this](const auto& change) { return apply(change); }, one);
      if (!fault) continue;
      std::tie(header, messages, summary, keys) = std::move(before);
      return fault;
    }
    if (used.changes.empty()) return done{};
    return hand_on(self, storage, std::move(used));
  }
  void on(const checkpoint_reply& added) const {
    if (added.is_awaited && !added.chunks.empty())
      self->send(caf::actor_cast<checkpoint_sender_actor>(self->current_sender()),
                 checkpoint_stored{added.id, added.chunks.back().position});
  }

  error apply(const create_session& change) {
    header = change.header;
    return {};
  }
  error apply(const update_session& change) {
    header = change.header;
    return {};
  }
  error apply(const erase_session&) {
    messages.clear();
    summary.reset();
    return {};
  }
  error apply(const create_message& change) {
    auto bytes = bytes_of(change.entry);
    for (const auto& known : messages) bytes += bytes_of(known);
    if (bytes > bytes_max)
      return make_error(errc::quota_exceeded, "temporary_bytes_max",
                        "A temporary chat holds no more than this.");
    messages.push_back(change.entry);
    return {};
  }
  error apply(const finish_message& change) {
    auto* known = find(change.entry.id);
    if (known == nullptr) return make_error(errc::not_found);
    *known = change.entry;
    return {};
  }
  error apply(const mark_message& change) {
    auto* known = find(change.id);
    if (known == nullptr) return make_error(errc::not_found);
    known->pinned = change.pinned;
    known->rating = change.rating;
    known->metadata = change.metadata;
    known->updated_at = change.updated_at;
    ++known->version;
    return {};
  }
  error apply(const erase_messages& change) {
    // A parent stands before its children.
    std::vector<message_id> gone{change.root};
    for (const auto& known : messages)
      if (known.parent_id && std::count(gone.begin(), gone.end(), *known.parent_id) != 0)
        gone.push_back(known.id);
    std::erase_if(messages, [&](const message& known) {
      return std::count(gone.begin(), gone.end(), known.id) != 0;
    });
    return {};
  }
  error apply(const recount_messages& change) {
    for (const auto& entry : change.entries)
      if (auto* known = find(entry.id)) known->measure = entry.measure;
    return {};
  }
  error apply(const put_summary& change) {
    summary = change.summary;
    return {};
  }
  error apply(const erase_summary&) {
    summary.reset();
    return {};
  }
  error apply(const remember_key& change) {
    auto key = change.route + ' ' + change.key;
    if (std::count(keys.begin(), keys.end(), key) != 0)
      return make_error(errc::conflict, "key_known", "This Idempotency-Key was used already.");
    keys.push_back(std::move(key));
    return {};
  }
  template <class Other>
  error apply(const Other&) {
    return make_error(errc::conflict, "temporary_session", "A temporary chat can't do this.");
  }

  // -- What READER does ---------------------------------------------------------------------------

  caf::result<session_loaded> on(const load_session&) {
    session_loaded loaded{header, {}, summary};
    for (const auto& known : messages)
      loaded.messages.push_back({known.id, known.parent_id.value_or(message_id{}), known.role,
                                 known.status, known.pinned, known.measure});
    return loaded;
  }
  caf::result<message_list> on(const read_messages& asked) {
    message_list list;
    for (const auto& id : asked.ids)
      if (auto* known = find(id)) list.items.push_back(shown(*known));
    return list;
  }
  caf::result<content_list> on(const read_contents& asked) {
    content_list list;
    for (const auto& id : asked.ids)
      if (auto* known = find(id)) list.items.push_back({id, known->role, known->parts});
    return list;
  }
  caf::result<session> on(const read_session& asked) {
    if (header.id != asked.id) return make_error(errc::not_found);
    return header;
  }
  caf::result<message> on(const read_message& asked) {
    auto* known = find(asked.id);
    if (known == nullptr) return make_error(errc::not_found);
    return shown(*known);
  }
  caf::result<page_of<message>> on(const page_messages& asked) {
    if (header.id != asked.session) return make_error(errc::not_found);
    std::vector<const message*> rows;
    if (asked.leaf) {
      for (auto* known = find(*asked.leaf); known != nullptr;
           known = known->parent_id ? find(*known->parent_id) : nullptr)
        rows.insert(rows.begin(), known);
      if (rows.empty()) return make_error(errc::not_found);
    } else {
      for (const auto& known : messages) rows.push_back(&known);
    }
    if (asked.after) {
      auto* last = find(*asked.after);
      if (last == nullptr) return make_error(errc::not_found);
      std::erase_if(rows, [&](const message* row) { return row <= last; });
    }
    return page_from(std::move(rows), asked.page);
  }

  expected<page_of<message>> page_from(std::vector<const message*> rows,
                                       const page_request& wanted) const {
    if (wanted.is_descending) std::reverse(rows.begin(), rows.end());
    size_t begin = 0;
    auto end = wanted.cursor.data() + wanted.cursor.size();
    auto read = std::from_chars(wanted.cursor.data(), end, begin);
    if (!wanted.cursor.empty() && (read.ec != std::errc{} || read.ptr != end))
      return make_error(errc::malformed, "cursor_mismatch", "This cursor belongs to another list.");
    page_of<message> page;
    if (wanted.needs_total) page.total = static_cast<int64_t>(rows.size());
    for (; begin < rows.size(); ++begin) {
      if (page.items.size() == static_cast<size_t>(wanted.limit)) {
        page.next_cursor = std::to_string(begin);
        break;
      }
      page.items.push_back(shown(*rows[begin]));
    }
    return page;
  }

  message* find(message_id id) {
    auto found = std::find_if(messages.begin(), messages.end(),
                              [&](const message& known) { return known.id == id; });
    return found == messages.end() ? nullptr : &*found;
  }

  /// With its place among its siblings.
  message shown(message row) const {
    row.siblings = {0, 0};
    for (const auto& other : messages) {
      if (other.parent_id != row.parent_id) continue;
      if (other.id == row.id) row.siblings.index = row.siblings.count;
      ++row.siblings.count;
    }
    return row;
  }

  temporary_store_actor::pointer self;
  storage_actor storage;
  size_t bytes_max = 0;
  session header;
  std::vector<message> messages;  ///< in the order of their making
  std::optional<session_summary> summary;
  std::vector<std::string> keys;
};

temporary_store_actor::behavior_type run_store(
    temporary_store_actor::stateful_pointer<temporary_state> self, const storage_actor& storage,
    size_t bytes_max) {
  harden(self);
  self->state.storage = storage;
  self->state.bytes_max = bytes_max;
  return {handle<commit>(self),        handle<checkpoint_reply>(self), handle<load_session>(self),
          handle<read_messages>(self), handle<read_contents>(self),    handle<read_session>(self),
          handle<page_messages>(self), handle<read_message>(self)};
}

}  // namespace

temporary_store_actor spawn_temporary_store(caf::actor_system& system, storage_actor storage,
                                            size_t bytes_max) {
  return spawn_floating(system, run_store, std::move(storage), bytes_max);
}

temporary_session start_temporary(caf::actor_system& system, session_parts parts, session fresh,
                                  size_t bytes_max) {
  auto store = spawn_temporary_store(system, parts.storage, bytes_max);
  // It has the rows that a SESSION and its USER ask of the two.
  parts.storage = caf::actor_cast<storage_actor>(store);
  parts.reader = caf::actor_cast<reader_actor>(store);
  parts.owner = fresh.owner_id;
  parts.id = fresh.id;
  parts.fresh = std::move(fresh);
  auto texts = parts.reader;
  auto holder = spawn_session(system, std::move(parts));
  // Behind its last commit, which may tell what was used.
  caf::actor_cast<caf::strong_actor_ptr>(holder)->get()->attach_functor(
      [store] { caf::anon_send_exit(store, caf::exit_reason::user_shutdown); });
  return {std::move(holder), std::move(texts)};
}

}  // namespace parley
