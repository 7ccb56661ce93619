// Chats of another installation, and the order in which everything is moved.
#include "app/mover.hpp"
#include "base/text.hpp"
#include "chat/import_tree.hpp"
#include "chat/session_tags.hpp"
#include "storage/rows.hpp"

namespace parley::app {

namespace {

/// Chats are committed when together they have so many messages.
constexpr int64_t messages_of_transaction = 2'000;
constexpr int log_frames_max = 4'000;  // of 4 KiB

message_tokens tokens_of(const content_measure& measure) {
  message_tokens made;
  made.estimated = measure.o200k < 0;
  made.count = made.estimated ? measure.guessed : measure.o200k;
  made.vocabulary =
      to_string(made.estimated ? token_vocabulary::bytes : token_vocabulary::o200k_base);
  return made;
}

/// The object that an export has of the chat (chat/import_openwebui).
std::string exported(const storage::openwebui_chat& theirs, const std::string& conversation) {
  std::string text;
  json_writer json{text};
  auto add_text = [&](std::string_view name, const std::string& value) {
    json.member(name, is_utf8(value) ? value : repair_utf8(value));
  };
  json.begin_object();
  add_text("id", theirs.id);
  add_text("title", theirs.title);
  json.member("created_at", theirs.created_at).member("updated_at", theirs.updated_at);
  json.member("archived", theirs.is_archived).member("pinned", theirs.is_pinned);
  if (!theirs.meta.empty()) json.key("meta").raw(theirs.meta);
  json.key("chat").raw(conversation).end_object();
  return text;
}

}  // namespace

expected<moving_report> mover::move_all() {
  TRY_DONE(in_transaction([this] { return move_users(); }));
  TRY_DONE(in_transaction([this] { return move_folders(); }));
  TRY_DONE(in_transaction([this] { return move_models(); }));
  TRY_DONE(move_chats());
  return report_;
}

expected<void> mover::in_transaction(const std::function<expected<void>()>& work) const {
  if (parts_.is_trial) return work();
  TRY(auto writing, storage::transaction::begin(*parts_.to, storage::transaction::kind::write));
  TRY_DONE(work());
  TRY_DONE(writing.commit());
  if (parts_.to->wal_frames() > log_frames_max) return parts_.to->checkpoint(false);
  return {};
}

expected<void> mover::move_chats() {
  TRY(auto chats, parts_.from->chat_count());
  std::vector<storage::openwebui_chat> some;
  auto flush = [&]() -> expected<void> {
    size_t next = 0;
    while (next < some.size()) {
      TRY_DONE(in_transaction([&]() -> expected<void> {
        for (unwritten_ = 0; next < some.size() && unwritten_ < messages_of_transaction; ++next)
          TRY_DONE(move_chat(some[next]));
        return {};
      }));
      parts_.tell(chats_done_ + static_cast<int64_t>(next), chats);
    }
    chats_done_ += static_cast<int64_t>(some.size());
    some.clear();
    return {};
  };
  // Without their conversations they are small.
  constexpr size_t chats_at_once = 256;
  TRY_DONE(parts_.from->each_chat([&](storage::openwebui_chat&& one) -> expected<void> {
    some.push_back(std::move(one));
    if (some.size() < chats_at_once) return {};
    return flush();
  }));
  return flush();
}

expected<void> mover::move_chat(const storage::openwebui_chat& theirs) {
  auto leave_out = [&](const char* reason) -> expected<void> {
    ++report_.sessions.left_out[reason];
    return {};
  };
  // Copies that were made to be shared belong to nobody.
  if (theirs.user_id.starts_with("shared-")) return leave_out("shared_copy");
  auto owner = users_.find(theirs.user_id);
  if (owner == users_.end()) return leave_out("owner_missing");
  session header;
  header.owner_id = owner->second;
  header.source = session_source{std::string{name_of(import_source::openwebui)}, theirs.id};
  TRY(auto was_moved, is_there(header));
  if (was_moved) return leave_out("already_there");
  TRY(auto chat, read_chat(theirs));
  if (!chat) return {};
  chat->header.owner_id = header.owner_id;
  chat->header.source = header.source;
  if (auto place = folders_.find(theirs.folder_id); place != folders_.end())
    chat->header.folder_id = place->second;
  TRY_DONE(take_tags(theirs, chat->header));
  auto is_changed = !chat->counts.changed.empty() || !chat->counts.left_out.empty();
  report_.messages.add(chat->counts);
  TRY_DONE(store_chat(std::move(*chat)));
  if (is_changed)
    ++report_.sessions.changed["messages_changed"];
  else
    ++report_.sessions.taken;
  return {};
}

/// Nothing for one that was left out, and counted.
expected<std::optional<imported_session>> mover::read_chat(const storage::openwebui_chat& theirs) {
  auto leave_out = [&](const char* reason) {
    ++report_.sessions.left_out[reason];
    return std::optional<imported_session>{};
  };
  auto conversation = parts_.from->conversation_of(theirs);
  if (!conversation && code_of(conversation.error()) == errc::too_large)
    return leave_out("too_large");
  if (!conversation) return conversation.error();
  mend_surrogates(*conversation);
  auto root = json_.parse(exported(theirs, conversation->empty() ? "{}" : *conversation));
  if (!root) return leave_out("not_json");
  auto inner = root->find("chat");
  auto history = inner ? inner->find("history") : std::nullopt;
  auto known = history ? history->find("messages") : std::nullopt;
  if (!inner->find("messages") && (!known || known->members().empty())) {
    TRY(*conversation, parts_.from->conversation_from_rows(theirs));
    if (conversation->empty()) *conversation = R"({"messages":[]})";
    mend_surrogates(*conversation);
    root = json_.parse(exported(theirs, *conversation));
    if (!root) return leave_out("not_json");
  }
  conversation->clear();
  auto read = read_conversation(import_source::openwebui, *root, parts_.now);
  if (!read) return leave_out("not_a_chat");
  if (auto models = root->find("chat")->find("models"))
    if (auto first = models->first())
      if (auto name = first->as_string())
        if (auto model = models_.find(std::string{*name}); model != models_.end())
          read->header.model_id = model->second;
  return std::optional{std::move(*read)};
}

expected<void> mover::take_tags(const storage::openwebui_chat& theirs, session& header) {
  TRY(auto old, parts_.from->old_tags_of(theirs));
  auto names = header.tags;
  if (auto listed = json_.parse(old))
    for (const auto& tag : listed->items())
      if (auto name = tag.as_string()) names.emplace_back(*name);
  constexpr size_t name_length_max = 64;
  std::vector<std::string> shown;
  for (const auto& id : names) {
    TRY(auto name, parts_.from->tag_name(theirs.user_id, id));
    if (name == "pinned") header.pinned = true;
    if (name == "pinned" || name.empty() || !is_utf8(name)) continue;
    shown.push_back(count_code_points(name) <= name_length_max ? name : id);
  }
  if (shown.size() > session_tags_max) shown.resize(session_tags_max);
  if (auto tags = joined_tags(shown)) header.tags = std::move(*tags);
  return {};
}

expected<bool> mover::is_there(const session& header) const {
  if (parts_.to == nullptr) return false;
  auto known = parts_.to->prepare("SELECT id FROM sessions WHERE owner_id=? AND source=?");
  known.bind(header.owner_id);
  storage::detail::bind_value(known, header.source);
  TRY(auto id, found<session_id>(std::move(known)));
  return id.has_value();
}

expected<void> mover::store_chat(imported_session&& chat) {
  unwritten_ += 1 + std::ssize(chat.messages);
  TRY_DONE(store(create_session{chat.header}));
  for (auto& said : chat.messages) {
    if (parts_.is_trial) break;
    said.measure = parts_.counter->measure(token_vocabulary::o200k_base, said.parts);
    said.tokens = tokens_of(said.measure);
    TRY_DONE(store(create_message{std::move(said)}));
  }
  return {};
}

}  // namespace parley::app
