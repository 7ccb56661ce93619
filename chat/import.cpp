#include "chat/import.hpp"

#include <charconv>

#include "chat/import_tree.hpp"

namespace parley {

int64_t import_counts::total() const {
  auto sum = taken;
  for (const auto& [reason, count] : changed) sum += count;
  for (const auto& [reason, count] : left_out) sum += count;
  return sum;
}

void import_counts::add(const import_counts& more) {
  taken += more.taken;
  for (const auto& [reason, count] : more.changed) changed[reason] += count;
  for (const auto& [reason, count] : more.left_out) left_out[reason] += count;
}

namespace {

/// The value of the escape `\uXXXX` at this place; 0 if there is none.
uint32_t escape_at(std::string_view json, size_t at) {
  if (json.size() < at + 6 || json[at] != '\\' || json[at + 1] != 'u') return 0;
  uint32_t value = 0;
  const auto* end = json.data() + at + 6;
  auto read = std::from_chars(json.data() + at + 2, end, value, 16);
  return read.ptr == end ? value : 0;
}

}  // namespace

bool mend_surrogates(std::string& json) {
  bool is_mended = false;
  for (auto at = json.find('\\'); at != std::string::npos; at = json.find('\\', at)) {
    auto value = escape_at(json, at);
    auto is_high = value >= 0xD800 && value < 0xDC00;
    auto follower = is_high ? escape_at(json, at + 6) : 0;
    if (follower >= 0xDC00 && follower < 0xE000) {
      at += 12;
      continue;
    }
    if (is_high || (value >= 0xDC00 && value < 0xE000)) {
      json.replace(at + 2, 4, "FFFD");
      is_mended = true;
    }
    // An escape of one character, or the beginning of a longer one.
    at += 2;
  }
  return is_mended;
}

std::optional<import_source> source_of(const json_value& conversation) {
  auto is_object = [](const std::optional<json_value>& value) {
    return value && value->type() == json_type::object;
  };
  if (conversation.string_at("format") == "parley.session") return import_source::parley;
  if (is_object(conversation.find("mapping"))) return import_source::chatgpt;
  if (auto chat = conversation.find("chat"); is_object(chat))
    if (chat->find("history") || chat->find("messages")) return import_source::openwebui;
  if (conversation.find("conversationId"))
    if (conversation.find("messages") || conversation.find("messagesTree"))
      return import_source::librechat;
  return std::nullopt;
}

expected<imported_session> read_conversation(import_source source, const json_value& conversation,
                                             instant now) {
  auto read = [&]() -> expected<import_draft> {
    switch (source) {
      case import_source::parley:
        return read_parley(conversation);
      case import_source::chatgpt:
        return read_chatgpt(conversation);
      case import_source::openwebui:
        return read_openwebui(conversation);
      case import_source::librechat:
        break;
    }
    return read_librechat(conversation);
  };
  TRY(auto draft, read());
  draft.source = source;
  return assemble(std::move(draft), now);
}

}  // namespace parley
