// The tree of a session's messages: where a turn joins it, what its user notes on a message, and
// how a branch is removed.
#include "actors/impl/make_once.hpp"
#include "actors/impl/session_state.hpp"
#include "chat/event_text.hpp"

namespace parley {

namespace {

// Not every provider goes on with an assistant's message that stands last: some begin a new one,
// some refuse it. All follow this (docs/decisions/0020-how-a-reply-goes-on.md).
constexpr std::string_view go_on_text =
    "Go on exactly where your last message stopped. Repeat nothing of it and remark nothing; if it "
    "stopped within a word or a sentence, begin with the rest of it.";

error still_running(message_id id) {
  error_detail detail;
  detail.reason = "reply_running";
  detail.id = to_string(id);
  return make_error(errc::conflict, "This reply is still being written.", detail);
}

}  // namespace

// -- Where a turn joins -------------------------------------------------------------------------

std::optional<message_id> session_state::parent_of(const draft& content) const {
  if (!content.parent_id) return header_.active_leaf_id;
  if (content.parent_id->is_none()) return std::nullopt;
  return content.parent_id;
}

/// The ids of a turn, if the tree has a place for it.
expected<reply_start> session_state::place_of(const draft& content) const {
  reply_start start;
  start.session_id = parts_.id;
  if (content.kind == turn_kind::again) return place_again(content);
  if (content.kind == turn_kind::go_on) return place_more(content);
  if (auto parent = parent_of(content); parent && content.parent_id) {
    const auto* known = header_of(*parent);
    if (known == nullptr) return make_error(errc::not_found);
    if (known->status == message_status::streaming) return still_running(*parent);
  }
  start.user_message_id = message_id::make();
  start.message_id = message_id::make();
  return start;
}

expected<reply_start> session_state::place_again(const draft& content) const {
  const auto* known = header_of(content.target);
  if (known == nullptr) return make_error(errc::not_found);
  if (known->role == message_role::assistant) known = header_of(known->parent_id);
  if (known == nullptr || known->role != message_role::user)
    return make_error(errc::conflict, "no_question", "There is no message that this answers.");
  reply_start start;
  start.session_id = parts_.id;
  start.user_message_id = known->id;
  start.message_id = message_id::make();
  return start;
}

expected<reply_start> session_state::place_more(const draft& content) const {
  const auto* known = header_of(content.target);
  if (known == nullptr) return make_error(errc::not_found);
  if (known->status == message_status::streaming) return still_running(known->id);
  if (known->role != message_role::assistant || known->status == message_status::complete)
    return make_error(errc::conflict, "reply_complete", "This is no reply that ended early.");
  auto is_answered =
      std::any_of(messages_.begin(), messages_.end(),
                  [&](const message_header& other) { return other.parent_id == known->id; });
  if (is_answered)
    return make_error(errc::conflict, "reply_answered",
                      "The conversation went on behind this reply.");
  if (unsaved_row(known->id) != nullptr) return make_error(errc::unavailable);
  reply_start start;
  start.session_id = parts_.id;
  start.user_message_id = known->parent_id;
  start.message_id = known->id;
  return start;
}

// What a reply has so far comes first; what it lacks is asked for.
void session_state::reopen(message_id id) {
  auto use = [this, id](const message& stored) {
    auto* entry = find(id);
    if (entry == nullptr) return;
    entry->row = stored;
    entry->before = stored.usage;
    auto& content = entry->made->content;
    content.parts.clear();
    content.parts.emplace_back().text = std::string{go_on_text};
    content.parent_id = id;
    if (!content.model_id) content.model_id = stored.model_id;
    prepare(*entry);
  };
  self_->request(parts_.reader, caf::infinite, read_message{parts_.owner, parts_.id, id})
      .then(use, [this, id](const error& cause) { abandon(id, cause); });
}

// A reply that is over and kept for readers: they are cut off.
void session_state::let_go(message_id id, const error& cause) {
  auto* known = find(id);
  if (known == nullptr) return;
  for (auto& reader : known->readers) cut_off(reader, cause);
  std::erase_if(replies_,
                [&](const std::unique_ptr<reply>& entry) { return entry.get() == known; });
}

// -- Notes --------------------------------------------------------------------------------------

caf::result<message> session_state::on(const change_message& change) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  auto* header = header_of(change.id);
  if (header == nullptr) return make_error(errc::not_found);
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  if (header->status == message_status::streaming) return still_running(change.id);
  auto pinned = std::count_if(messages_.begin(), messages_.end(),
                              [](const message_header& known) { return known.is_pinned; });
  if (change.patch.has(&message::pinned) && change.patch.value.pinned && !header->is_pinned &&
      static_cast<size_t>(pinned) >= parts_.limits.pinned_max)
    return make_error(errc::quota_exceeded, "pinned_max", "No more messages can be pinned here.");
  auto held = answers_.hold<message>(self_);
  self_->request(parts_.reader, caf::infinite, read_message{parts_.owner, parts_.id, change.id})
      .then(
          [this, key = held.first, change](const message& row) {
            if (change.if_version != 0 && change.if_version != row.version)
              return answers_.fail<message>(key, make_error(errc::conflict, "version_mismatch",
                                                            "The message was changed meanwhile."));
            auto changed = row;
            change.patch.apply_to(changed);
            changed.updated_at = parts_.clock->now();
            ++changed.version;
            mark(changed, answers_.take<message>(key));
          },
          [this, key = held.first](const error& cause) { answers_.fail<message>(key, cause); });
  return held.second;
}

void session_state::mark(const message& changed, answer<message> asker) {
  auto key = answers_.keep(std::move(asker));
  mark_message stored{parts_.id,      changed.id,       changed.pinned,
                      changed.rating, changed.metadata, changed.updated_at};
  self_->request(parts_.storage, caf::infinite, commit{{std::move(stored)}})
      .then(
          [this, key, changed](const done&) {
            for (auto& known : messages_)
              if (known.id == changed.id) known.is_pinned = changed.pinned;
            // A reply that goes on meanwhile is written whole when it ends.
            if (auto* running = find(changed.id); running != nullptr && running->is_running()) {
              running->row.pinned = changed.pinned;
              running->row.rating = changed.rating;
              running->row.metadata = changed.metadata;
            }
            answers_.deliver<message>(key, changed);
          },
          [this, key](const error& cause) { answers_.fail<message>(key, cause); });
}

// -- Removal ------------------------------------------------------------------------------------

// A parent always stands before its children.
std::unordered_set<message_id> session_state::subtree_of(message_id root) const {
  std::unordered_set<message_id> found{root};
  for (const auto& known : messages_)
    if (found.count(known.parent_id) != 0) found.insert(known.id);
  return found;
}

expected<void> session_state::check_drop(const std::unordered_set<message_id>& gone) const {
  for (const auto& entry : replies_) {
    if (!entry->is_running()) continue;
    auto parent = entry->made->content.parent_id.value_or(message_id{});
    if (gone.count(entry->id()) != 0 || gone.count(parent) != 0) return still_running(entry->id());
  }
  return {};
}

caf::result<done> session_state::on(const drop_message& drop) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  if (header_of(drop.id) == nullptr) return make_error(errc::not_found);
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  TRY_DONE(check_drop(subtree_of(drop.id)));
  auto held = answers_.hold<done>(self_);
  auto key = held.first;
  if (drop.if_version == 0) {
    store_drop(key, drop.id);
    return held.second;
  }
  self_->request(parts_.reader, caf::infinite, read_message{parts_.owner, parts_.id, drop.id})
      .then(
          [this, key, drop](const message& row) {
            if (row.version == drop.if_version) return store_drop(key, drop.id);
            answers_.fail<done>(key, make_error(errc::conflict, "version_mismatch",
                                                "The message was changed meanwhile."));
          },
          [this, key](const error& cause) { answers_.fail<done>(key, cause); });
  return held.second;
}

void session_state::store_drop(uint64_t held, message_id root) {
  write_record([this, held, root] {
    auto gone = subtree_of(root);
    // Looked at again: a turn or another removal may have come first.
    auto checked = is_absent() || header_of(root) == nullptr
                       ? expected<void>{make_error(errc::not_found)}
                       : check_drop(gone);
    if (!checked) {
      answers_.fail<done>(held, checked.error());
      return next_record_write();
    }
    auto changed = without(gone, root);
    commit removal{{erase_messages{parts_.id, root}, update_session{changed}}};
    if (summary_ && gone.count(summary_->covers) != 0)
      removal.changes.emplace_back(erase_summary{parts_.id});
    commit_record(std::move(removal), std::move(changed),
                  [this, held, gone, root](const error& cause) {
                    if (cause) return answers_.fail<done>(held, cause);
                    forget(gone);
                    note("message.deleted", event_text(parts_.id, root));
                    answers_.deliver<done>(held, done{});
                  });
  });
}

/// The record once these are gone. Where the branch shown goes with them, the newest branch that
/// stood beside them is shown, or else what they answered to.
session session_state::without(const std::unordered_set<message_id>& gone, message_id root) const {
  auto changed = header_;
  ++changed.version;
  changed.updated_at = parts_.clock->now();
  changed.message_count = static_cast<int64_t>(messages_.size() - gone.size());
  if (changed.message_count == 0) changed.last_message_at.reset();
  auto is_gone = [&](const std::optional<message_id>& id) { return id && gone.count(*id) != 0; };
  if (is_gone(changed.context_begin)) changed.context_begin.reset();
  if (!is_gone(changed.active_leaf_id)) return changed;
  auto parent = header_of(root)->parent_id;
  message_id shown = parent;
  for (const auto& known : messages_)
    if (gone.count(known.id) == 0 && known.parent_id == parent) shown = known.id;
  if (shown != parent)
    for (const auto& known : messages_)
      if (known.parent_id == shown) shown = known.id;
  changed.active_leaf_id = shown.is_none() ? std::nullopt : std::optional<message_id>{shown};
  return changed;
}

void session_state::forget(const std::unordered_set<message_id>& gone) {
  auto cause = make_error(errc::not_found, "The message was deleted.");
  for (auto id : gone) let_go(id, cause);
  for (auto id : gone) texts_.forget(id);
  std::erase_if(messages_, [&](const message_header& known) { return gone.count(known.id) != 0; });
  if (summary_ && gone.count(summary_->covers) != 0) summary_.reset();
  auto is_gone = [&](message_id id) { return gone.count(id) != 0; };
  if (job_ && std::any_of(job_->covered.begin(), job_->covered.end(), is_gone))
    end_summary(make_error(errc::conflict, "summary_dropped", "Its messages were deleted."));
  tell_weight();
}

// -- A branch as a session of its own -----------------------------------------------------------

expected<copy_messages> session_state::copies_of(message_id leaf, session_id to) const {
  copy_messages copies{parts_.id, to, {}};
  if (leaf.is_none()) return copies;
  if (header_of(leaf) == nullptr) return make_error(errc::not_found);
  for (const auto* known : path_to(leaf)) {
    if (known->status == message_status::streaming) return still_running(known->id);
    if (unsaved_row(known->id) != nullptr) return make_error(errc::unavailable);
    copies.messages.push_back({known->id, message_id::make()});
  }
  return copies;
}

caf::result<session> session_state::on(const fork_session& wanted) {
  ++seen_;
  last_used_ = self_->clock().now();
  if (is_absent() || is_fresh_) return refuse_absent();
  if (header_.temporary)
    return make_error(errc::conflict, "temporary_session", "A temporary chat can't do this.");
  if (answers_.size() >= parts_.limits.askers_max) return too_many_askers();
  auto shown = header_.active_leaf_id.value_or(message_id{});
  TRY(auto copies, copies_of(wanted.leaf.is_none() ? shown : wanted.leaf, wanted.made));
  auto renamed = [&](const std::optional<message_id>& old) {
    std::optional<message_id> found;
    for (const auto& one : copies.messages)
      if (old == one.from) found = one.to;
    return found;
  };
  auto made = header_;
  made.id = wanted.made;
  made.version = 1;
  made.created_at = made.updated_at = parts_.clock->now();
  made.pinned = made.archived = false;
  made.source.reset();
  if (wanted.title) {
    made.title = *wanted.title;
    made.title_source = title_source::user;
  }
  made.active_leaf_id.reset();
  if (!copies.messages.empty()) made.active_leaf_id = copies.messages.back().to;
  made.context_begin = renamed(header_.context_begin);
  made.message_count = std::ssize(copies.messages);
  if (made.message_count == 0) made.last_message_at.reset();

  commit stored;
  remember(stored.changes, owned_by(parts_.owner, wanted.key), made.created_at,
           &remember_key::session, made.id);
  stored.changes.emplace_back(create_session{made});
  if (auto covers = summary_ ? renamed(summary_->covers) : std::nullopt) {
    auto summary = *summary_;
    summary.session_id = made.id;
    summary.covers = *covers;
    stored.changes.emplace_back(put_summary{std::move(summary)});
  }
  stored.changes.emplace_back(std::move(copies));
  auto held = answers_.hold<session>(self_);
  self_->request(parts_.storage, caf::infinite, std::move(stored))
      .then([this, key = held.first, made](const done&) { answers_.deliver<session>(key, made); },
            [this, key = held.first](const error& cause) { answers_.fail<session>(key, cause); });
  return held.second;
}

}  // namespace parley
