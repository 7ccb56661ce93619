// A conversation as LibreChat exports it: messages in a list, or each with its `children`.
#include "base/text.hpp"
#include "chat/import_tree.hpp"

namespace parley {

namespace {

constexpr std::string_view no_parent = "00000000-0000-0000-0000-000000000000";

void add_piece(import_node& node, const json_value& piece) {
  auto type = piece.string_at("type").value_or("");
  auto inner = piece.find(type);
  // {"type":"text","text":"…"}, or in older ones {"type":"text","text":{"value":"…"}}.
  auto text = inner ? inner->as_string() : std::nullopt;
  if (!text && inner) text = inner->string_at("value");
  if (type == "text") return node.add_text(part_type::text, text.value_or(""));
  if (type == "think") return node.add_text(part_type::reasoning, text.value_or(""));
  if (type == "error") {
    node.said.status = message_status::error;
    return node.add_text(part_type::text, text.value_or(""));
  }
  if (type == "tool_call" && inner) {
    node.add_code(text_at(*inner, "name"), text_at(*inner, "args"));
    node.add_code("", text_at(*inner, "output"));
    return node.note_change("tool_as_text");
  }
  node.add_missing(type);
}

void read_message(import_node& node, const json_value& said) {
  node.id = text_at(said, "messageId");
  if (auto parent = text_at(said, "parentMessageId"); parent != no_parent) node.parent = parent;
  node.at = read_time(said.find("createdAt"));
  auto is_user = flag_at(said, "isCreatedByUser");
  node.said.role = is_user ? message_role::user : message_role::assistant;
  if (!is_user && text_at(said, "sender") == "System") node.said.role = message_role::system;
  auto pieces = said.find("content");
  if (pieces && pieces->type() == json_type::array)
    for (const auto& piece : pieces->items()) add_piece(node, piece);
  if (node.said.parts.empty()) node.add_text(part_type::text, said.string_at("text").value_or(""));
  for (auto key : {"files", "attachments"})
    if (auto files = said.find(key))
      for (const auto& file : files->items()) node.add_missing(text_at(file, "filename"));
  if (node.said.role != message_role::assistant) return;
  if (auto model = said.string_at("model")) node.said.model_name = fit_title(*model);
  if (flag_at(said, "error")) node.said.status = message_status::error;
  if (flag_at(said, "unfinished")) node.said.status = message_status::interrupted;
}

// The depth is bounded by the parser's.
void read_list(import_draft& draft, const json_value& listed, const std::string& parent) {
  for (const auto& said : listed.items()) {
    auto place = draft.nodes.size();
    auto& node = draft.nodes.emplace_back();
    read_message(node, said);
    if (node.id.empty()) node.id = "#" + std::to_string(place);
    if (!parent.empty()) node.parent = parent;
    auto id = draft.leaf = node.id;
    if (auto children = said.find("children")) read_list(draft, *children, id);
  }
}

}  // namespace

expected<import_draft> read_librechat(const json_value& conversation) {
  import_draft draft;
  draft.source_id = text_at(conversation, "conversationId");
  if (draft.source_id.empty())
    return make_error(errc::invalid_input, "conversation_id", "A conversation has no id.");
  draft.header.title = fit_title(conversation.string_at("title").value_or(""));
  draft.header.created_at = read_time(conversation.find("createdAt")).value_or(instant{});
  draft.header.updated_at = read_time(conversation.find("updatedAt")).value_or(instant{});
  draft.header.archived = flag_at(conversation, "isArchived");
  if (auto prompt = text_at(conversation, "options", "promptPrefix"); !prompt.empty())
    draft.header.system_prompt = std::string{cut_utf8(prompt, 32768)};
  auto listed = conversation.find("messages");
  if (!listed) listed = conversation.find("messagesTree");
  if (listed) read_list(draft, *listed, {});
  return draft;
}

}  // namespace parley
